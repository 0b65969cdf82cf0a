"""What stands before a real server in tests: it notes each request, and answers in the server's place where told to."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from cictl.wire.admin.server import ServerInfo
from cictl.wire.codec import Message, encode
from cictl.wire.problems import PROBLEM_JSON, Code, Problem

ALWAYS = 1 << 30


@dataclass
class _Answer:
    status: int
    kind: str
    body: bytes
    times: int


@dataclass
class Gate:
    """WSGI middleware.

    Attributes:
        app: The application behind it.
        requests: `METHOD path?query` of each request.
        sent: `METHOD path` and decoded body of each request that could change something.
        authorization: The header of the last one.
        before: Called with `METHOD path?query` before a request goes on, to let something happen first.
    """

    app: Callable[..., Any]
    requests: list[str] = field(default_factory=list)
    sent: list[tuple[str, Any]] = field(default_factory=list)
    authorization: str | None = None
    before: Callable[[str], None] = lambda _: None
    _answers: dict[str, _Answer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: str, message: Message, *, status: int = 200, times: int = ALWAYS) -> None:
        """Answer *request*, such as `GET /healthz`, with *message* so many *times*."""
        self._answers[request] = _Answer(status, "application/json", encode(message), times)

    def answers(self, answers: Mapping[str, Message]) -> None:
        """Answer each request with its message from now on."""
        for request, message in answers.items():
            self.answer(request, message)

    def refuse(self, request: str, status: int, code: Code, title: str, *, times: int = ALWAYS) -> None:
        """Answer *request* with problem details."""
        problem = Problem(title=title, status=status, code=code)
        self._answers[request] = _Answer(status, PROBLEM_JSON, encode(problem), times)

    def refuse_plainly(self, request: str, status: int, text: str) -> None:
        """Answer *request* in plain text, as a reference server does, which also says that it is one."""
        info = ServerInfo(name="ciwi", api_version=1, version="v0.1.209")
        self.answer("GET /api/v1/server-info", info)
        self._answers[request] = _Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode(), ALWAYS)

    def forget(self) -> None:
        """Let everything through again, and drop what was noted."""
        self._answers.clear()
        self.requests.clear()
        self.sent.clear()
        self.authorization = None
        self.before = lambda _: None

    def posts(self) -> list[str]:
        """Return the requests that could change something."""
        return [request for request in self.requests if not request.startswith("GET")]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        query = environ["QUERY_STRING"]
        noted = f"{request}?{query}" if query else request
        self.requests.append(noted)
        self.authorization = environ.get("HTTP_AUTHORIZATION")
        if environ["REQUEST_METHOD"] != "GET":
            body = environ["wsgi.input"].read()
            environ["wsgi.input"] = io.BytesIO(body)
            self.sent.append((request, msgspec.json.decode(body or b"{}")))
        self.before(noted)
        answer = self._take(request)
        if answer is None:
            return self.app(environ, start_response)  # type: ignore[no-any-return]
        headers = [("Content-Type", answer.kind), ("Content-Length", str(len(answer.body)))]
        if answer.kind.startswith("text/plain"):
            headers.append(("X-Content-Type-Options", "nosniff"))
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [answer.body]

    def _take(self, request: str) -> _Answer | None:
        with self._lock:
            answer = self._answers.get(request)
            if answer is None or answer.times == 0:
                return None
            answer.times -= 1
            return answer
