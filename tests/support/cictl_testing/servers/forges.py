"""Stand-ins of forges, made after their public documentation, which refuse what the real ones refuse.

| forge | documentation |
| --- | --- |
| GitHub | https://docs.github.com/en/rest/commits/statuses#create-a-commit-status |
| Gitea | https://docs.gitea.com/api, `repoCreateStatus` |
| GitLab | https://docs.gitlab.com/api/commits/#set-commit-pipeline-status |
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "forge-token-1"


@dataclass(frozen=True)
class Answer:
    """What a forge answers, as JSON."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


class BadRequest(Exception):
    """A request that the forge refuses with an answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"message": message})


@dataclass
class ForgeStandIn(ABC):
    """One forge with one repository.

    Attributes:
        commits: Those that the repository has.
        outage: The status of every answer, as of a broken forge; 0 while it works.
        requests: How many requests came.
        shown: What it shows for a commit and a context, in the words of its API.
        posts: All statuses that it took: commit, context and state.
        links: Where the status of a commit and a context leads.
        refs: The refs that a commit had in its statuses, where the API knows them.
    """

    repository: str = "tea/shop"
    token: str = TOKEN
    commits: set[str] = field(default_factory=set)
    outage: int = 0
    requests: int = 0
    shown: dict[tuple[str, str], str] = field(default_factory=dict)
    posts: list[tuple[str, str, str]] = field(default_factory=list)
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    refs: dict[str, set[str]] = field(default_factory=dict)
    root = ""
    states = frozenset[str]()
    name_field = "context"
    optional = frozenset({"description", "target_url"})

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.requests += 1
        if self.outage:
            return Answer(self.outage, {"message": "broken"})
        try:
            return self._accept(method, path, headers, body)
        except BadRequest as error:
            return error.answer

    def _accept(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if not headers.get("user-agent", "").startswith("cictl/"):
            raise BadRequest(403, "Request forbidden by administrative rules: User-Agent is required")
        self.check_headers(headers)
        rest = self._rest(path)
        if method == "GET" and rest == []:
            return Answer(200, {"full_name": self.repository})
        if method == "POST" and len(rest) == 2 and rest[0] == "statuses":
            return self._take(rest[1], headers, body)
        raise BadRequest(404, "Not Found")

    def _rest(self, path: str) -> list[str]:
        """Return the parts of *path* behind the repository."""
        repository = self.root + self.path_of_repository()
        if path != repository and not path.startswith(f"{repository}/"):
            raise BadRequest(404, "Not Found")
        return [unquote(part) for part in path.removeprefix(repository).split("/") if part]

    def _take(self, sha: str, headers: dict[str, str], body: bytes) -> Answer:
        if headers.get("content-type") != "application/json":
            raise BadRequest(415, "Unsupported Media Type")
        fields = json.loads(body)
        known = {"state", self.name_field, *self.optional}
        if not isinstance(fields, dict) or not {"state", self.name_field} <= fields.keys() <= known:
            raise BadRequest(422, f"fields are {sorted(fields)}")
        if not all(isinstance(value, str) and value for value in fields.values()):
            raise BadRequest(422, "an empty field, or one that is no text")
        if fields["state"] not in self.states:
            raise BadRequest(422, f"state {fields['state']} is unknown")
        if not fields.get("target_url", "http://").startswith(("http://", "https://")):
            raise BadRequest(422, "target_url is no URL")
        if sha not in self.commits:
            raise self.unknown_commit(sha)
        self.check_status(sha, fields)
        place = (sha, fields[self.name_field])
        self.shown[place] = fields["state"]
        self.links[place] = fields.get("target_url", "")
        self.posts.append((*place, fields["state"]))
        return Answer(201, {"id": len(self.posts), **fields})

    @abstractmethod
    def check_headers(self, headers: dict[str, str]) -> None:
        """Raise BadRequest if the token or another header is wrong."""

    @abstractmethod
    def path_of_repository(self) -> str: ...

    @abstractmethod
    def unknown_commit(self, sha: str) -> BadRequest: ...

    @abstractmethod
    def check_status(self, sha: str, fields: dict[str, str]) -> None:
        """Raise BadRequest if this status may not follow those before."""


class GitHub(ForgeStandIn):
    states = frozenset({"error", "failure", "pending", "success"})

    def check_headers(self, headers: dict[str, str]) -> None:
        if headers.get("authorization") != f"Bearer {self.token}":
            raise BadRequest(401, "Bad credentials")
        if headers.get("accept") != "application/vnd.github+json" or not headers.get("x-github-api-version"):
            raise BadRequest(415, "a version of the API is wanted")

    def path_of_repository(self) -> str:
        return f"/repos/{self.repository}"

    def unknown_commit(self, sha: str) -> BadRequest:
        return BadRequest(422, f"No commit found for SHA: {sha}")

    def check_status(self, sha: str, fields: dict[str, str]) -> None:
        if len(fields.get("description", "")) > 140:
            raise BadRequest(422, "description is too long (maximum is 140 characters)")
        if sum(post[:2] == (sha, fields["context"]) for post in self.posts) >= 1000:
            raise BadRequest(422, "This SHA and context has reached the maximum number of statuses.")


class Gitea(ForgeStandIn):
    root = "/api/v1"
    states = frozenset({"pending", "success", "error", "failure", "warning"})

    def check_headers(self, headers: dict[str, str]) -> None:
        if headers.get("authorization") != f"token {self.token}":
            raise BadRequest(401, "user does not exist")

    def path_of_repository(self) -> str:
        return f"/repos/{self.repository}"

    def unknown_commit(self, sha: str) -> BadRequest:
        return BadRequest(404, f"object does not exist [id: {sha}]")

    def check_status(self, sha: str, fields: dict[str, str]) -> None:
        """Take it: Gitea has no order of states."""


_ALLOWED = {"pending": {"running", "success", "failed", "canceled"}, "running": {"success", "failed", "canceled"}}
"""What may follow in GitLab. After any other state a status begins anew."""


class GitLab(ForgeStandIn):
    """Each pair of a commit and a ref is a pipeline there, so a second ref for a commit is one too many."""

    root = "/api/v4"
    states = frozenset({"pending", "running", "success", "failed", "canceled", "skipped"})
    name_field = "name"
    optional = frozenset({"description", "target_url", "ref"})

    def check_headers(self, headers: dict[str, str]) -> None:
        if headers.get("private-token") != self.token:
            raise BadRequest(401, "401 Unauthorized")

    def path_of_repository(self) -> str:
        return "/projects/" + self.repository.replace("/", "%2F")

    def unknown_commit(self, sha: str) -> BadRequest:
        return BadRequest(404, "404 Commit Not Found")

    def check_status(self, sha: str, fields: dict[str, str]) -> None:
        self.refs.setdefault(sha, set()).add(fields.get("ref", ""))
        before = self.shown.get((sha, fields["name"]), "")
        if before in _ALLOWED and fields["state"] not in _ALLOWED[before]:
            raise BadRequest(400, f"Cannot transition status via :{fields['state']} from :{before}")


@contextmanager
def serving(forge: ForgeStandIn) -> Iterator[str]:
    """Serve *forge* on a port of this machine, and yield the URL of its API."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _answer(self, body: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            found = forge.answer(self.command, self.path, headers, body)
            data = json.dumps(found.body).encode()
            self.send_response(found.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the parent's argument
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{forge.root}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
