"""A server with scripted answers and faults on a real port, which can be stopped, and started there again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from cictl.wire.admin.server import ServerInfo
from cictl.wire.codec import encode
from cictl.wire.problems import PROBLEM_JSON, Code, Problem
from cictl.wire.words import CICTL_SERVER
from cictl_testing.servers.threads import LocalServer


class Dropped(Exception):
    """Ends an answer in the middle: waitress sends what there is, and closes the connection."""


def drop() -> None:
    raise Dropped


@dataclass(frozen=True)
class Seen:
    """A request as the server saw it; `target` is the path and query as they were sent, `path` is decoded."""

    method: str
    target: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        parts: What is sent: bytes, and functions to call in between, such as `drop`. More than one is sent in chunks.
    """

    parts: tuple[bytes | Callable[[], Any], ...] = (b"",)
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def reply(message: object, *, status: int = 200, **headers: str) -> Reply:
    """Answer with *message* as JSON; raw bytes stay as they are."""
    body = message if isinstance(message, bytes) else encode(message)
    return Reply((body,), status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def refusal(status: int, text: str, *, kind: str = "text/plain; charset=utf-8", **headers: str) -> Reply:
    """Refuse in plain text, as a reference server does."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    headers = {"X-Content-Type-Options": "nosniff", **named}
    return Reply((text.encode() + b"\n",), status=status, kind=kind, headers=headers)


def problem(status: int, code: Code, title: str, **fields: Any) -> Reply:
    """Refuse with problem details, as our server does."""
    return Reply((encode(Problem(title=title, status=status, code=code, **fields)),), status=status, kind=PROBLEM_JSON)


def page(status: int, kind: str = "text/html", body: str = "<html>away</html>", **headers: str) -> Reply:
    """Answer as a proxy does in the place of the server behind it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply((body.encode(),), status=status, kind=kind, headers=named)


def marked(answer: Reply) -> Reply:
    """Return *answer* with the mark of a cictl server."""
    return replace(answer, headers={**answer.headers, CICTL_SERVER: "server-1"})


_REFERENCE = reply(ServerInfo(name="ciwi", api_version=1, version="v0.1.209"))


class AnsweringServer(LocalServer):
    """Answers each `METHOD path` as told; what it was not told about it does not know, in a reference server's words."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.seen: list[Seen] = []
        self._replies: dict[str, deque[Reply | Callable[[Seen], Reply]]] = {}

    def on(self, request: str, *replies: Reply | Callable[[Seen], Reply]) -> None:
        """Answer *request* with one after the other of *replies*, then with the last for ever."""
        self._replies[request] = deque(replies)

    def count(self, request: str) -> int:
        return sum(f"{seen.method} {seen.path}" == request for seen in self.seen)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes] | list[bytes]:
        seen = _seen(environ)
        self.seen.append(seen)
        found = self._next(f"{seen.method} {seen.path}")
        answer = found if isinstance(found, Reply) else found(seen)
        status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        kind = [] if answer.status == 204 else [("Content-Type", answer.kind)]
        start_response(status, [*kind, *answer.headers.items()])
        return _stream(answer) if len(answer.parts) > 1 else [p for p in answer.parts if isinstance(p, bytes)]

    def _next(self, request: str) -> Reply | Callable[[Seen], Reply]:
        replies = self._replies.get(request)
        if not replies:
            return _REFERENCE if request == "GET /api/v1/server-info" else refusal(404, "404 page not found")
        return replies.popleft() if len(replies) > 1 else replies[0]


def _seen(environ: dict[str, Any]) -> Seen:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers |= {name.replace("_", "-").lower(): environ.get(name, "") for name in ("CONTENT_TYPE", "CONTENT_LENGTH")}
    return Seen(
        method=environ["REQUEST_METHOD"],
        target=environ["REQUEST_URI"],
        path=environ["PATH_INFO"],
        query=dict(parse_qsl(environ["QUERY_STRING"])),
        headers=headers,
        body=environ["wsgi.input"].read(),
    )


def _stream(answer: Reply) -> Iterator[bytes]:
    for part in answer.parts:
        if isinstance(part, bytes):
            yield part
        else:
            part()
