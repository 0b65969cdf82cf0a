"""The API's reference page, made from the route table, the responders' descriptions and the wire types.

`python -m cictl_server.apidoc.reference` prints it; `make docs` writes it to `docs/api.md`.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from cictl.wire.problems import Code
from cictl_server.apidoc.describe import AnswerShape, Content
from cictl_server.apidoc.operations import (
    BAD_KEY,
    DISK_FULL,
    FAULT,
    FORBIDDEN,
    KEY_IN_USE,
    KEY_REUSED,
    LIMITED,
    MALFORMED,
    NO_NUMBER,
    NOT_ALLOWED,
    OTHER_HOST,
    TOO_LARGE,
    UNAUTHENTICATED,
    Operation,
    attributes,
    operations,
    wire_types,
)
from cictl_server.apidoc.schemas import is_always_sent
from cictl_server.http.access.roles_of_routes import Access
from cictl_server.http.parameters import Parameter

_INTRODUCTION = """\
# API

Generated from the code by `make docs`; do not edit. The server describes the same to programs: `GET /api/v1/openapi.json`
is an OpenAPI 3.1 document.

JSON in, JSON out, below `/api/v1`. Unknown keys are ignored. Bodies up to 16 KiB are read leniently: keys match whatever their
case, and null means absent. In answers a key that is not marked *always* is left out while it is empty, zero or false. Instants are RFC 3339 in
UTC, sizes are bytes.

An error is plain text by default: the message and a newline. Clients that send `Accept: application/json` or
`application/problem+json` get a `Problem` with a stable `code`:

| code | status |
| --- | --- |
{codes}

Each answer has an `X-Request-Id`, the caller's own if it sent one of up to 64 letters, digits and `._:-`. A `Problem`, the server's log and the audit name it too.

A POST or DELETE may carry an `Idempotency-Key` of up to 255 characters: a repeat with the same key to the same address
gets the first one's answer, with `Idempotency-Replayed: true`, for 24 hours, also over a restart; nothing is done twice. Each client address has
keys of its own. A request with a known key and another query or body is no repeat, and gets 422. Of an answer of more than 64 KiB it is only kept that it was
given; the repeat gets 409. When one address has 5,000 answers or 8 MiB of them, or all have 20,000 or 32 MiB, the oldest are forgotten. Answers of 404 and
5xx are not kept.

What every route can answer is not repeated below:

| status | when |
| --- | --- |
{shared}

## Routes
"""

_SHARED = (
    (400, MALFORMED),
    (400, NO_NUMBER),
    (400, BAD_KEY),
    (401, UNAUTHENTICATED),
    (403, FORBIDDEN),
    (403, NOT_ALLOWED),
    (404, "an unknown path: `404 page not found`"),
    (405, "a wrong method"),
    (409, KEY_IN_USE),
    (413, TOO_LARGE),
    (421, OTHER_HOST),
    (422, KEY_REUSED),
    (429, LIMITED),
    (500, FAULT),
    (507, DISK_FULL),
)


def render() -> str:
    """Return the page as Markdown."""
    from cictl_server.app import ROUTES

    codes = "\n".join(f"| `{code}` | {code.status} |" for code in sorted(Code, key=lambda code: code.status))
    shared = "\n".join(f"| {status} | {text} |" for status, text in _SHARED)
    routes = (line for operation in operations(ROUTES) for line in _route(operation))
    return "\n".join([_INTRODUCTION.format(codes=codes, shared=shared), *routes, "\n## Types\n", *_types()]) + "\n"


def _route(operation: Operation) -> Iterator[str]:
    description = operation.description
    role = "no token is wanted" if operation.role is Access.NONE else f"role: {operation.role}"
    yield f"### `{operation.method.upper()} {operation.path}`\n"
    yield f"{_linked(operation.summary)}.\n"
    if operation.text:
        yield _linked(operation.text) + "\n"
    yield f"- {role}"
    if description.request is not None:
        yield f"- body: {_answer(description.request)}; at most {operation.body_text}".replace(".; at", "; at")
    for kind, parameters in (("query", description.query), ("header", description.headers)):
        for parameter in parameters:
            yield f"- {kind} `{parameter.name}`: {_parameter(parameter)}"
    for status, answer in sorted(description.answers.items()):
        yield f"- **{status}** {_answer(answer)}"
        if isinstance(answer, Content):
            yield from (f"  - header `{name}`: {text}" for name, text in answer.headers.items())
    yield ""


def _answer(answer: AnswerShape) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Content):
        media = " or ".join(f"`{media}`" for media in answer.media)
        return f"{media}: {_linked(answer.text)}"
    options = answer if isinstance(answer, tuple) else (answer,)
    return " or ".join(_linked(option.__name__) for option in options)


def _parameter(parameter: Parameter) -> str:
    text = _linked(parameter.text)
    if parameter.choices:
        return " or ".join(f"`{choice}`" for choice in parameter.choices) + f". {text}"
    if not parameter.is_number:
        return text
    until = f" to {parameter.high}" if parameter.high is not None else " or more"
    default = f", {parameter.default} if absent" if parameter.default is not None else ""
    return f"{parameter.low}{until}{default}. {text}"


def _linked(text: str) -> str:
    """Make the names of wire types links to their tables, except between backticks and in names such as `X-…`."""
    return re.sub(
        r"(?<![-`\w])([A-Z][A-Za-z]+)\b(?![-`])",
        lambda match: f"[{match[1]}](#{match[1].lower()})" if match[1] in wire_types() else match[1],
        text,
    )


def _types() -> Iterator[str]:
    for name, struct in wire_types().items():
        yield f"### {name}\n"
        text, told = attributes(struct)
        if text:
            yield text + "\n"
        yield "| key | type | | |\n| --- | --- | --- | --- |"
        for field in msgspec.structs.fields(struct):
            always = "always" if is_always_sent(struct, field) else ""
            key = field.encode_name
            yield f"| `{key}` | {_type_text(field.type)} | {always} | {told.get(key, '').replace('|', chr(92) + '|')} |"
        yield ""


def _type_text(type_: Any) -> str:
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (Union, types.UnionType):
        names = [_type_text(a) for a in arguments if a is not type(None)]
        return " or ".join([*names, "null"]) if type(None) in arguments else " or ".join(names)
    if origin is Annotated:
        return _type_text(arguments[0]) + "".join(f" from {meta.ge} to {meta.le}" for meta in arguments[1:])
    if origin is list:
        return f"list of {_type_text(arguments[0])}"
    if origin is dict:
        return f"map of {_type_text(arguments[0])} to {_type_text(arguments[1])}"
    if type_ in wire_types().values():
        return f"[{type_.__name__}](#{type_.__name__.lower()})"
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return ", ".join(f"`{member}`" for member in type_)
    plain = {str: "text", int: "integer", float: "number", bool: "boolean"}
    name = str(type_.__name__)
    return plain.get(type_, "instant" if name == "datetime" else name)


if __name__ == "__main__":
    sys.stdout.write(render())
