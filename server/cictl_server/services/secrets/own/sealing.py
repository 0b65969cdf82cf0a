"""Sealing texts with AES-GCM, and the keys for it. The keys are never in the store, and so in no backup of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from cictl.base.system.durable import sync_directory
from cictl_server.errors import CictlError, Conflict

FILE = "secrets.key"
VARIABLE = "CICTL_SECRETS_KEY"

_KEY_BYTES = 32
_NONCE_BYTES = 12
_COMMENT = "# Opens the secrets of this server. Keep a copy, but not beside the backups. The first key seals; others only open.\n"


class BadSealingKey(CictlError):
    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where} does not hold keys of {_KEY_BYTES} bytes in base64",
            hint=f"make one with: python3 -c 'import base64, os; print(base64.b64encode(os.urandom({_KEY_BYTES})).decode())'",
        )


class CannotOpen(Exception):
    """The key that sealed a text is not here, or the text was tampered with."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed text.

    Attributes:
        key_id: Which key sealed it: the beginning of the key's SHA-256.
        text: Nonce and ciphertext, in base64.
    """

    key_id: str
    text: str


@dataclass(frozen=True)
class SealingKey:
    """One key."""

    value: bytes

    def __repr__(self) -> str:
        return f"SealingKey({self.id})"

    @cached_property
    def id(self) -> str:
        return hashlib.sha256(self.value).hexdigest()[:8]

    @property
    def written(self) -> str:
        return base64.b64encode(self.value).decode()

    def seal(self, value: str, *, bound_to: str) -> Sealed:
        """Seal *value* so that it can be opened only together with the same *bound_to*."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        data = AESGCM(self.value).encrypt(nonce, value.encode(), bound_to.encode())
        return Sealed(key_id=self.id, text=base64.b64encode(nonce + data).decode())

    def open(self, sealed: Sealed, *, bound_to: str) -> str:
        """Return the text.

        Raises:
            CannotOpen: It was changed, or is bound to something else.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        data = base64.b64decode(sealed.text)
        try:
            return AESGCM(self.value).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound_to.encode()).decode()
        except InvalidTag as error:
            raise CannotOpen("it was changed outside of cictl") from error


class KeyRing:
    """The keys of one server: those of a variable, else those of a file, which is made when the first one is needed.

    Attributes:
        path: The file.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.path = directory / FILE
        self._given = environment.get(VARIABLE, "")

    @property
    def is_given(self) -> bool:
        """Whether the keys come from the variable: then cictl can't change them."""
        return bool(self._given.strip())

    def keys(self) -> list[SealingKey]:
        """Return the keys, the one that seals first; empty if there is none yet.

        Raises:
            BadSealingKey: The variable or the file holds something else.
        """
        if self.is_given:
            return [_key(word, VARIABLE) for word in self._given.split()]
        try:
            lines = self.path.read_text().splitlines()
        except FileNotFoundError:
            return []
        return [_key(line, str(self.path)) for line in lines if line.strip() and not line.startswith("#")]

    def sealing(self) -> SealingKey:
        """Return the key that seals, and make one if there is none."""
        if found := self.keys():
            return found[0]
        key = _new_key()
        self._write([key])
        return key

    def opening(self, key_id: str) -> SealingKey:
        """Return the key with *key_id*.

        Raises:
            CannotOpen: It is not here.
        """
        found = next((key for key in self.keys() if key.id == key_id), None)
        if found is None:
            raise CannotOpen(f"it was sealed with key {key_id}, which is neither in {self.path} nor in {VARIABLE}")
        return found

    def begin_rotation(self) -> SealingKey:
        """Put a new key first, and return it; the old ones go on opening until `end_rotation`.

        Raises:
            Conflict: The variable holds one key only: somebody must put the new one before it.
        """
        if not self.is_given:
            key = _new_key()
            self._write([key, *self.keys()])
            return key
        given = self.keys()
        if len(given) < 2:
            raise Conflict(
                f"the key comes from {VARIABLE}, so cictl can't make another one",
                hint="put the new key before the old one, with a blank between them, and restart; then rotate",
            )
        return given[0]

    def end_rotation(self) -> None:
        """Forget all keys but the one that seals; those of the variable stay until somebody removes them."""
        if not self.is_given:
            self._write(self.keys()[:1])

    def _write(self, keys: list[SealingKey]) -> None:
        part = self.path.with_name(f".{FILE}.{secrets.token_hex(4)}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(_COMMENT + "".join(f"{key.written}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        sync_directory(self.path.parent)


def _new_key() -> SealingKey:
    return SealingKey(secrets.token_bytes(_KEY_BYTES))


def _key(text: str, where: str) -> SealingKey:
    try:
        value = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise BadSealingKey(where) from error
    if len(value) != _KEY_BYTES:
        raise BadSealingKey(where)
    return SealingKey(value)
