"""Watching a version being resolved, through a stream that may break."""

from __future__ import annotations

import threading

import pytest
from cictl_testing.processes import DEADLINE_SECONDS
from cictl_testing.servers.answers import AnsweringServer, Reply, drop, problem, reply

from cictl.wire.problems import Code
from cictl.wire.projects import VersionResolved, VersionStep
from cictl_client import Client, NotFound, UnexpectedAnswer, Unreachable

RESOLVE = "GET /api/v1/pipelines/7/version-resolve"
EVENTS = "text/event-stream"
START = b'data: {"step":"start","status":"running","message":"resolving"}\n\n'
FAILED = b'data: {"step":"done","status":"error","message":"no such branch"}\n\n'
DONE = (
    b'data: {"step":"done","status":"ok","message":"m","pipeline_version":"v1.2.3","pipeline_version_raw":"1.2.3",'
    b'"source_ref_resolved":"","version_file":"VERSION","tag_prefix":"v","auto_bump":""}\n\n'
)


def test_steps_come_with_the_result_last(client: Client, server: AnsweringServer) -> None:
    server.on(RESOLVE, Reply((START, b": keepalive\n\n", DONE), kind=EVENTS))
    first, last = client.resolve_version(7)
    assert first == VersionStep(step="start", status="running", message="resolving")
    assert isinstance(last, VersionResolved)
    assert (last.pipeline_version, last.version_file) == ("v1.2.3", "VERSION")


def test_first_step_is_there_before_the_last(client: Client, server: AnsweringServer) -> None:
    received = threading.Event()
    in_time: list[bool] = []
    server.on(RESOLVE, Reply((START, lambda: in_time.append(received.wait(DEADLINE_SECONDS)), DONE), kind=EVENTS))
    steps = client.resolve_version(7)
    assert next(steps).step == "start"
    received.set()
    assert [step.step for step in steps] == ["done"]
    assert in_time == [True]


def test_failed_resolution_ends_with_an_error_step(client: Client, server: AnsweringServer) -> None:
    server.on(RESOLVE, Reply((START, FAILED), kind=EVENTS))
    *_, last = client.resolve_version(7)
    assert last == VersionStep(step="done", status="error", message="no such branch")


@pytest.mark.parametrize(
    "parts",
    [pytest.param((START, drop), id="dropped"), pytest.param((START, b""), id="ended early")],
)
def test_broken_stream_is_no_result(client: Client, server: AnsweringServer, parts: tuple[bytes, ...]) -> None:
    server.on(RESOLVE, Reply(parts, kind=EVENTS))
    steps = client.resolve_version(7)
    assert next(steps).step == "start"
    with pytest.raises(Unreachable):
        next(steps)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply({"step": "done"}), id="no stream"),
        pytest.param(Reply((b"data: 7\n\n", b""), kind=EVENTS), id="no steps"),
        pytest.param(
            Reply((b'data: {"step":"done","status":"ok","message":""}\n\n', b""), kind=EVENTS), id="no result"
        ),
    ],
)
def test_something_else_is_refused(client: Client, server: AnsweringServer, answer: Reply) -> None:
    server.on(RESOLVE, answer)
    with pytest.raises(UnexpectedAnswer):
        list(client.resolve_version(7))


def test_unknown_pipeline(client: Client, server: AnsweringServer) -> None:
    server.on(RESOLVE, problem(404, Code.NOT_FOUND, "pipeline not found"))
    with pytest.raises(NotFound):
        next(client.resolve_version(7))
