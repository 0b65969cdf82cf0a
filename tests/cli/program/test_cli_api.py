"""`cictl api`: requests as they are."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.screen import Screen
from cictl_testing.server import RunningServer
from cictl_testing.servers.answers import AnsweringServer, Reply, reply
from cictl_testing.shop import Shop, job

from cictl.base.text.characters import escaped_lines
from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.jobs import JobStatus
from cictl.wire.problems import Code
from tests.cli.conftest import Run

ALICE = {"name": "alice", "count": 2}


@pytest.fixture
def scripted(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsweringServer]:
    """A server that answers what a test says; `run` calls it."""
    server = AnsweringServer()
    server.start()
    monkeypatch.setenv("CICTL_SERVER_URL", server.url)
    yield server
    server.close()


@pytest.mark.parametrize("path", ["agents/build-1", "api/v1/agents/build-1", "/api/v1/agents/build-1"])
def test_the_body_comes_as_it_is(shown: Run, showcase: Shop, path: str) -> None:
    ran = shown("api", "get", path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith('{"agent":{"agent_id":"build-1"')
    assert showcase.gate.requests == ["GET /api/v1/agents/build-1"]


def test_a_path_with_a_slash_is_whole(shown: Run, showcase: Shop) -> None:
    assert shown("api", "GET", "/healthz").json() == {"status": "ok"}


def test_bytes_stay_bytes(scripted: AnsweringServer) -> None:
    scripted.on("GET /api/v1/x", Reply((b"\x00\xff\x1b[31m\r\n",), kind="application/octet-stream"))
    argv = [sys.executable, "-m", "cictl", "api", "GET", "x"]
    assert subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout == b"\x00\xff\x1b[31m\r\n"


def test_fields_of_a_get_are_its_query(cli: Run, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.FAILED))
    shop.put(job("job-2"))
    ran = cli("api", "GET", "jobs", "-d", "status=failed", "-D", "max=10")
    assert [j["id"] for j in ran.json()["job_executions"]] == ["job-1"]
    assert shop.gate.requests == ["GET /api/v1/jobs?status=failed&max=10"]


def test_fields_of_a_post_are_its_body(run: Run, scripted: AnsweringServer) -> None:
    scripted.on("POST /api/v1/things", reply(ALICE, status=201))
    typed = ["t=true", "f=false", "n=null", "i=-12", "d=1.5", "s=1.5.2", "o=01", "w=True"]
    argv = [word for pair in typed for word in ("-D", pair)]
    assert run("api", "POST", "things", "-d", "true=true", "-d", "e=a=b", "-d", "empty=", *argv).json() == ALICE
    assert json.loads(scripted.seen[0].body) == {
        "true": "true", "e": "a=b", "empty": "", "t": True, "f": False, "n": None, "i": -12, "d": 1.5, "s": "1.5.2", "o": "01", "w": "True",
    }  # fmt: skip
    assert scripted.seen[0].headers["content-type"] == "application/json"


def test_a_post_without_fields_has_an_empty_object(run: Run, scripted: AnsweringServer) -> None:
    scripted.on("POST /api/v1/things", reply(ALICE))
    assert run("api", "POST", "things").code == 0
    assert scripted.seen[0].body == b"{}"


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_input_is_the_body(
    run: Run, scripted: AnsweringServer, home: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    scripted.on("POST /api/v1/things", reply(ALICE))
    (home / "body.json").write_bytes(b'{"a": "\xc3\xa4"}\n')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"a": "\xc3\xa4"}\n')))
    assert run("api", "POST", "things", "--input", str(home / "body.json") if source == "file" else "-").code == 0
    assert scripted.seen[0].body == b'{"a": "\xc3\xa4"}\n'


def test_an_empty_answer_says_so_on_stderr(run: Run, scripted: AnsweringServer) -> None:
    scripted.on("DELETE /api/v1/things/1", Reply(status=204))
    ran = run("api", "DELETE", "things/1", "--yes")
    assert (ran.code, ran.out, ran.err) == (0, "", "done: status 204, no body\n")
    assert run("api", "DELETE", "things/1", "--yes", "-o", "json").out == "null\n"


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        pytest.param(("--query", "name"), '"alice"\n', id="query"),
        pytest.param(("--query", "name", "-o", "name"), "alice\n", id="bare value"),
        pytest.param(("-o", "yaml"), "name: alice\ncount: 2\n", id="yaml"),
        pytest.param(("-o", "json"), '{\n  "name": "alice",\n  "count": 2\n}\n', id="json"),
    ],
)
def test_output_formats(run: Run, scripted: AnsweringServer, argv: tuple[str, ...], out: str) -> None:
    scripted.on("GET /api/v1/things", reply(ALICE))
    assert run("api", "GET", "things", *argv).out == out


def test_a_query_of_no_json_is_an_error(run: Run, scripted: AnsweringServer) -> None:
    scripted.on("GET /metrics", Reply((b"up 1\n",), kind="text/plain"))
    assert run("api", "GET", "/metrics").out == "up 1\n"
    ran = run("api", "GET", "/metrics", "--query", "up")
    assert ran.code == ExitCode.ERROR
    assert "not JSON" in ran.err


def test_an_event_stream_comes_as_it_is(run: Run, scripted: AnsweringServer) -> None:
    scripted.on("GET /api/v1/events", Reply((b"id: 1\n\n", b"id: 2\n\n"), kind="text/event-stream"))
    assert run("api", "GET", "events").out == "id: 1\n\nid: 2\n\n"


def test_paginate_joins_all_pages(run: Run, scripted: AnsweringServer) -> None:
    pages = [{"items": [1, 2], "next_cursor": "b", "kind": "x"}, {"items": None, "next_cursor": "c"}, {"items": [3]}]
    scripted.on("GET /api/v1/things", *(reply(page) for page in pages))
    assert run("api", "GET", "things", "-d", "max=2", "--paginate").json() == {"items": [1, 2, 3], "kind": "x"}
    assert [seen.query for seen in scripted.seen] == [
        {"max": "2"},
        {"max": "2", "cursor": "b"},
        {"max": "2", "cursor": "c"},
    ]


def test_paginate_takes_a_query_over_all(run: Run, scripted: AnsweringServer) -> None:
    scripted.on("GET /api/v1/things", reply({"items": [1], "next_cursor": "b"}), reply({"items": [2]}))
    assert run("api", "GET", "things", "--paginate", "--query", "items[]", "-o", "name").out == "1\n2\n"


def test_paginate_does_not_go_in_circles(run: Run, scripted: AnsweringServer) -> None:
    scripted.on("GET /api/v1/things", reply({"items": [1], "next_cursor": "b"}))
    assert run("api", "GET", "things", "--paginate").code == ExitCode.SERVER_ERROR
    assert len(scripted.seen) == 2


def test_paginate_reads_the_pages_of_a_whole_server(run: Run, server: RunningServer) -> None:
    ids = [server.enqueue() for _ in range(5)]
    ran = run("api", "GET", "jobs?status=queued", "-D", "max=2", "--paginate", "--query", "job_executions[].id")
    assert sorted(ran.json()) == sorted(ids)


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        pytest.param(("GET", "jobs", "-d", "status"), "not a field: 'status'", id="no value"),
        pytest.param(("GET", "jobs", "-d", "=x"), "not a field", id="no key"),
        pytest.param(("GET", "jobs", "-d", "a=1", "-D", "a=2"), "a is given twice", id="twice"),
        pytest.param(("GET", "jobs", "--input", "x"), "--input goes with", id="a GET has no body"),
        pytest.param(("POST", "x", "--input", "x", "-d", "a=1"), "--input goes with", id="input and fields"),
        pytest.param(("POST", "x", "--paginate"), "--paginate goes with GET", id="pages of a POST"),
        pytest.param(("jobs", ""), "not a request", id="no path"),
        pytest.param(("GET", "jobs", "-o", "name"), "needs --query", id="names of what"),
    ],
)
def test_wrong_usage(shown: Run, showcase: Shop, argv: tuple[str, ...], text: str) -> None:
    ran = shown("api", *argv)
    assert ran.code == ExitCode.USAGE
    assert text in ran.err
    assert showcase.gate.requests == []


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, Code.INVALID_REQUEST, ExitCode.ERROR),
        (401, Code.UNAUTHENTICATED, ExitCode.NOT_ALLOWED),
        (404, Code.NOT_FOUND, ExitCode.NOT_FOUND),
        (409, Code.CONFLICT, ExitCode.CONFLICT),
        (500, Code.INTERNAL, ExitCode.SERVER_ERROR),
    ],
)
def test_refusals_end_by_the_table(shown: Run, showcase: Shop, status: int, code: Code, exit_code: ExitCode) -> None:
    showcase.gate.refuse("GET /api/v1/agents", status, code, "no and no")
    ran = shown("api", "GET", "agents")
    assert (ran.code, ran.out) == (exit_code, "")
    assert "no and no" in ran.err


def test_another_server_is_never_asked(shown: Run, dead_url: str) -> None:
    assert shown("api", "GET", f"{dead_url}/api/v1/agents").code == ExitCode.SERVER_ERROR


def test_readonly_allows_reading_alone(shown: Run, showcase: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    assert shown("api", "GET", "agents").code == 0
    assert shown("api", "POST", "jobs/job-1/cancel").code == ExitCode.NOT_ALLOWED
    assert showcase.gate.posts() == []


def test_delete_needs_yes(cli: Run, shop: Shop) -> None:
    ran = cli("api", "DELETE", "projects/3")
    assert ran.code == ExitCode.USAGE
    assert "DELETE /api/v1/projects/3? needs --yes" in ran.err
    assert cli("api", "DELETE", "projects/3", "--yes").code == 0
    assert shop.projects() == []


def test_a_protected_context_guards_every_write(run: Run, shop: Shop) -> None:
    shop.put(job("job-1"))
    run("context", "set", "prod", "--server", shop.url, "--protected")
    assert run("api", "GET", "agents").code == 0
    assert run("api", "POST", "jobs/job-1/cancel", "--yes").code == ExitCode.USAGE
    assert run("api", "POST", "jobs/job-1/cancel", "--yes", "--context", "prod").code == 0


def test_a_terminal_gets_indented_json_without_control_characters(scripted: AnsweringServer, home: Path) -> None:
    scripted.on("GET /api/v1/things", reply({"name": "alice\x85\u202e", "list": [1]}))
    text = Screen(scripted.url, home).show("api", "GET", "things", env={"TERM": "dumb"})
    assert text.splitlines() == ["{", '  "name": "alice\\u0085\\u202e",', '  "list": [', "    1", "  ]", "}"]


@pytest.mark.parametrize("output", [(), ("-o", "json")], ids=["text", "json"])
def test_what_a_server_says_steers_no_terminal_with_debug(
    scripted: AnsweringServer, run: Run, output: tuple[str, ...]
) -> None:
    problem = {"title": "no\x1b[2J\x9b31m \u202egood\r", "status": 400, "code": "invalid_request"}
    said = json.dumps(problem).encode()
    scripted.on("GET /api/v1/things", Reply(status=400, parts=(said,), kind="application/problem+json"))
    ran = run("api", "GET", "things", "--debug", *output)
    assert ran.code == ExitCode.ERROR
    assert "good" in ran.err.partition("Traceback")[2]
    assert escaped_lines(ran.err) == ran.err


@pytest.mark.parametrize("path", ["projects", "/projects", "api/v1/projects", "/api/v1/projects"])
def test_a_path_is_found_below_the_api(shown: Run, path: str) -> None:
    assert [project["name"] for project in shown("api", "GET", path).json()["projects"]] == ["shop"]
