"""The stream of `go test -json`: any bytes are read or refused with a reason, and what is read can be sent."""

from __future__ import annotations

import json
from pathlib import Path

from cictl_testing.fuzz.budget import fuzzed
from cictl_testing.fuzz.mutations import damaged
from cictl_testing.fuzz.sendable import is_sendable
from hypothesis import given
from hypothesis import strategies as st

from cictl.wire.results.reports import TestSuite
from cictl_agent.job.reports.gotest import read_go_test_json
from cictl_agent.job.reports.problems import ReportError

WRITTEN = [path.read_bytes() for path in sorted(Path(__file__).parents[1].glob("agent/job/written/*.json"))]
HALF_A_PAIR = b'{"Action":"fail","Output":"\\ud800"}\n'
EVENTS = st.fixed_dictionaries(
    {
        "Action": st.sampled_from(
            ["start", "run", "output", "pass", "fail", "skip", "build-output", "build-fail", "pause"]
        )
    },
    optional={
        "Package": st.sampled_from(["p", "q", ""]),
        "Test": st.sampled_from(["TestA", "TestA/b", "TestC"]),
        "Output": st.sampled_from(
            [
                "a_test.go:12: no\n",
                f"a.go:{'9' * 30}: x",
                f"a.go:{'9' * 5000}: x",
                "a.go:٣: x",
                "\ufffd",
                "[build failed]",
            ]
        ),
        "Elapsed": st.sampled_from([0, 0.5, -1, 1e300]),
        "ImportPath": st.sampled_from(["p", "q [q.test]"]),
        "FailedBuild": st.sampled_from(["p", "q [q.test]"]),
    },
)
STREAMS = st.lists(EVENTS, max_size=8)


def stream(events: list[dict[str, object]]) -> bytes:
    """Write events as go does: without blanks, and with U+FFFD for what is no UTF-8."""
    return b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events)


def read(content: bytes) -> TestSuite | None:
    """Return what is read; None for a refusal, which must say why."""
    try:
        return read_go_test_json(content, "go")
    except ReportError as error:
        told = str(error)
    assert told
    return None


@fuzzed(examples=150)
@given(damaged([*WRITTEN, HALF_A_PAIR]) | STREAMS.map(stream) | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    suite = read(content)
    if suite is None:
        return
    assert suite.total == len(suite.cases) >= suite.passed + suite.failed + suite.skipped
    assert is_sendable(suite)
    assert read(content) == suite


@fuzzed(examples=100)
@given(STREAMS, st.data())
def test_other_output_between_events_changes_nothing(events: list[dict[str, object]], data: st.DataObject) -> None:
    lines = stream(events).splitlines(keepends=True)
    noise = st.sampled_from([b"ok\n", b"{}\n", b"{\n", b"\xff\n", b'{"a":1}\n', b"\n", b'["Action"]\n'])
    mixed = b"".join(data.draw(noise) + line for line in lines)
    assert read(mixed) == read(b"".join(lines))


@fuzzed(examples=100)
@given(STREAMS)
def test_a_failure_in_the_stream_is_a_failure_of_the_suite(events: list[dict[str, object]]) -> None:
    """Of a package that fails there is always a failed case, be it a test, the package or its build."""
    last = {event.get("Package", ""): event["Action"] for event in events if not event.get("Test") and _is_end(event)}
    suite = read(stream(events))
    assert suite is not None
    assert suite.failed or "fail" not in last.values()


def _is_end(event: dict[str, object]) -> bool:
    return event["Action"] in ("pass", "fail", "skip")
