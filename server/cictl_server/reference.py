"""The API's reference page, made from the route table, the resources' docstrings and the wire types.

`python -m cictl_server.reference` prints it; `make docs` writes it to `docs/api.md`.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Union, get_args, get_origin

import msgspec

from cictl.wire.codec import Message

_MODULES = ("server", "agents", "jobs", "artifacts", "reports", "projects", "problems")

_INTRODUCTION = """\
# API

Generated from the code by `make docs`; do not edit.

JSON in, JSON out, below `/api/v1`. Bodies are read leniently: unknown keys are ignored, keys match whatever their case,
and null means absent. In answers a key that is not marked *always* is left out while it is empty, zero or false. Instants are RFC 3339 in
UTC, sizes are bytes.

An error is plain text by default: the message and a newline. Clients that send `Accept: application/json` or
`application/problem+json` get a `Problem` with a stable `code`:

| code | status |
| --- | --- |
{codes}

A wrong method gives 405, an unknown path 404 `404 page not found`. On a loopback address the `Host` header must name this
machine, and a request that changes something must not come from another origin.

## Routes
"""


def render() -> str:
    """Return the page as Markdown."""
    from cictl_server.resources.errors import STATUS

    codes = "\n".join(f"| `{code}` | {status} |" for code, status in sorted(STATUS.items(), key=lambda item: item[1]))
    parts = [_INTRODUCTION.format(codes=codes), *_routes(), "\n## Types\n", *_types()]
    return "\n".join(parts) + "\n"


def _routes() -> Iterator[str]:
    from cictl_server.app import ROUTES

    for path, resource, suffix in ROUTES:
        ending = f"_{suffix}" if suffix else ""
        for method in ("get", "post", "delete", "head"):
            responder = getattr(resource, f"on_{method}{ending}", None)
            if responder is not None:
                yield f"### `{method.upper()} {path.replace(':path', '')}`\n"
                yield _linked(_text(responder)) + "\n"


def _text(responder: Any) -> str:
    """Return the docstring without the method at its beginning, which the heading says."""
    text = inspect.getdoc(responder) or ""
    first, _, rest = text.partition("\n")
    shortened = re.sub(r"^(GET|POST|DELETE|HEAD)[:,]? ?", "", first)
    return (shortened[:1].upper() + shortened[1:] + ("\n" + rest if rest else "")).strip()


def _linked(text: str) -> str:
    """Make the names of wire types links to their tables."""
    return re.sub(
        r"\b([A-Z][A-Za-z]+)\b",
        lambda match: f"[{match[1]}](#{match[1].lower()})" if match[1] in _named() else match[1],
        text,
    )


def _types() -> Iterator[str]:
    for name, struct in sorted(_named().items()):
        yield f"### {name}\n"
        if text := inspect.getdoc(struct):
            yield _attributes_as_list(text) + "\n"
        yield "| key | type | |\n| --- | --- | --- |"
        for field in msgspec.structs.fields(struct):
            is_always = field.required or (
                field.default_factory is not msgspec.NODEFAULT and field.default_factory in (int, str)
            )
            yield f"| `{field.encode_name}` | {_type_text(field.type)} | {'always' if is_always else ''} |"
        yield ""


def _attributes_as_list(text: str) -> str:
    """Turn the `Attributes:` of a docstring into a list."""
    head, found, rest = text.partition("Attributes:\n")
    if not found:
        return text
    items = re.sub(r"^ {4}(\w[\w, ]*):", r"- `\1`:", rest, flags=re.MULTILINE)
    return head + items


def _named() -> dict[str, type[Message]]:
    return {
        name: value
        for module in _MODULES
        for name, value in vars(import_module(f"cictl.wire.{module}")).items()
        if isinstance(value, type) and issubclass(value, Message) and value is not Message
    }


def _type_text(type_: Any) -> str:
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (Union, types.UnionType):
        names = [_type_text(a) for a in arguments if a is not type(None)]
        return " or ".join([*names, "null"]) if type(None) in arguments else " or ".join(names)
    if origin is list:
        return f"list of {_type_text(arguments[0])}"
    if origin is dict:
        return f"map of {_type_text(arguments[0])} to {_type_text(arguments[1])}"
    if type_ in _named().values():
        return f"[{type_.__name__}](#{type_.__name__.lower()})"
    plain = {str: "text", int: "integer", float: "number", bool: "boolean"}
    name = str(type_.__name__)
    return plain.get(type_, "instant" if name == "datetime" else name)


if __name__ == "__main__":
    sys.stdout.write(render())
