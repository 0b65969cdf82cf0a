"""Requests that are asked again. A lease that finds no work is put aside, and the application is asked once more when there may be some.

So a wait needs no thread, and each time it is decided anew whose request it is and whether they may make it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from cictl_server.http.streams import ParkedAnswer
from cictl_server.signals.waits import PARKING, Awaited

WAIT = "cictl.wait"
"""Where a request finds the `Wait` that it made when it was asked before."""

_PUT_OFF = "cictl.put_off"
"""Set where a responder wants its request to be asked again."""

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Wait(Protocol):
    """What a request waits for, from its first asking to its answer."""

    @property
    def awaited(self) -> Awaited:
        """What to await before the application is asked again."""

    def close(self) -> None:
        """Give back what it holds."""


def can_wait(environ: dict[str, Any]) -> bool:
    """Tell whether the server can put the answer to a request aside."""
    return PARKING in environ


def put_off(environ: dict[str, Any], wait: Wait) -> None:
    """Ask the request again when what *wait* awaits has come. Its responder leaves the response empty."""
    environ[WAIT] = wait
    environ[_PUT_OFF] = True


def is_put_off(environ: dict[str, Any]) -> bool:
    return _PUT_OFF in environ


class Asking:
    """The application, asked as often as its requests want. Only those to *path* may be put off."""

    def __init__(self, app: WsgiApp, *, path: str) -> None:
        self._app = app
        self._path = path

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != self._path or not can_wait(environ):
            return self._app(environ, start_response)
        answer = _Asked(self._app, environ, start_response)
        body = answer.ask()
        return answer if body is None else body


class _Asked(ParkedAnswer):
    """The answer to one request that may be put off."""

    def __init__(self, app: WsgiApp, environ: dict[str, Any], start_response: StartResponse) -> None:
        super().__init__(environ[PARKING])
        self._app = app
        self._environ = environ
        self._start_response = start_response
        self._is_put_off = False
        self._rest: Iterator[bytes] | None = None

    def ask(self) -> Iterable[bytes] | None:
        """Ask the application; return the body of its answer, or None if the request is put off."""
        told: list[tuple[Any, ...]] = []
        self._environ.pop(_PUT_OFF, None)
        self._environ["wsgi.input"].seek(0)
        body = self._app(self._environ, lambda *answer: told.append(answer))
        self._is_put_off = is_put_off(self._environ)
        if self._is_put_off:
            return None
        self._start_response(*told[-1])
        self._give_back()
        return body

    def __next__(self) -> bytes:
        if self._is_put_off:
            self._is_put_off = False
            wait: Wait = self._environ[WAIT]
            self.await_(wait.awaited)
        if self._rest is None:
            body = self.ask()
            if body is None:
                return next(self)
            self._rest = iter(body)
        return next(self._rest)

    def end(self) -> None:
        self._give_back()

    def _give_back(self) -> None:
        wait: Wait | None = self._environ.pop(WAIT, None)
        if wait is not None:
            wait.close()
