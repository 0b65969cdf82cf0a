"""What is shown of the log of a step that failed: why it failed, not all that it said."""

from __future__ import annotations

import pytest
from cictl_testing.shop import LONG_AGO, Shop, job

from cictl.cli.logs.excerpt import Excerpt, is_error
from cictl.wire.jobs import JobStatus
from tests.cli.conftest import Run

NOISE = [f"warning: w{number}" for number in range(100)]
ERROR = "src/a.c:7:3: error: expected ';' before '}' token"


@pytest.mark.parametrize(
    "line",
    [
        ERROR,
        "error[E0308]: mismatched types",
        "src/a.ts(3,5): error TS2322: Type 'string' is not assignable",
        "Traceback (most recent call last):",
        "ValueError: no",
        'Exception in thread "main" java.lang.IllegalStateException: no',
        "E       assert 1 == 2",
        "FAILED tests/test_a.py::test_a",
        "--- FAIL: TestA (0.00s)",
        "panic: runtime error",
        "not ok 3 - adds",
        "fatal: not a git repository",
        "make: *** [Makefile:3: all] Error 1",
        "sh: 1: gcc: command not found",
    ],
)
def test_errors_are_told(line: str) -> None:
    assert is_error(line)


@pytest.mark.parametrize(
    "line",
    [
        "0 errors, 3 warnings",
        "warning: unused error: e",
        "+ echo error: no",
        "test_error_page ok",
        "the first attempt failed, trying again",
        "FAILED: 0 failures",
        "TestValueError PASSED",
        "downloading errors.tar.gz",
    ],
)
def test_other_lines_are_not(line: str) -> None:
    assert not is_error(line)


def test_an_excerpt_has_the_error_and_the_end() -> None:
    excerpt = Excerpt(20)
    excerpt.feed(["ok"] * 1000 + ["cc a.c", ERROR, "   7 | }", *NOISE, "exit 1"])
    lines = excerpt.lines()
    assert lines[:4] == ["ok", "cc a.c", ERROR, "   7 | }"]
    assert lines[-6:] == [f"[... {excerpt.left_out - 999:,} lines left out ...]", *NOISE[-4:], "exit 1"]
    assert (excerpt.total, excerpt.left_out + len(lines) - 1) == (1104, 1104)


def test_an_excerpt_without_errors_is_the_end() -> None:
    excerpt = Excerpt(20)
    excerpt.feed(NOISE)
    assert excerpt.lines() == NOISE[-20:]


@pytest.mark.parametrize("count", [0, 1, 20, 21, 10_000])
def test_an_excerpt_is_bounded(count: int) -> None:
    excerpt = Excerpt(20)
    excerpt.feed([ERROR] * count)
    shown = [line for line in excerpt.lines() if line == ERROR]
    assert len(shown) == count - excerpt.left_out
    assert min(count, 15) <= len(shown) <= 20


@pytest.fixture
def broken(shop: Shop) -> Shop:
    """A server with job-1, whose log hides an error between 1,000 lines and 100 warnings."""
    log = "\n".join(["ok"] * 1000 + [ERROR, *NOISE, ""]).encode()
    failed = {"error": "Step 1/1: make: exit status 1", "started_utc": LONG_AGO, "finished_utc": LONG_AGO}
    shop.put(job("job-1", JobStatus.FAILED, **failed), log=log)
    return shop


def test_failed_shows_the_failing_part_and_says_what_it_leaves_out(cli: Run, broken: Shop) -> None:
    ran = cli("jobs", "logs", "job-1", "--failed")
    assert ran.code == 0
    assert ERROR in ran.out
    assert len(ran.out.splitlines()) < 62
    assert "of 1,101 lines are left out; `cictl jobs logs job-1` shows all" in ran.err


def test_options_that_choose_lines_choose_of_the_whole_step(cli: Run, broken: Shop) -> None:
    assert cli("jobs", "logs", "job-1", "--failed", "--tail", "70").out.splitlines() == NOISE[-70:]


def test_a_wait_shows_the_error_although_warnings_follow_it(cli: Run, broken: Shop) -> None:
    ran = cli("jobs", "watch", "job-1")
    assert f"  {ERROR}\n" in ran.err
    assert len(ran.err.splitlines()) < 25
    assert "`cictl jobs logs job-1 --failed` shows more" in ran.err
