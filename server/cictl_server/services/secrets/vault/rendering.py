"""Turning the JSON value of a secret into the text that a step gets."""

from __future__ import annotations

import json

import msgspec

from cictl.project_file.findings import quote
from cictl_server.services.secrets.vault.errors import VaultRefused


def render(value: msgspec.Raw, *, key: str) -> str:
    """Return the text of a JSON value.

    A string is itself, a number or boolean what Vault wrote, anything else compact JSON. No number becomes a float on the
    way: `12345678` stays `12345678`.

    Raises:
        VaultRefused: It is null, or no environment variable can hold the text.
    """
    written = bytes(value)
    if written == b"null":
        raise VaultRefused(f"key {quote(key)} is null")
    try:
        text = _text(written)
        text.encode()
    except (ValueError, RecursionError) as error:  # half a surrogate pair, or a number of thousands of digits
        raise VaultRefused(f"key {quote(key)} is no text that can be passed on") from error
    if "\0" in text:
        raise VaultRefused(f"key {quote(key)} holds a NUL, which no environment variable can")
    return text


def _text(written: bytes) -> str:
    match written[:1]:
        case b'"':
            return msgspec.json.decode(written, type=str)
        case b"{" | b"[":
            return json.dumps(json.loads(written), ensure_ascii=False, separators=(",", ":"))
        case _:
            return written.decode()
