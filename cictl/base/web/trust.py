"""Which certificate authorities are trusted."""

from __future__ import annotations

import os

_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def authorities() -> str:
    """Return the file with the certificate authorities that come with `certifi`. Those of the system do not count."""
    import certifi

    return certifi.where()


def chosen_authorities() -> str:
    """Return the file of authorities that the environment names; empty if it names none."""
    return next((path for name in _VARIABLES if (path := os.environ.get(name))), "")
