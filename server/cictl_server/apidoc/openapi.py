"""The OpenAPI 3.1 document, made from the route table, the responders' descriptions and the wire types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cictl.wire.admin.server import API_VERSION
from cictl.wire.codec import Message
from cictl.wire.problems import PROBLEM_JSON, Problem
from cictl_server.apidoc.describe import AnswerShape, Content, Request
from cictl_server.apidoc.operations import NUMBER_IDS, Operation, operations
from cictl_server.apidoc.schemas import Schemas
from cictl_server.http.parameters import Parameter
from cictl_server.http.routes import Route

Json = dict[str, Any]

_ABOUT = """\
JSON in, JSON out. Unknown keys are ignored. Bodies up to 16 KiB are read leniently: keys match whatever their case, null means
absent.
In answers a key that is not required is left out while it holds its default. Instants are RFC 3339 in UTC, sizes are bytes.
An error is plain text by default; clients whose Accept names `application/json` or `application/problem+json` get a
`Problem` with a stable `code`. A browser that goes to a page which wants a token is shown the way to `/login`."""

_NUMBER: Json = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}
_PATH_SCHEMAS: dict[str, Json] = {
    "job_id": {"type": "string", "pattern": "^job-[0-9]{1,20}$"},
    "agent_id": {"type": "string", "pattern": "^[^/]+$"},
    **dict.fromkeys(NUMBER_IDS, _NUMBER),
}
_PATH_TEXTS = {"path": "The artifact's path; its slashes may stand as they are."}
_TEXT: Json = {"type": "string", "minLength": 1}
_FOR_BROWSERS = "login"
"""The tag of what browsers use alone, whose errors they are shown as pages."""


def document(routes: Iterable[Route]) -> Json:
    """Return the document for *routes*.

    Raises:
        LookupError: A responder has no description.
    """
    described = list(operations(routes))
    schemas = Schemas(answers=_answer_types(described), requests=_request_types(described))
    paths: dict[str, Json] = {}
    for operation in described:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "cictl", "version": str(API_VERSION), "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(o.tag for o in described)],
        "paths": paths,
        "components": {"schemas": schemas.components},
    }


def _answer_types(described: list[Operation]) -> list[type[Message]]:
    found = [t for o in described for answer in o.answers.values() for t in _messages(answer)]
    return [*dict.fromkeys(found), Problem]


def _request_types(described: list[Operation]) -> list[type[Message]]:
    return list(dict.fromkeys(t for o in described if isinstance(t := o.description.request, type)))


def _messages(answer: AnswerShape) -> tuple[type[Message], ...]:
    if isinstance(answer, tuple):
        return answer
    if isinstance(answer, Content):
        return (answer.message,) if answer.message else ()
    return (answer,) if isinstance(answer, type) else ()


def _operation(operation: Operation, schemas: Schemas) -> Json:
    described: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "x-role": operation.role.value,
        "parameters": list(_parameters(operation)),
        "responses": {
            str(s): _response(s, answer, schemas, is_page=operation.tag == _FOR_BROWSERS)
            for s, answer in operation.answers.items()
        },
    }
    if operation.text:
        described["description"] = operation.text
    if operation.description.request is not None:
        described["requestBody"] = _body(operation.description.request, operation.body_text, schemas)
    return described


def _parameters(operation: Operation) -> Iterator[Json]:
    for name in operation.path_parameters:
        described = {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS.get(name, _TEXT)}
        yield described | ({"description": _PATH_TEXTS[name]} if name in _PATH_TEXTS else {})
    for place, parameters in (("query", operation.description.query), ("header", operation.headers)):
        for parameter in parameters:
            yield {
                "name": parameter.name,
                "in": place,
                "description": parameter.text,
                "schema": _parameter_schema(parameter),
            }


def _parameter_schema(parameter: Parameter) -> Json:
    if parameter.choices:
        return {"type": "string", "enum": list(parameter.choices)}
    if not parameter.is_number:
        return {"type": "string"}
    schema: Json = {"type": "integer", "minimum": parameter.low}
    if parameter.high is not None:
        schema["maximum"] = parameter.high
    if parameter.default is not None:
        schema["default"] = parameter.default
    return schema


def _body(request: Request, size: str, schemas: Schemas) -> Json:
    limit = f"At most {size}."
    if isinstance(request, Content):
        content: Json = {media: {} for media in request.media}
        return {"description": f"{request.text} {limit}", "required": True, "content": content}
    content = {"application/json": {"schema": schemas.request(request)}}
    return {"description": limit, "required": True, "content": content}


def _response(status: int, answer: AnswerShape, schemas: Schemas, *, is_page: bool) -> Json:
    """Return one response object. A text means an error from status 400 on, and an empty answer below."""
    if isinstance(answer, str):
        described: Json = {"description": answer[:1].upper() + answer[1:]}
        return described | (
            {"content": _error_content(schemas, is_page=is_page or status == 401)} if status >= 400 else {}
        )
    if isinstance(answer, Content):
        content: Json = {media: {} for media in answer.media}
        if answer.message is not None:
            content["application/json"] = {"schema": schemas.answer(answer.message)}
        described = {"description": answer.text, "content": content}
        headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()}
        return described | ({"headers": headers} if headers else {})
    options = [schemas.answer(message) for message in _messages(answer)]
    schema = options[0] if len(options) == 1 else {"anyOf": options}
    names = " or ".join(message.__name__ for message in _messages(answer))
    return {"description": names, "content": {"application/json": {"schema": schema}}}


def _error_content(schemas: Schemas, *, is_page: bool) -> Json:
    content: Json = {"text/plain": {"schema": {"type": "string"}}, PROBLEM_JSON: {"schema": schemas.answer(Problem)}}
    return content | ({"text/html": {}} if is_page else {})
