"""Which certificate authorities are trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

CA_FILE, CLIENT_CERT, CLIENT_KEY = "CICTL_CA_FILE", "CICTL_CLIENT_CERT", "CICTL_CLIENT_KEY"

_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Files for TLS with one server; empty for none.

    Attributes:
        ca_file: PEM with the authorities that are trusted instead of all others.
        client_cert: PEM with the certificate that this client shows, and perhaps its key.
        client_key: PEM with that key, if it is not with the certificate.
    """

    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""

    def variables(self) -> dict[str, str]:
        """Return the variables that say the same."""
        named = {CA_FILE: self.ca_file, CLIENT_CERT: self.client_cert, CLIENT_KEY: self.client_key}
        return {name: path for name, path in named.items() if path}

    def check(self) -> None:
        """Return if each file is there.

        Raises:
            ValueError: One is not, or there is a key without a certificate.
        """
        for path in filter(None, (self.ca_file, self.client_cert, self.client_key)):
            if not Path(path).is_file():
                raise ValueError(f"{path} is no file")
        if self.client_key and not self.client_cert:
            raise ValueError(f"there is a client key, {self.client_key}, and no client certificate")


NO_FILES = TlsFiles()


def tls_files(env: Mapping[str, str], *, ca_file: str = "", otherwise: TlsFiles = NO_FILES) -> TlsFiles:
    """Return the files for the server: *ca_file* wins over the environment, that over *otherwise*.

    Raises:
        ValueError: A file is not there.
    """
    found = TlsFiles(
        ca_file=ca_file or env.get(CA_FILE, "") or otherwise.ca_file,
        client_cert=env.get(CLIENT_CERT, "") or otherwise.client_cert,
        client_key=env.get(CLIENT_KEY, "") or otherwise.client_key,
    )
    found.check()
    return found


def authorities() -> str:
    """Return the file with the certificate authorities that come with `certifi`. Those of the system do not count."""
    import certifi

    return certifi.where()


def chosen_authorities() -> str:
    """Return the file of authorities that the environment names; empty if it names none."""
    return next((path for name in _VARIABLES if (path := os.environ.get(name))), "")
