"""Whose certificates are trusted."""

from __future__ import annotations

import os

_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def authorities() -> str:
    """Return the file of the certificate authorities that come with us: what the system trusts does not count."""
    import certifi

    return certifi.where()


def chosen_authorities() -> str:
    """Return the file that the environment names; empty where it names none."""
    return next((path for name in _VARIABLES if (path := os.environ.get(name))), "")
