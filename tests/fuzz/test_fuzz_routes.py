"""Every route under random requests: no fault, no undescribed answer, and all that is kept can be read, also later."""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cictl_testing.files import zipped
from cictl_testing.fuzz.budget import fuzzed
from cictl_testing.fuzz.described_api import Seeds, sow
from cictl_testing.fuzz.json_texts import STRINGS, JsonTexts
from cictl_testing.fuzz.mutations import damaged
from cictl_testing.server import RunningServer
from hypothesis import given
from hypothesis import strategies as st

from cictl.wire import words
from cictl.wire.agents import LeaseRequest
from cictl_server.apidoc.openapi import document
from cictl_server.apidoc.operations import operations
from cictl_server.app import ROUTES
from cictl_server.data_directory import examine

API: dict[str, Any] = document(ROUTES)
OPERATIONS = {operation.id: operation for operation in operations(ROUTES)}

NOT_TRIED = {
    "get_events": "its answer has no end",
    "post_restart": "it ends the process",
    "post_update_check": "it asks for releases",
    "get_update_tags": "it asks for releases",
    "post_update_apply": "it asks for releases",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request. `{repository}` stands for the repository that exists, and `job:3` for the fourth execution that does, and `job:running`
    for the one that agent `a` holds.
    """

    operation: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


LIKELY: dict[str, list[object]] = {
    "agent_id": ["a", "b"],
    "status": ["running", "succeeded", "failed", "queued"],
    "action": ["activate", "deactivate", "refresh-tools", "flush-job-history", "update", "run-script"],
    "shell": ["posix"],
    "output_offset": [0, 6],
    "wait_seconds": [0],
    "repo_url": ["{repository}", "/nowhere", "-x", "ext::sh -c x"],
    "url": ["http://127.0.0.1:1"],
    "secret_id_env": ["CICTL_VAULT_FUZZED"],
    "running_job_ids": [[], ["job-1"]],
}
ALWAYS = ("wait_seconds", "repo_url", "url")
"""Keys that never have another value: it would make the server wait, or ask other hosts."""

KNOWN_JOBS = 10
PLACES: dict[str, st.SearchStrategy[str]] = {
    "agent_id": st.sampled_from(["a", "b", "c", "%00", "%0D%0Ax", "é"]),
    "job_id": st.sampled_from([*(f"job:{n}" for n in range(KNOWN_JOBS)), "job-1", "job-x", "job-" + "9" * 30]),
    "path": st.sampled_from(["out/report.txt", "test-report.json", "..", "%2e%2e/x", "a%00b"]),
}
NUMBERS = st.sampled_from(["1", "2", "3", "99", "0", "-1", "x", "9" * 19, "%31"])
QUERIES = st.sampled_from(
    ["0", "1", "-1", "true", "", "9" * 30, "a", "b", "shop", "failed", "out", "2026-03-01T12:00:00Z"]
)


OF_AGENTS = (
    "post_heartbeat",
    "post_lease",
    "post_job_status",
    "post_job_tests",
    "post_job_artifacts",
    "post_job_artifacts_zip",
)


def requests_of(*, only: Container[str] = OPERATIONS, holds: bool = False) -> st.SearchStrategy[Request]:
    """Return random requests to any operation that is tried.

    Args:
        holds: They come from the agent that holds an execution, and are about this one.
    """
    likely: dict[str, list[object]] = {**LIKELY, "agent_id": ["a"]} if holds else LIKELY
    places = {**PLACES, "job_id": st.just("job:running")} if holds else PLACES
    texts = JsonTexts(API["components"]["schemas"], likely)
    described = [
        (method, path, operation)
        for path, methods in API["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] in only and operation["operationId"] not in NOT_TRIED
    ]
    # Bodies reach further than bare requests, so each operation that takes one stands here several times.
    times = [3 if "requestBody" in operation else 1 for _, _, operation in described]
    return st.one_of(
        [_requests(*one, texts, places) for one, n in zip(described, times, strict=True) for _ in range(n)]
    )


def _requests(
    method: str, path: str, operation: dict[str, Any], texts: JsonTexts, places: dict[str, st.SearchStrategy[str]]
) -> st.SearchStrategy[Request]:
    named = [(p["name"], p["in"]) for p in operation["parameters"]]
    content = operation.get("requestBody", {}).get("content", {})
    query = {n: QUERIES | STRINGS.map(_plain) for n, where in named if where == "query" and n != "follow"}
    headers = {n: st.sampled_from(["1", "a", "b", "é", "return=minimal"]) for n, where in named if where == "header"}
    always = {"Accept": st.sampled_from(["application/json", "text/html"])}
    if words.AGENT_ID in headers:
        always[words.AGENT_ID] = st.just("a")
    return st.builds(
        lambda drawn, query, headers, body: Request(
            operation=operation["operationId"],
            method=method.upper(),
            path=path.format_map(drawn),
            query=query,
            headers=headers,
            body=body,
        ),
        st.fixed_dictionaries({n: places.get(n, NUMBERS) for n, where in named if where == "path"}),
        st.fixed_dictionaries({}, optional=query),
        st.fixed_dictionaries(always, optional={n: v for n, v in headers.items() if n not in always}),
        _bodies(content, texts),
    )


def _bodies(content: dict[str, Any], texts: JsonTexts) -> st.SearchStrategy[bytes]:
    if "application/zip" in content:
        return damaged([zipped({"a.txt": b"hello", "b/c.txt": b"x" * 200})])
    if "schema" in content.get("application/json", {}):
        return texts.body(content["application/json"]["schema"]).map(_harmless)
    return st.just(b"") | st.binary(max_size=20)


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _harmless(text: str) -> bytes:
    """Encode a body, unless it could make the server wait or ask another host."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return text.encode("utf-8", "surrogatepass")
    if isinstance(told, dict):
        for key in ALWAYS:
            if any(k.casefold() == key and v not in LIKELY[key] for k, v in told.items()):
                return b"{}"
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seeds]:
    """Data with a bit of everything, to be copied."""
    home = tmp_path_factory.mktemp("ground")
    seeds = sow(home / "data", home / "repository")
    assert len(seeds.all) == KNOWN_JOBS
    return home / "data", seeds


KEPT_OF_AGENTS = ("agent_id", "hostname", "os", "arch", "version", "capabilities", "deactivated")
"""The rest of an agent is known from its heartbeats, and gone with the process."""


OF_LOOKS = re.compile(r',"(?:last_look_utc|next_look_utc|look_error)":"(?:[^"\\]|\\.)*"')
"""How the last look at a repository went, which is gone with the process too."""


def pictures(server: RunningServer) -> dict[str, object]:
    """Return what the server says of everything it keeps, by path."""
    found: dict[str, object] = {}

    def look(path: str) -> Any:
        answer = server.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        found[path] = OF_LOOKS.sub("", answer.text)
        return answer.json if answer.headers["Content-Type"] == "application/json" else None

    agents = look("/api/v1/agents")["agents"] or []
    found["/api/v1/agents"] = [[agent.get(key) for key in KEPT_OF_AGENTS] for agent in agents]
    look("/api/v1/vault/connections")
    for project in look("/api/v1/projects")["projects"] or []:
        look(f"/api/v1/projects/{project['id']}")
    for job in look("/api/v1/jobs?limit=150")["job_executions"] or []:
        for part in ("", "/log", "/log/lines", "/tests", "/steps", "/blocked-by", "/artifacts"):
            look(f"/api/v1/jobs/{job['id']}{part}")
        assert server.get(f"/api/v1/jobs/{job['id']}/explain").status_code == 200
    return found


@fuzzed(examples=15)
@given(requests=st.lists(requests_of(), min_size=1, max_size=8))
def test_no_request_is_a_fault_and_what_is_kept_stays_readable(
    ground: tuple[Path, Seeds], caplog: pytest.LogCaptureFixture, requests: list[Request]
) -> None:
    check(ground, caplog, requests)


@fuzzed(examples=15)
@given(requests=st.lists(requests_of(only=OF_AGENTS, holds=True), min_size=1, max_size=8))
def test_whatever_the_holder_of_an_execution_sends_is_kept_readable(
    ground: tuple[Path, Seeds], caplog: pytest.LogCaptureFixture, requests: list[Request]
) -> None:
    check(ground, caplog, requests)


HOLDERS = ("", "wrong", "admin", "operator", "viewer", "bound", "agent", "job")
"""Who asks a server that wants tokens: nobody, one with a wrong token, and one of each role; `bound` is an operator of one project."""

READERS = ("", "wrong", "viewer")
"""Those who change nothing, whatever they send."""


@fuzzed(examples=15)
@given(requests=st.lists(st.tuples(st.sampled_from(HOLDERS), requests_of()), min_size=1, max_size=8))
def test_no_request_of_any_role_is_a_fault(
    ground: tuple[Path, Seeds], caplog: pytest.LogCaptureFixture, requests: list[tuple[str, Request]]
) -> None:
    data, seeds = ground
    with guarded(data, caplog) as (server, secrets):
        for holder, request in requests:
            send(server, request, seeds, secret=secrets[holder])
        restarted = server.content()
        server.restart()
        assert server.content() == restarted


@fuzzed(examples=15)
@given(requests=st.lists(st.tuples(st.sampled_from(READERS), requests_of()), min_size=1, max_size=8))
def test_who_may_only_read_changes_nothing(
    ground: tuple[Path, Seeds], caplog: pytest.LogCaptureFixture, requests: list[tuple[str, Request]]
) -> None:
    data, seeds = ground
    with guarded(data, caplog) as (server, secrets):
        before = server.content()
        for holder, request in requests:
            send(server, request, seeds, secret=secrets[holder])
        assert server.content() == before


@contextmanager
def guarded(data: Path, caplog: pytest.LogCaptureFixture) -> Iterator[tuple[RunningServer, dict[str, str]]]:
    """Copy the data to a server that wants tokens; yield it, and the secret of each holder. Afterwards the data must be sound."""
    caplog.clear()
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(data, Path(directory, "data"))
        server = RunningServer(Path(directory, "data"))
        try:
            yield server, tokens(server)
        finally:
            server.close()
        assert examine(Path(directory, "data")).problems == []
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def tokens(server: RunningServer) -> dict[str, str]:
    """Make a token of each kind, and use it once, so that no use has to be noted later."""
    secrets = {
        "admin": server.token("admin"),
        "operator": server.token("operator"),
        "viewer": server.token("viewer"),
        "bound": server.token("operator", name="bound", projects=["shop"]),
        "agent": server.token("agent", agent_id="a"),
    }
    for secret in secrets.values():
        assert server.ask("GET", "/api/v1/whoami", secret).status_code == 200
    job = server.services.jobs.leasing.lease(LeaseRequest(agent_id="c", sends_token=True))
    assert job.job_token
    return {**secrets, "job": job.job_token, "": "", "wrong": "cictl_u_wrong"}


def check(ground: tuple[Path, Seeds], caplog: pytest.LogCaptureFixture, requests: list[Request]) -> None:
    """Send the requests to a server with a copy of the data, look at everything, and once more after a restart."""
    caplog.clear()
    data, seeds = ground
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(data, Path(directory, "data"))
        server = RunningServer(Path(directory, "data"))
        try:
            for request in requests:
                send(server, request, seeds)
            before = pictures(server)
            server.restart()
            assert pictures(server) == before
        finally:
            server.close()
        assert examine(Path(directory, "data")).problems == []
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def send(server: RunningServer, request: Request, known: Seeds, *, secret: str = "") -> None:
    """Send one request, perhaps with a token, and check that its answer is one that the API describes."""
    answer = server.ask(
        request.method,
        re.sub(r"job:(\d)", lambda found: known.all[int(found[1])], request.path).replace("job:running", known.held[0]),
        secret,
        params=request.query,
        headers=request.headers,
        body=request.body.replace(b"{repository}", known.repository.encode()),
    )
    text = answer.content.decode(errors="replace")
    told = f"{request} -> {answer.status_code} {text[:300]}"
    assert answer.status_code < 500, told
    assert answer.status_code in OPERATIONS[request.operation].answers, told
    assert "Traceback" not in text, told
    assert not [value for value in answer.headers.values() if "\n" in value or "\r" in value], told
    shape = OPERATIONS[request.operation].answers[answer.status_code]
    kinds = shape if isinstance(shape, tuple) else (shape,)
    if isinstance(kinds[0], type):
        assert any(is_of(answer.content, kind) for kind in kinds), told


def is_of(body: bytes, type_: Any) -> bool:
    """Tell whether *body* is a *type_* to the letter; our own reading would forgive a null."""
    try:
        msgspec.json.decode(body, type=type_)
    except msgspec.MsgspecError:
        return False
    return True
