"""The signature of a backup: a file that lists the backup's files with their digests, under a key.

Whoever does not have the key can't change a file, add one or take one away unnoticed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from cictl.base.typed_json import read_json_as
from cictl_server.errors import InvalidRequest
from cictl_server.store.trees import NotPlain, read_plain

SIGNATURE = "backup.signature"
_SHORTEST_KEY = 16


class _Signed(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file.

    Attributes:
        digests: The SHA-256 of each file, by its path in the backup.
        hmac: The HMAC-SHA-256 of `digests`.
    """

    digests: dict[str, str]
    hmac: str


def read_key(path: Path) -> bytes:
    """Return the key in the file *path*, without blanks and line ends around it.

    Raises:
        InvalidRequest: It can't be read, or is too short to be one.
    """
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise InvalidRequest(f"--key-file {path} can't be read: {error.strerror}") from error
    if len(key) < _SHORTEST_KEY:
        raise InvalidRequest(
            f"--key-file {path} has {len(key)} bytes; a key needs {_SHORTEST_KEY}",
            hint=f"`openssl rand -hex 32 > {path}` makes one",
        )
    return key


def sign(folder: Path, key: bytes) -> None:
    """Sign all files of *folder*."""
    digests = digests_of(folder)
    path = folder / SIGNATURE
    path.write_bytes(msgspec.json.encode(_Signed(digests=digests, hmac=_hmac(digests, key))) + b"\n")
    path.chmod(0o600)


def signed_digests(folder: Path, key: bytes) -> Mapping[str, str]:
    """Return the digests that the signature of *folder* lists.

    Raises:
        InvalidRequest: There is none, or it was not made with *key*.
    """
    try:
        signed = read_json_as(read_plain(folder / SIGNATURE), _Signed)
    except (FileNotFoundError, NotPlain, msgspec.MsgspecError):
        raise InvalidRequest(
            f"{folder} has no signature that --key-file could check",
            hint="`cictl store backup --key-file FILE` makes one; without --key-file any backup is taken as it is",
        ) from None
    if not hmac.compare_digest(signed.hmac, _hmac(signed.digests, key)):
        raise InvalidRequest(f"the signature of {folder} is not of this key: another one made it, or it was changed")
    return signed.digests


def differences(found: Mapping[str, str], signed: Mapping[str, str]) -> Iterator[str]:
    """Yield a text for each file whose digest is not as it was signed."""
    for name in sorted({*found, *signed}):
        if name not in found:
            yield f"{name} is missing"
        elif name not in signed:
            yield f"{name} was added"
        elif found[name] != signed[name]:
            yield f"{name} was changed"


def digests_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below *folder*, which holds plain files alone."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hmac(digests: Mapping[str, str], key: bytes) -> str:
    return hmac.new(key, msgspec.json.encode(sorted(digests.items())), "sha256").hexdigest()
