"""A walk over every GET route of a real server, to compare what two of them answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import requests

from cictl_server.app import ROUTES

_OF_THE_SERVER_ITSELF = frozenset(
    {
        "/healthz",
        "/readyz",
        "/metrics",
        "/cc.xml",  # this and the next have the address of the server
        "/api/v1/projects/{project_id}/hook",
        "/login",
        "/api/v1/server-info",
        "/api/v1/runtime-state",
        "/api/v1/servers",
        "/api/v1/events",
        "/api/v1/update/tags",
        "/api/v1/update/status",
    }
)
"""Routes whose answers tell of the process, not of what it keeps."""

_QUERIES: Mapping[str, tuple[str, ...]] = {
    "/api/v1/jobs": ("", "?view=all", "?max=1"),
    "/api/v1/jobs/{job_id}/log": ("", "?timestamps=true", "?offset=5&limit=7"),
    "/api/v1/jobs/{job_id}/log/lines": ("", "?from=2&count=3", "?offset=5"),
    "/api/v1/jobs/{job_id}/log/search": ("?q=e", "?q=E&offset=5&max=1"),
    "/api/v1/jobs/{job_id}/artifacts/download": ("?prefix=bin",),
    "/api/v1/jobs/{job_id}/artifacts/download-all": ("", "?links=true"),
}
_HEADERS = ("Content-Type", "Content-Length", "Last-Modified", "Content-Disposition")
"""What must be alike. An ETag is not: a directory makes it of a file's time, a bucket of the content."""

_VOLATILE = frozenset(
    {
        "last_look_utc",
        "next_look_utc",
        "look_error",
        "last_used_utc",
        "last_seen_utc",
        "recent_log",
        "now_utc",
        "server_time_utc",
        "hours",  # of the load of agents, up to now
    }
)
"""Fields that a request changes, or the time."""


@dataclass(frozen=True)
class Answer:
    """What counts of an answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Any


class Walk:
    """One server, as the holder of an admin's token sees it."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def answers(self) -> dict[str, Answer]:
        """Return the answer to every path of every route that there is something for, by path."""
        with self._session:
            names = self._names()
            return {path: self._answer(path) for path in _paths(names)}

    def _names(self) -> dict[str, list[str]]:
        """Return the values of each parameter in paths; a number that nothing has is among them."""
        projects = self._json("/api/v1/projects")["projects"]
        details = [self._json(f"/api/v1/projects/{project['id']}")["project"] for project in projects]
        jobs = [job["id"] for job in self._json("/api/v1/jobs?view=all&max=200")["job_executions"]]
        return {
            "job_id": [*jobs, "job-999"],
            "project_id": [*(str(project["id"]) for project in projects), "999"],
            "pipeline_id": [str(p["id"]) for detail in details for p in detail["pipelines"]],
            "chain_id": [str(c["id"]) for detail in details for c in detail["pipeline_chains"]],
            "agent_id": [agent["agent_id"] for agent in self._json("/api/v1/agents")["agents"]],
            "connection_id": ["1"],
            "secret_id": ["1"],
            "token_id": ["1"],
            "run": ["1"],
            "project": [project["name"] for project in projects],
            "pipeline": [p["pipeline_id"] for detail in details for p in detail["pipelines"]],
        }

    def _json(self, path: str) -> Any:
        answer = self._session.get(self._url + path, timeout=60)
        assert answer.ok, (path, answer.text)
        return answer.json()

    def _answer(self, path: str) -> Answer:
        answer = self._session.get(self._url + path, timeout=60)
        headers = tuple((name, answer.headers.get(name, "")) for name in _HEADERS)
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        if not is_json:
            return Answer(answer.status_code, headers, answer.content)
        # A length may differ by a volatile field.
        return Answer(answer.status_code, headers[:1], _steady(json.loads(answer.content)))


def _paths(names: Mapping[str, list[str]]) -> Iterator[str]:
    for route in ROUTES:
        if route.path in _OF_THE_SERVER_ITSELF or not route.takes("GET"):
            continue
        for query in _QUERIES.get(route.path, ("",)):
            for path in _filled(route.path, names):
                yield path + query


def _filled(path: str, names: Mapping[str, list[str]]) -> Iterator[str]:
    values = {**names, "path:path": ["bin/tool", "tool", "empty", "a%20b%23%3F%25.txt", "large.bin", "missing"]}
    used = [name for name in values if f"{{{name}}}" in path]
    for chosen in product(*(values[name] for name in used)):
        text = path
        for name, value in zip(used, chosen, strict=True):
            text = text.replace(f"{{{name}}}", value)
        yield text


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if key not in _VOLATILE}
    return [_steady(item) for item in value] if isinstance(value, list) else value
