"""`go test -json`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from cictl.wire.reports import TestCase, TestSuite
from cictl_agent.job.reports.problems import ReportError, suite_of

_PLACE = re.compile(r"([\w./\\-]+\.go):(\d+):")


class _Event(msgspec.Struct, frozen=True, rename="pascal"):
    """One line of the stream, as `go doc test2json` has it; `elapsed` in seconds."""

    action: str = ""
    package: str = ""
    test: str = ""
    output: str = ""
    elapsed: float = 0.0


@dataclass(kw_only=True)
class _Progress:
    status: str = "unknown"
    seconds: float = 0.0
    output: list[str] = field(default_factory=list)


def read_go_test_json(content: bytes, suite: str) -> TestSuite:
    """Read a stream of events; lines that do not begin with `{` are ignored, as are events of no test.

    Raises:
        ReportError: A line begins like an event and is none.
    """
    tests: dict[tuple[str, str], _Progress] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if line.startswith(b"{"):
            event = _read_event(line, number)
            if event.test:
                _apply(event, tests.setdefault((event.package, event.test), _Progress()))
    cases = [_case(package, name, progress) for (package, name), progress in tests.items()]
    return suite_of(cases, form="go-test-json", name=suite)


def _read_event(line: bytes, number: int) -> _Event:
    try:
        return msgspec.json.decode(line.decode(errors="replace"), type=_Event)
    except msgspec.DecodeError as error:
        raise ReportError(f"line {number} is not an event of go test -json: {error}") from error


def _apply(event: _Event, progress: _Progress) -> None:
    if event.action in ("pass", "fail", "skip"):
        progress.status = event.action
    if event.elapsed > 0:
        progress.seconds = event.elapsed
    if event.output:
        progress.output.append(event.output)


def _case(package: str, name: str, progress: _Progress) -> TestCase:
    output = "".join(progress.output)
    place = _PLACE.search(output)
    return TestCase(
        status=progress.status,
        package=package,
        name=name,
        file=place[1] if place else "",
        line=int(place[2]) if place else 0,
        duration_seconds=progress.seconds,
        output=output,
    )
