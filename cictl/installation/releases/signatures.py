"""Signatures of releases: an Ed25519 key signs the list of SHA-256 sums, and so every file that the list names."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cictl.installation.releases.release import ReleaseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SUFFIX = ".sig"
"""The signature of a file has the file's name and this."""

SETTING = "CICTL_UPDATE_PUBLIC_KEY"

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_PEM = "-----BEGIN"


class Verifier(msgspec.Struct, frozen=True):
    """Checks signatures with one public key."""

    _key: Ed25519PublicKey

    @classmethod
    def of(cls, setting: str) -> Verifier:
        """Return the verifier for a key.

        Args:
            setting: The path of a PEM file, the text of one, or 32 bytes in base64.

        Raises:
            ReleaseError: The key can't be read, or is none of Ed25519.
        """
        text = setting.strip()
        try:
            if _PEM in text:
                return cls(_of_pem(text))
            raw = _decoded(text)
            return cls(_of_bytes(raw) if len(raw) == _KEY_BYTES else _of_pem(Path(text).expanduser().read_text()))
        except OSError as error:
            raise ReleaseError(f"{SETTING}: cannot read {text}: {error.strerror}") from error
        except ValueError as error:
            raise ReleaseError(
                f"{SETTING} is no Ed25519 public key: name a PEM file, or write the key's 32 bytes in base64"
            ) from error

    def check(self, content: bytes, signature: bytes, *, name: str) -> None:
        """Check that the key has signed *content*.

        Args:
            signature: 64 bytes, or these in base64.
            name: Of the signed file, for the text of the error.

        Raises:
            ReleaseError: It has not.
        """
        from cryptography.exceptions import InvalidSignature

        raw = signature if len(signature) == _SIGNATURE_BYTES else _decoded(signature.decode(errors="replace"))
        try:
            self._key.verify(raw, content)
        except InvalidSignature as error:
            raise ReleaseError(
                f"signature verification failed: {name}{SUFFIX} is not by the key of {SETTING}, or {name} was changed"
            ) from error


def _decoded(text: str) -> bytes:
    """Return what *text* is in base64; empty if it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _of_bytes(raw: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw)


def _of_pem(text: str) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if isinstance(key, Ed25519PublicKey):
        return key
    raise ValueError(f"a key of another kind: {type(key).__name__}")
