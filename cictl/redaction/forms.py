"""The shapes in which a secret shows up: itself, its lines, and what common tools make of it.

Masking prevents accidents. A job that means to give a secret away can encode it in any way. So a form is here if tools print
it unasked (`curl -v`, `set -x`, a JSON logger, `env | base64`). It is not here if only intent makes it (hex, rot13, reversed,
compressed), because each form costs time on every byte of every log.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

from cictl.base.urls import user_info_of

_SHORTEST_PART = 4
"""The shortest line of a value that is masked by itself. Shorter ones, such as `}`, would mask half the log."""
_SHORTEST_ENCODED = 8
"""The shortest piece of base64, of a value inside a longer text, that is masked."""
_BASE64_LINES = (64, 76)
"""Characters in a line of base64: 64 in OpenSSL and PEM, 76 in `base64` and MIME (RFC 2045, 6.8)."""

_ESCAPED_OCTET = re.compile(r"%[0-9A-F]{2}")
_PLAIN_IN_SHELL = re.compile(r"[A-Za-z0-9_@%+=:,./-]")


def forms_of(values: Iterable[str]) -> list[str]:
    """Return every text that must not be shown, the longest first. A blank value has none."""
    found: set[str] = set()
    for value in values:
        if value.strip():
            found.update(_forms(value))
    return sorted(found, key=lambda form: (-len(form), form))


def url_secrets(url: str) -> list[str]:
    """Return the parts of a repository's URL that must not be shown: its user info, and its password by itself.

    A user without a password counts as one, because hosts take tokens there. The user of an `ssh` URL is no secret.
    """
    user_info = user_info_of(url)
    if not user_info or url.partition("://")[0].lower() not in ("http", "https", "ftp", "ftps"):
        return []
    user, _, password = user_info.partition(":")
    alone = password or user
    texts = dict.fromkeys((f"{user_info}@", alone, unquote(alone)))
    return [text for text in texts if len(text) >= _SHORTEST_PART]


def _forms(value: str) -> Iterator[str]:
    stripped = value.strip()
    yield from _line_ends(stripped)
    for line in stripped.splitlines():
        if len(line.strip()) >= _SHORTEST_PART:
            yield line.strip()
    for whole in {value, stripped}:
        yield from _json(whole)
        yield from _url(whole)
        yield from _shell(whole)
        yield from _base64(whole.encode("utf-8", "surrogatepass"))


def _line_ends(value: str) -> Iterator[str]:
    """Yield the value with the line ends of a file, and with CR LF, which a terminal makes of them."""
    unix = value.replace("\r\n", "\n")
    yield from {value, unix, unix.replace("\n", "\r\n")}


def _json(value: str) -> Iterator[str]:
    """Yield the value as it is inside a JSON string, also with `&<>` escaped, as Go does, and with `/` escaped."""
    for text in {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}:
        yield text
        yield text.replace("/", "\\/")
        yield re.sub("[&<>]", lambda char: f"\\u{ord(char[0]):04x}", text)


def _url(value: str) -> Iterator[str]:
    data = value.encode("utf-8", "surrogatepass")
    for text in {quote(data, safe=""), quote(data), quote_plus(data)}:
        yield text
        yield _ESCAPED_OCTET.sub(lambda octet: octet[0].lower(), text)


def _shell(value: str) -> Iterator[str]:
    """Yield the value as it is quoted by `set -x` in bash and in dash, by `export -p`, and by `printf %q`."""
    yield value.replace("'", "'\\''")
    yield re.sub(r'["$`\\]', r"\\\g<0>", value)
    yield shlex.quote(value)[1:-1] if "'" in value else value
    if value.isprintable():
        yield "".join(char if _PLAIN_IN_SHELL.match(char) or not char.isascii() else f"\\{char}" for char in value)


def _base64(data: bytes) -> Iterator[str]:
    # The value may be encoded together with what is around it (`user:secret`). Three bytes give four characters, so there
    # are three ways to cut it, by how many bytes stand before it. Each gives other characters.
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(data).decode()
        yield whole
        yield whole.rstrip("=")
        for before in range(3):
            inner = _inner_base64(encode(b"\0" * before + data).decode(), before + len(data), before)
            if len(inner) >= _SHORTEST_ENCODED:
                yield inner
        for width in _BASE64_LINES:
            if len(whole) > width:
                yield from _pieces(_inner_base64(whole, len(data), 0), width)


def _inner_base64(encoded: str, length: int, before: int) -> str:
    """Return the characters that depend on the value alone: the first and last may depend on its neighbours too."""
    return encoded[(before * 8 + 5) // 6 : length * 8 // 6]


def _pieces(text: str, width: int) -> Iterator[str]:
    for start in range(0, len(text), width):
        piece = text[start : start + width]
        if len(piece) >= _SHORTEST_ENCODED:
            yield piece
