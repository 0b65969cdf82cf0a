"""Test and coverage reports of executions. They can be large, so they are files and not records."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cictl.base.beneath import NotBeneath, beneath
from cictl.base.clock import Clock
from cictl.redaction import masked_message
from cictl.wire.artifacts import COVERAGE_REPORT_PATH, TEST_REPORT_PATH
from cictl.wire.jobs import TestSummary
from cictl.wire.reports import REPORT_WORDS, TestReport, TestReportUpload
from cictl_server.errors import NotFound, no_agent_id
from cictl_server.services.core.bounds import Bounds, bounded
from cictl_server.services.core.ids import job_number, numbered_names
from cictl_server.services.fleet.limits import check_agent_id
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.history.holder import Sender, check_uploader
from cictl_server.services.history.lookup import get_job
from cictl_server.services.secrets.masks import Masks
from cictl_server.store.contract import Store, Transaction

_KEPT = Bounds(
    text=1 << 10,
    items=200_000,
    low=0,
    fields={"output": Bounds(text=64 << 10), "percent": Bounds(low=0, high=100)},
)
"""How much of a report is kept; docs/security.md tells it. Agents read at most that many tests and files."""


class ReportFiles:
    """`<directory>/<job>/test-report.json` and `coverage-report.json`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, number: int, name: str) -> Path:
        """Return where a report is.

        Raises:
            NotBeneath: A link or something else is in its place.
        """
        return beneath(self._directory, f"job-{number}/{name}")

    def existing(self, number: int) -> list[tuple[str, Path]]:
        """Return name and path of the reports that an execution has."""
        found = []
        for name in (TEST_REPORT_PATH, COVERAGE_REPORT_PATH):
            with suppress(NotBeneath):
                found.append((name, self.path(number, name)))
        return [(name, path) for name, path in found if path.is_file()]

    @contextmanager
    def replacing(self, number: int, report: TestReport) -> Iterator[Callable[[], None]]:
        """Write *report* durably beside the stored one, and yield the function that puts it in place.

        The slow part is done before the caller's transaction; the function only renames, and is called once that is committed.
        """
        home = beneath(self._directory, f"job-{number}")
        home.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as directory:
            contents = {TEST_REPORT_PATH: report, COVERAGE_REPORT_PATH: report.coverage}
            fresh = {name: Path(directory) / name for name in contents}
            for name, content in contents.items():
                if content is not None:
                    _write(fresh[name], content)

            def take_over() -> None:
                for name, content in contents.items():
                    if content is not None:
                        fresh[name].replace(self.path(number, name))
                    else:
                        self.path(number, name).unlink(missing_ok=True)

            yield take_over

    def read(self, number: int) -> TestReport | None:
        try:
            # It was written here, so it is exact: the lenient decoder would take 60 times its size for it.
            return msgspec.json.decode(self.path(number, TEST_REPORT_PATH).read_bytes(), type=TestReport)
        except FileNotFoundError:
            return None

    def size(self, number: int) -> int:
        """Return the bytes of the reports of an execution."""
        return sum(path.stat().st_size for _, path in self.existing(number))

    def stored(self) -> Iterator[tuple[int, str]]:
        """Yield the number of each execution that has a directory here, and the directory's name."""
        return numbered_names(self._directory)

    def delete(self, number: int) -> None:
        """Remove the reports of an execution that was deleted."""
        shutil.rmtree(self._directory / f"job-{number}", ignore_errors=True)


def _write(path: Path, content: msgspec.Struct) -> None:
    with path.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())


@dataclass(frozen=True, kw_only=True)
class ReportService:
    files: ReportFiles
    store: Store
    presence: PresenceBook
    masks: Masks
    clock: Clock

    def upload(self, job_id: str, request: TestReportUpload, *, sender: Sender) -> TestReport:
        """Replace the report of an execution. Its counts are stored as sent, within bounds.

        Raises:
            InvalidRequest: No agent id.
            NotFound: No such execution.
            Conflict: Another agent, or another attempt, holds it, or it is over.
        """
        if not request.agent_id.strip():
            raise no_agent_id()
        check_agent_id(request.agent_id)
        with self.store.read() as view:
            job = get_job(view, job_id)
        check_uploader(job, sender, now=self.clock())
        report = request.report
        if mask := self.masks.of(job.id):
            report = masked_message(report, mask.redact, words=REPORT_WORDS)
        report = bounded(report, _KEPT)
        summary = TestSummary(total=report.total, passed=report.passed, failed=report.failed, skipped=report.skipped)

        def store(tx: Transaction) -> None:
            job = get_job(tx, job_id)
            check_uploader(job, sender, now=self.clock())
            tx.jobs.put(msgspec.structs.replace(job, test_summary=summary))
            tx.after_commit(take_over)

        with self.files.replacing(job.number, report) as take_over:
            self.store.write(store)
        self.presence.touch(request.agent_id)
        return report

    def get_report(self, job_id: str) -> TestReport:
        """Return the report; one of zero tests if the execution has none or does not exist."""
        try:
            return self.files.read(job_number(job_id)) or TestReport()
        except NotFound:
            return TestReport()
