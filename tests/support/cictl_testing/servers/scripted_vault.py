"""A Vault that says what a test wants it to, on a loopback port, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cictl_testing.servers.threads import ThreadedServer

TOKEN = "s.a-token-of-the-scripted-vault"

Environ = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request; `headers` are those of Vault, by lower-case name."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class ScriptedVault:
    """Logs everybody in, and answers reads with `said`, the last of which stays; set `login` for other logins."""

    def __init__(self, *said: Said) -> None:
        self.said = list(said)
        self.login = self.login_of(TOKEN)
        self.asked: list[Asked] = []
        self._server = ThreadedServer(self._answer)
        self.url = self._server.url

    @staticmethod
    def login_of(token: str) -> Said:
        """Return the answer that grants *token* for an hour."""
        return Said(body=json.dumps({"auth": {"client_token": token, "lease_duration": 3600}}).encode())

    def stop(self) -> None:
        self._server.stop()

    def asked_for(self, ending: str) -> list[Asked]:
        """Return the requests whose path ends like this."""
        return [one for one in self.asked if one.path.endswith(ending)]

    def _answer(self, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        headers = {
            key.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for key, value in environ.items()
            if key.startswith("HTTP_")
        }
        self.asked.append(
            Asked(
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                headers=headers,
                body=environ["wsgi.input"].read(),
            )
        )
        said = self.login if environ["PATH_INFO"].endswith("/login") else self._next()
        start_response(f"{said.status} Said", list({"Content-Type": "application/json", **said.headers}.items()))
        return [said.body]

    def _next(self) -> Said:
        return self.said.pop(0) if len(self.said) > 1 else self.said[0]


def kv2(**values: Any) -> Said:
    """Return the answer of KV 2 that holds these values."""
    return Said(body=json.dumps({"data": {"data": values, "metadata": {"version": 1}}}).encode())
