"""The two requests to a Vault, login and read, and what the answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote as percent_encoded

import msgspec

from cictl.base.typed_json import read_json_as
from cictl.project_file.findings import quote
from cictl.redaction import Redactor
from cictl_server.services.secrets.vault.errors import TokenRefused, VaultProblem, VaultRefused, VaultUnavailable
from cictl_server.services.secrets.vault.rendering import render
from cictl_server.services.secrets.vault.tokens import Login
from cictl_server.store.records.secrets import VaultConnectionRecord

_NULL = msgspec.Raw(b"null")
_SHOWN = 500
"""How many characters of an answer an error shows."""

_DEFAULT_LIFETIME = 3600
_LONGEST_LIFETIME = 365 * 24 * 3600
_DEFAULT_MOUNT = "kv"
_KV_VERSIONS = (1, 2)
_TOKEN_REFUSED = (401, 403)
# RFC 9110, 15.5.9; RFC 6585, 4; and 412, the answer of a replica that does not know a fresh token yet
_PASSING = frozenset({408, 412, 429})


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a map of keys lies in Vault. One request reads all of it."""

    mount: str
    path: str
    kv_version: int


def place_of(connection: VaultConnectionRecord, *, mount: str, path: str, kv_version: int) -> Place:
    """Return a place; the connection's defaults replace what is blank or 0.

    Raises:
        VaultRefused: The KV engine has no such version, or the path has `.` or `..` as a part.
    """
    version = kv_version or connection.kv_default_version
    if version not in _KV_VERSIONS:
        raise VaultRefused(f"kv_version must be 1 or 2, not {version}")
    place = Place(
        mount=mount.strip().strip("/") or connection.kv_default_mount or _DEFAULT_MOUNT,
        path=path.strip().strip("/"),
        kv_version=version,
    )
    if climbs(place.mount) or climbs(place.path):
        raise VaultRefused("create vault request: mount and path must not have the parts . or ..")
    return place


def climbs(path: str) -> bool:
    """Tell whether *path* has `.` or `..` as a part, so that it would lead elsewhere."""
    return not {".", ".."}.isdisjoint(path.split("/"))


class VaultClient:
    """One Vault as one connection describes it. All calls share one deadline."""

    def __init__(self, connection: VaultConnectionRecord, *, ends_at: float) -> None:
        """Send nothing yet.

        Args:
            ends_at: When to give up, by `time.monotonic`.
        """
        from cictl_server.services.secrets.vault.transport import Transport  # brings requests in

        self._connection = connection
        self._transport = Transport(connection, ends_at=ends_at)

    def close(self) -> None:
        self._transport.close()

    def login(self, secret_id: str) -> Login:
        """Log in by AppRole.

        Raises:
            VaultProblem: The login failed.
        """
        path = f"/v1/auth/{_encoded(self._connection.approle_mount)}/login"
        status, body = self._transport.call(
            "post", path, json={"role_id": self._connection.role_id, "secret_id": secret_id}
        )
        if status != 200:
            raise _problem(status, f"vault login failed: status={status} body={_shown(body, hidden=secret_id)}")
        auth = _decoded(body, dict[str, Any], what="login").get("auth")
        if not isinstance(auth, dict):
            raise VaultRefused("vault login response has no auth block")
        token = auth.get("client_token")
        if not isinstance(token, str) or not token.strip():
            raise VaultRefused("vault login response missing client_token")
        if not (token.isascii() and token.isprintable()):  # an error about the header would show it
            raise VaultRefused("decode vault login response: the token has characters that no header can")
        return Login(token=token, lifetime=_lifetime(auth.get("lease_duration")))

    def read(self, place: Place, *, token: str) -> Mapping[str, msgspec.Raw]:
        """Return the values at *place* by key, as raw JSON.

        Raises:
            TokenRefused: The token may not read it.
            VaultProblem: The read failed.
        """
        data = "data/" if place.kv_version == 2 else ""
        path = f"/v1/{_encoded(place.mount)}/{data}{_encoded(place.path)}"
        status, body = self._transport.call("get", path, token=token)
        if status != 200:
            text = f"vault read failed: status={status} body={_shown(body, hidden=token)}"
            raise TokenRefused(text) if status in _TOKEN_REFUSED else _problem(status, text)
        found = _data_of(body)
        if place.kv_version == 2:
            found = _data_of(found)
        by_key: dict[str, msgspec.Raw] = _decoded(found, dict[str, msgspec.Raw], what="read")
        return by_key


class _Enveloped(msgspec.Struct, frozen=True):
    data: msgspec.Raw = _NULL


def _data_of(answer: bytes | msgspec.Raw) -> msgspec.Raw:
    found: msgspec.Raw = _decoded(answer, _Enveloped, what="read").data
    if bytes(found) == b"null":
        raise VaultRefused("vault read response has no data")
    return found


def value_of(found: Mapping[str, msgspec.Raw], key: str, *, path: str) -> str:
    """Return the value of one key as text.

    Raises:
        VaultRefused: The key is missing, or its value can't be text.
    """
    if key not in found:
        raise VaultRefused(f"key {quote(key)} not found at {path}")
    return render(found[key], key=key)


def _encoded(path: str) -> str:
    """Return *path* as a part of a URL. Like Vault's own command, it takes several slashes for one."""
    return percent_encoded("/".join(part for part in path.split("/") if part), safe="/")


def _decoded(body: bytes | msgspec.Raw, type_: Any, *, what: str) -> Any:
    try:
        return read_json_as(body, type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VaultRefused(f"decode vault {what} response: {error}") from None


def _shown(body: bytes, *, hidden: str) -> str:
    """Return the beginning of an answer on one line. If it repeats the secret that was sent, in any form, that is masked."""
    text = " ".join(Redactor([hidden]).redact(body.decode(errors="replace")).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _problem(status: int, text: str) -> VaultProblem:
    is_passing = status >= 500 or status in _PASSING
    return VaultUnavailable(text) if is_passing else VaultRefused(text)


def _lifetime(seconds: object) -> timedelta:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    lasts = int(seconds) if isinstance(seconds, int | float) and is_number else 0
    return timedelta(seconds=min(lasts, _LONGEST_LIFETIME) if lasts > 0 else _DEFAULT_LIFETIME)
