"""Reading the stream of `go test -json`."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from cictl.base.typed_json import read_json_as
from cictl.wire.results.reports import TestCase, TestSuite
from cictl_agent.job.reports.problems import ReportError, suite_of

# Tried only where a word begins: from each character of a long one on, it would take the square of the length.
_PLACE = re.compile(r"(?<![\w./\\-])([\w./\\-]+\.go):(\d{1,9}):")
_EVENT = re.compile(rb'\{"(?:Time|Action|ImportPath|Package)":"')
"""How go begins each event. A program's own output may precede it on the line. Other writers may order the keys otherwise."""

_MOST_BEGINS = 10
"""At how many places of one line an event is looked for."""

_ENDS = ("pass", "fail", "skip")


class _TestEvent(msgspec.Struct, frozen=True, rename="pascal"):
    """One line of the stream, as `go doc test2json` and `go help buildjson` define it; `elapsed` is in seconds."""

    action: str = ""
    package: str = ""
    test: str = ""
    output: str = ""
    elapsed: float = 0.0
    import_path: str = ""
    failed_build: str = ""


@dataclass(kw_only=True)
class _Progress:
    """What the stream has said so far of one test, one package or one build."""

    ends: list[str] = field(default_factory=list)
    seconds: float = 0.0
    output: list[str] = field(default_factory=list)
    has_started: bool = False

    def note(self, event: _TestEvent) -> None:
        if event.action in _ENDS:
            self.ends.append(event.action)
        self.has_started |= event.action == "start"
        if event.elapsed > 0:
            self.seconds = event.elapsed
        if event.output:
            self.output.append(event.output)

    @property
    def last(self) -> str:
        return self.ends[-1] if self.ends else ""


class _Stream:
    """All events, by test, by package and by build, in the order in which each came first."""

    def __init__(self) -> None:
        self.tests: dict[tuple[str, str], _Progress] = {}
        self.packages: dict[str, _Progress] = {}
        self.builds: dict[str, _Progress] = {}
        self.failed_builds: dict[str, str] = {}

    def note(self, event: _TestEvent) -> None:
        if event.action in ("build-output", "build-fail"):
            build = self.builds.setdefault(event.import_path, _Progress())
            build.note(msgspec.structs.replace(event, action=event.action.removeprefix("build-")))
        elif event.test:
            self.tests.setdefault((event.package, event.test), _Progress()).note(event)
        else:
            self.packages.setdefault(event.package, _Progress()).note(event)
            if event.failed_build:
                self.failed_builds[event.package] = event.failed_build

    def result_of(self, package: str) -> str:
        """Return how a package ended: `pass`, `fail` or `skip`; empty if the stream does not say.

        A package that started and never ended was cut off, which counts as `fail`.
        """
        progress = self.packages.get(package)
        if progress is None:
            return ""
        return progress.last or ("fail" if progress.has_started else "")

    def status_of(self, package: str, progress: _Progress) -> str:
        """Return how a test ended.

        In a package that failed, a test that failed once has failed, even if a later run of it passed (`-count=2`). A test
        without an end has its package's result: a panic ends the package without an event for the test.
        """
        result = self.result_of(package)
        if result == "fail" and "fail" in progress.ends:
            return "fail"
        return progress.last or result or "unknown"


def read_go_test_json(content: bytes, suite: str) -> TestSuite:
    """Read a stream of events; other lines in it are ignored.

    A package that failed although none of its tests did becomes a failed case, and so does a build that failed.

    Raises:
        ReportError: A line begins like an event and is not one: the stream is damaged.
    """
    stream = _Stream()
    for number, line in enumerate(io.BytesIO(content), start=1):
        event = _read_event(line.rstrip(b"\r\n"), number)
        if event is not None:
            stream.note(event)
    cases = [
        _case(package, name, progress, status=stream.status_of(package, progress))
        for (package, name), progress in stream.tests.items()
    ]
    failed = {case.package for case in cases if case.status == "fail"}
    cases += _failed_packages(stream, failed)
    return suite_of(cases, form="go-test-json", name=suite)


def _read_event(line: bytes, number: int) -> _TestEvent | None:
    """Return the event on *line*, behind a program's own output too; None where there is none."""
    starts = [0] if line.startswith(b"{") else []
    begins = (found.start() for found in _EVENT.finditer(line) if found.start())
    for start in [*starts, *islice(begins, _MOST_BEGINS)]:
        try:
            event = read_json_as(line[start:].decode(errors="replace"), _TestEvent)
        except RecursionError as error:
            raise ReportError(f"line {number} has too many levels") from error
        except msgspec.DecodeError as error:
            if start == 0 and _EVENT.match(line):
                raise ReportError(f"line {number} is not an event of go test -json: {error}") from error
        else:
            if event.action:
                return event
    return None


def _failed_packages(stream: _Stream, failed: set[str]) -> list[TestCase]:
    """Return a case for each package and each build that failed without a failed test to tell of it."""
    told: set[str] = set()
    cases = []
    for package, progress in stream.packages.items():
        if stream.result_of(package) != "fail" or package in failed:
            continue
        build = stream.builds.get(stream.failed_builds.get(package, package))
        told.add(stream.failed_builds.get(package, package))
        output = [*(build.output if build else []), *progress.output]
        is_build = build is not None or any("[build failed]" in text for text in progress.output)
        name = "build failed" if is_build else "package failed" if progress.last else "package did not end"
        shown = _Progress(seconds=progress.seconds, output=output)
        cases.append(_case(package, name, shown, status="fail"))
    for path, build in stream.builds.items():
        if "fail" in build.ends and path not in told:
            cases.append(_case(path, "build failed", build, status="fail"))
    return cases


def _case(package: str, name: str, progress: _Progress, *, status: str) -> TestCase:
    output = "".join(progress.output)
    place = _PLACE.search(output)
    return TestCase(
        status=status,
        package=package,
        name=name,
        file=place[1] if place else "",
        line=int(place[2]) if place else 0,
        duration_seconds=progress.seconds,
        output=output,
    )
