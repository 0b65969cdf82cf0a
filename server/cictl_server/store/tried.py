"""The record of a test: how it went whenever a job tried it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from math import floor, log10

import msgspec

from cictl_server.store.records.base import Record

Order = tuple[str, str, str, str]
"""Project, pipeline, name and key: how tests are listed; the key stands for job and suite."""


class Try(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One result of a test.

    Attributes:
        job: Number of the execution.
        commit: What was tried: the commit, else what stands for it.
        at: Seconds since 1970.
    """

    job: int
    commit: str
    passed: bool
    at: int


class TriedTest(Record, frozen=True, kw_only=True):
    """One test of one job and matrix row of a pipeline.

    Attributes:
        key: `key_of` what tells it from others.
        seconds: Of all `passes` and `failures`.
        recent: Its latest results, the oldest first.
        passes_in_row: How often it passed since it failed last, or became flaky.
        seen: When it was tried last.
    """

    key: str
    name: str
    seen: datetime
    suite: str = ""
    project: str = ""
    project_id: str = ""
    pipeline: str = ""
    job: str = ""
    passes: int = 0
    failures: int = 0
    seconds: float = 0.0
    last_failed_run: int = 0
    first_failed_run: int = 0
    flaky: bool = False
    passes_in_row: int = 0
    recent: list[Try] = msgspec.field(default_factory=list)

    @property
    def mean_seconds(self) -> float:
        tries = self.passes + self.failures
        return self.seconds / tries if tries else 0.0

    @property
    def slowness(self) -> float:
        """The mean to two digits, by which tests are sorted: so most tries leave a test in its place, and no index changes."""
        mean = self.mean_seconds
        return round(mean, 1 - floor(log10(mean))) if mean > 0 else 0.0

    @property
    def order(self) -> Order:
        return self.project, self.pipeline, self.name, self.key


def key_of(*parts: str) -> str:
    """Return the key of the test that *parts* tell from all others."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]
