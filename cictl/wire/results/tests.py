"""Tests over time on the wire."""

from __future__ import annotations

from cictl.wire.codec import Message


class TestStory(Message):
    """How one test of one job went so far.

    Attributes:
        name: Its package and name.
        suite: Name of its suite; empty where the report has none.
        job: The job that tries it, with the row of its matrix: `test/linux`.
        flaky: It passed and failed on one commit within 14 days, and has not passed five times in a row since then.
        last_failed_run: Number of the run in which it failed last; 0 if it never did.
        first_failed_run: Number of the run from which on it has always failed; 0 if it passed last.
        mean_seconds: How long it takes; skipped tests count for nothing.
    """

    __test__ = False

    name: str
    suite: str
    project: str
    pipeline: str
    job: str
    passes: int
    failures: int
    flaky: bool
    last_failed_run: int
    first_failed_run: int
    mean_seconds: float


class TestList(Message):
    """`GET tests`. `next_cursor` fetches the next part; it is absent at the end."""

    __test__ = False

    tests: list[TestStory]
    next_cursor: str = ""
