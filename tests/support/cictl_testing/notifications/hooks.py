"""A receiver of webhooks that is strict: it checks every signature, and knows what it got already."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.headers import Headers

import msgspec

from cictl_testing.servers.threads import ThreadedServer

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Environ = dict[str, Any]

NEVER_SECONDS = 150


class HookReceiver:
    """Takes messages at any path, with 204 unless told otherwise.

    Attributes:
        messages: What was taken, in order.
        tried: The `webhook-id` of each request, by path; also of those that were not taken.
        faults: What no request may have, such as a wrong signature. A test that uses the receiver ends with none.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.messages: list[dict[str, Any]] = []
        self.tried: defaultdict[str, list[str]] = defaultdict(list)
        self.faults: list[str] = []
        self._taken: set[str] = set()
        self._answers: defaultdict[str, deque[str]] = defaultdict(deque)
        self._headers: dict[str, str] = {}
        self._lock = threading.Lock()
        self._held: dict[str, threading.Event] = {}
        self._server = ThreadedServer(self._answer)
        self.url = self._server.url

    def answer_with(self, path: str, *statuses: int, **headers: str) -> None:
        """Answer the next requests of *path* with these, and then with 204 again."""
        self._answers[path].extend(f"{status} Scripted" for status in statuses)
        self._headers.update(headers)

    @contextmanager
    def holding(self, path: str) -> Iterator[None]:
        """Leave requests of *path* without an answer while the block runs."""
        released = self._held[path] = threading.Event()
        try:
            yield
        finally:
            del self._held[path]
            released.set()

    def stop(self) -> None:
        self._server.stop()

    def _answer(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
        message_id = environ.get("HTTP_WEBHOOK_ID", "")
        with self._lock:
            self.tried[path].append(message_id)
            self._check(environ, message_id, body)
        held = self._held.get(path)
        if held is not None:
            held.wait(NEVER_SECONDS)
        with self._lock:
            status = self._answers[path].popleft() if self._answers[path] else "204 No Content"
            if status.startswith("2"):
                self._take(path, message_id, body)
        headers = Headers([("Content-Length", "0"), *self._headers.items()])
        start_response(status, headers.items())
        return []

    def _check(self, environ: Environ, message_id: str, body: bytes) -> None:
        if environ["REQUEST_METHOD"] != "POST" or environ.get("CONTENT_TYPE") != "application/json":
            self.faults.append(f"{environ['REQUEST_METHOD']} of {environ.get('CONTENT_TYPE')}")
        signed = b".".join([message_id.encode(), environ.get("HTTP_WEBHOOK_TIMESTAMP", "").encode(), body])
        expected = base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()
        if environ.get("HTTP_WEBHOOK_SIGNATURE") != f"v1,{expected}":
            self.faults.append(f"wrong signature of {message_id}")

    def _take(self, path: str, message_id: str, body: bytes) -> None:
        key = f"{path} {message_id}"
        if not message_id or key in self._taken:
            self.faults.append(f"{key} came twice")
        self._taken.add(key)
        self.messages.append(msgspec.json.decode(body))


@contextmanager
def receiving(key: bytes) -> Iterator[HookReceiver]:
    """Yield a receiver, and check in the end that nothing was wrong with what it got."""
    receiver = HookReceiver(key)
    try:
        yield receiver
    finally:
        receiver.stop()
    assert receiver.faults == []
