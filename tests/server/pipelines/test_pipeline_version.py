"""Resolving a version, watched: the events, and what becomes of git when nobody watches any more."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from cictl_testing.files import git
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

from cictl_server.app import create_app
from cictl_server.errors import NoCapacity
from cictl_server.services import Services
from cictl_server.signals.waits import blocking

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: build
    vcs_source: {{repo: '{url}', ref: main}}
    versioning: {{file: release/VERSION, tag_prefix: rel-{bump}}}
    jobs: [{{id: j, runs_on: {{executor: script, shell: posix}}, steps: [{{run: x}}]}}]
  - {{id: publish, depends_on: [build], vcs_source: {{repo: '{url}'}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
  - {{id: plain, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def imported(server: RunningServer, origin: Origin, *, version: str = "1.4.2\n", bump: str = "") -> dict[str, int]:
    origin.commit({"cictl.yaml": PROJECT.format(url=origin.url, bump=bump), "release/VERSION": version})
    return import_project(server, origin.url)


def watched(text: str) -> list[dict[str, Any]]:
    """Return the messages that a browser's EventSource gives to `onmessage`."""
    messages = []
    for block in text.split("\n\n")[:-1]:
        fields = [line.partition(":") for line in block.split("\n") if not line.startswith(":")]
        assert all(name == "data" for name, _, _ in fields), "onmessage sees no named events"
        if fields:
            messages.append(json.loads("\n".join(value.removeprefix(" ") for _, _, value in fields)))
    return messages


def resolve(server: RunningServer, pipeline: int) -> list[tuple[str, str, str]]:
    answer = server.get(f"/api/v1/pipelines/{pipeline}/version-resolve")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    return [(event["step"], event["status"], event["message"]) for event in watched(answer.text)]


DONE = ("done", "ok", "version resolution completed")


def test_every_step_of_a_version(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    commit = git(origin.work, "rev-parse", "HEAD")
    assert resolve(server, ids["build"]) == [
        ("start", "running", 'resolving version for pipeline "build"'),
        ("dependencies", "ok", "no dependencies declared"),
        ("version", "running", f"resolving from {origin.url} at ref main"),
        ("checkout", "running", "cloning repository"),
        ("checkout", "running", 'fetching source ref "main"'),
        ("checkout", "running", "resolving source commit"),
        ("checkout", "ok", f"resolved source commit {commit}"),
        ("version-file", "running", "reading release/VERSION"),
        ("version-file", "ok", "validated release/VERSION as 1.4.2"),
        ("version", "ok", "resolved version=rel-1.4.2 (raw=1.4.2)"),
        DONE,
    ]


def test_the_result_has_all_its_keys(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    known = watched(server.get(f"/api/v1/pipelines/{ids['build']}/version-resolve").text)[-1]
    assert known == {
        "step": "done",
        "status": "ok",
        "message": "version resolution completed",
        "pipeline_version": "rel-1.4.2",
        "pipeline_version_raw": "1.4.2",
        "source_ref_resolved": git(origin.work, "rev-parse", "HEAD"),
        "version_file": "release/VERSION",
        "tag_prefix": "rel-",
        "auto_bump": "",
    }
    unknown = watched(server.get(f"/api/v1/pipelines/{ids['plain']}/version-resolve").text)[-1]
    assert unknown.keys() == known.keys()
    assert {value for key, value in unknown.items() if key not in ("step", "status", "message")} == {""}


def test_a_pipeline_without_versions(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    assert resolve(server, ids["plain"])[2:] == [("version", "ok", "pipeline versioning not configured"), DONE]


def test_a_dependency_gives_its_version(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    server.run(ids["build"])
    finish_everything(server)
    assert resolve(server, ids["publish"])[1:] == [
        ("dependencies", "running", "checking 1 dependency pipeline(s)"),
        ("dependencies", "running", 'checking latest run for dependency "build"'),
        ("dependencies", "ok", "dependencies satisfied; inherited version=rel-1.4.2"),
        ("version", "ok", "using inherited dependency version rel-1.4.2"),
        DONE,
    ]


def test_a_dependency_that_does_not_hold(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    assert resolve(server, ids["publish"])[-2:] == [
        ("dependencies", "error", 'dependency "build" not satisfied: no previous run found'),
        ("done", "error", 'pipeline "publish" dependency "build" not satisfied: no previous run found'),
    ]


def test_a_version_file_is_measured_before_it_is_read(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin, version="1.4.2" + " " * 1024)
    text = 'version not resolved: read version file "release/VERSION": "release/VERSION" has 1029 bytes; at most 1024 are read'
    assert text in [message for _, _, message in resolve(server, ids["build"])]


BAD = 'version file "release/VERSION" must contain semver core (x.y.z), got "1.4-rc"'
BUMP = ", auto_bump: patch, auto_bump_vcs_token: t"


@pytest.mark.parametrize(
    ("bump", "ending"),
    [
        pytest.param("", [("version", "error", f"version not resolved: {BAD}"), DONE], id="nothing needs it"),
        pytest.param(BUMP, [("version", "error", BAD), ("done", "error", BAD)], id="a bump needs it"),
    ],
)
def test_a_bad_version_file(
    server: RunningServer, origin: Origin, bump: str, ending: list[tuple[str, str, str]]
) -> None:
    ids = imported(server, origin, version="1.4-rc", bump=bump)
    assert resolve(server, ids["build"])[-2:] == ending


@pytest.mark.parametrize(
    ("bump", "ending", "prefix"),
    [("", "ok", "version not resolved: "), (BUMP, "error", "")],
    ids=["tolerated", "needed"],
)
def test_a_remote_that_is_gone(server: RunningServer, origin: Origin, bump: str, ending: str, prefix: str) -> None:
    ids = imported(server, origin, bump=bump)
    origin.hide()
    *_, failure, done = resolve(server, ids["build"])
    text = f'fetch source ref "main" for version resolution: {origin.url} is no git repository'
    assert failure[:2] == ("version", "error")
    assert failure[2].startswith(prefix + text)
    assert done[:2] == ("done", ending)


@pytest.mark.parametrize(
    ("pipeline", "code", "text"), [("9", 404, "pipeline not found"), ("x", 400, "invalid pipeline id")]
)
def test_errors_before_the_stream_are_plain(server: RunningServer, pipeline: str, code: int, text: str) -> None:
    answer = server.get(f"/api/v1/pipelines/{pipeline}/version-resolve")
    assert (answer.status_code, answer.text) == (code, text + "\n")


def test_no_more_streams_than_there_are_places(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    hub = server.services.core.hub
    with suppress(NoCapacity):
        for number in count():
            hub.take_place(f"agent {number}")
    taken = hub.waiting
    answer = server.get(f"/api/v1/pipelines/{ids['build']}/version-resolve")
    assert (answer.status_code, answer.headers["retry-after"], hub.waiting) == (503, "2", taken)
    hub.leave_place("agent 0")
    assert resolve(server, ids["build"])[-1] == DONE
    assert hub.waiting == taken - 1, "the stream gave its place back"


class SilentRemote:
    """A git server that lets one client in and never says a word."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(60)
        self.url = f"git://127.0.0.1:{self.listener.getsockname()[1]}/x.git"

    def connected(self) -> socket.socket:
        connection, _ = self.listener.accept()
        connection.settimeout(60)
        return connection

    def wait_until_left(self, connection: socket.socket) -> None:
        """Return once git is gone; fail by the time limit while it lives."""
        while connection.recv(4096):
            pass
        connection.close()


@pytest.fixture
def silent() -> Iterator[SilentRemote]:
    remote = SilentRemote()
    yield remote
    remote.listener.close()


def pipeline_of(server: RunningServer, remote: SilentRemote) -> int:
    return server.define_project(
        f"pipelines: [{{id: b, vcs_source: {{repo: '{remote.url}'}}, versioning: {{}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]"
    )["b"]


def with_keepalive(services: Services, seconds: float) -> Services:
    patient = msgspec.structs.replace(services.pipelines.version_steps, keepalive_seconds=seconds)
    return msgspec.structs.replace(
        services, pipelines=msgspec.structs.replace(services.pipelines, version_steps=patient)
    )


def test_a_silent_git_is_bridged_and_ends_with_its_watcher(server: RunningServer, silent: SilentRemote) -> None:
    versions = with_keepalive(server.services, 0.01).pipelines.version_steps
    with closing(versions.resolve(versions.find(pipeline_of(server, silent)))) as parts:
        events = blocking(parts)
        connection = silent.connected() if next(events) else None
        assert connection is not None
        assert any(event is None for event in events), "the silence is told"
    silent.wait_until_left(connection)


def test_a_stop_of_the_server_ends_it_too(server: RunningServer, silent: SilentRemote) -> None:
    versions = server.services.pipelines.version_steps
    events = blocking(versions.resolve(versions.find(pipeline_of(server, silent))))
    seen = [next(events)]
    connection = silent.connected()
    server.services.core.hub.close()
    seen += list(events)
    assert all(event is not None and event.step != "done" for event in seen)
    silent.wait_until_left(connection)


@contextmanager
def waitress_serving(services: Services) -> Iterator[str]:
    from waitress import wasyncore
    from waitress.server import create_server

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    sockets: dict[int, Any] = {}
    server = create_server(create_app(services), map=sockets, sockets=[listener], threads=4)
    over = threading.Event()

    def loop() -> None:
        while not over.is_set():
            wasyncore.loop(timeout=0.1, use_poll=True, map=sockets, count=1)
        wasyncore.close_all(sockets, ignore_all=True)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.task_dispatcher.shutdown()
        over.set()
        server.trigger.pull_trigger()
        thread.join(timeout=60)
        listener.close()


@pytest.mark.weakness("W35")
def test_git_ends_when_the_browser_leaves(server: RunningServer, silent: SilentRemote) -> None:
    pipeline = pipeline_of(server, silent)
    with waitress_serving(with_keepalive(server.services, 0.02)) as url:
        with requests.get(f"{url}/api/v1/pipelines/{pipeline}/version-resolve", stream=True, timeout=60) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith(b"data: "), "events are not held back until the end"
            connection = silent.connected()
            assert any(line == b": keepalive" for line in lines)
        silent.wait_until_left(connection)


def warnings(server: RunningServer, pipeline: int, **fields: object) -> list[str]:
    answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", fields)
    assert answer.status_code == 201, answer.text
    return list(answer.json.get("warnings", []))


def test_a_run_says_which_commit_it_takes_and_whether_that_is_old(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    assert warnings(server, ids["build"]) == []
    finish_everything(server)
    built = git(origin.work, "rev-parse", "HEAD")[:10]
    assert warnings(server, ids["publish"]) == [f"publish takes commit {built} from build"]
    newer = origin.commit({"later": "x"})[:10]
    old = f"publish takes commit {built} from build; main is at commit {newer} now, which needs a run of build first"
    assert warnings(server, ids["publish"]) == [old]
    assert warnings(server, ids["publish"], source_ref="main") == [
        f"publish builds commit {newer}, but what it takes from build was made from commit {built}"
    ]
    origin.hide()
    [unknown] = warnings(server, ids["publish"])
    assert unknown.startswith(
        f"publish takes commit {built} from build; whether main has moved on is unknown: {origin.url} "
    )


def test_a_run_says_that_it_is_unpinned(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    origin.hide()
    [unpinned] = warnings(server, ids["build"])
    assert unpinned.startswith(f"main stands for no commit yet, so each job finds its own: {origin.url} is no git ")


def test_a_run_of_a_commit_with_another_project_file_says_so(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    loaded = git(origin.work, "rev-parse", "HEAD")[:10]
    origin.commit({"later": "x"})
    assert warnings(server, ids["build"]) == [], "the file is the same"
    text = (origin.work / "cictl.yaml").read_text()
    newer = origin.commit({"cictl.yaml": text + "# edited\n"})[:10]
    stale = (
        f"commit {newer} has another cictl.yaml than the one that is loaded, which is of {loaded};"
        " `cictl projects reload shop` or `cictl run --reload` loads it"
    )
    assert warnings(server, ids["build"]) == [stale]
    server.post("/api/v1/projects/1/reload")
    assert warnings(server, ids["build"]) == []
