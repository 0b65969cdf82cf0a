"""Test and coverage reports of executions. They can be large, so they are files and not records."""

from __future__ import annotations

import io
from typing import IO

import msgspec

from cictl.base.clock import Clock
from cictl.base.typed_json import read_json_as
from cictl.redaction import masked_message
from cictl.wire.jobs import TestSummary
from cictl.wire.results.artifacts import COVERAGE_REPORT_PATH, TEST_REPORT_PATH
from cictl.wire.results.reports import REPORT_WORDS, TestReport, TestReportUpload
from cictl_server.blobs.contract import Blob, BlobMissing, Blobs, read_whole
from cictl_server.errors import NotFound, no_agent_id
from cictl_server.services.artifacts.places import new_generation, reports_of
from cictl_server.services.artifacts.removal import FileRemoval
from cictl_server.services.artifacts.stories import TestStories
from cictl_server.services.core.limits.bounds import Bounds, bounded
from cictl_server.services.fleet.limits import check_agent_id
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.history.holder import Sender, check_uploader
from cictl_server.services.history.lookup import get_job
from cictl_server.services.secrets.masks import Masks
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord

_KEPT = Bounds(
    text=1 << 10,
    items=200_000,
    low=0,
    fields={"output": Bounds(text=64 << 10), "percent": Bounds(low=0, high=100)},
)
"""How much of a report is kept; docs/security.md tells it. Agents read at most that many tests and files."""


class ReportFiles:
    """`test-report.json` and `coverage-report.json` of executions; see `places` for where."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def existing(self, job: JobRecord | None) -> list[tuple[str, Blob]]:
        """Return the reports that an execution has, with their names."""
        if job is None or job.test_summary is None:
            return []
        home = reports_of(self._blobs, job)
        found = [(name, self._blobs.find(home + name)) for name in (TEST_REPORT_PATH, COVERAGE_REPORT_PATH)]
        return [(name, blob) for name, blob in found if blob is not None]

    def put(self, job: JobRecord, report: TestReport) -> int:
        """Keep the reports of an upload, and return their bytes; no record names its generation yet."""
        with self._blobs.new_folder(reports_of(self._blobs, job)) as folder:
            size = folder.put(TEST_REPORT_PATH, _encoded(report))
            if report.coverage is not None:
                size += folder.put(COVERAGE_REPORT_PATH, _encoded(report.coverage))
        return size

    def read(self, job: JobRecord) -> TestReport | None:
        try:
            content = read_whole(self._blobs, reports_of(self._blobs, job) + TEST_REPORT_PATH)
        except BlobMissing:
            return None
        # It was written here, so it is exact: the lenient decoder would take 60 times its size for it.
        return read_json_as(content, TestReport)


def _encoded(content: msgspec.Struct) -> IO[bytes]:
    return io.BytesIO(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


class ReportService(msgspec.Struct, frozen=True, kw_only=True):
    files: ReportFiles
    removal: FileRemoval
    stories: TestStories
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
            BlobsAway: It can't be kept now.
            SecretsUnknown: This server does not know what to mask, and can't find it out now.
        """
        if not request.agent_id.strip():
            raise no_agent_id()
        check_agent_id(request.agent_id)
        with self.store.read() as view:
            job = get_job(view, job_id)
        check_uploader(job, sender, now=self.clock())
        self.masks.complete(job)
        report = request.report
        if mask := self.masks.of(job.id):
            report = masked_message(report, mask.redact, words=REPORT_WORDS)
        report = bounded(report, _KEPT)
        summary = TestSummary(total=report.total, passed=report.passed, failed=report.failed, skipped=report.skipped)
        self._replace(job, report, summary, sender)
        self.stories.note(job, report, now=self.clock())
        self.presence.touch(request.agent_id)
        return report

    def get_report(self, job_id: str) -> TestReport:
        """Return the report; one of zero tests if the execution has none or does not exist."""
        try:
            with self.store.read() as view:
                job = get_job(view, job_id)
        except NotFound:
            return TestReport()
        return self.files.read(job) or TestReport()

    def _replace(self, job: JobRecord, report: TestReport, summary: TestSummary, sender: Sender) -> None:
        """Keep the new report, and name it in the record instead of the old one, which is removed then."""
        generation = new_generation()
        new = msgspec.structs.replace(job, test_summary=summary, report_generation=generation)
        size = self.files.put(new, report)

        def name(tx: Transaction) -> JobRecord:
            held = get_job(tx, job.id)
            check_uploader(held, sender, now=self.clock())
            tx.jobs.put(
                msgspec.structs.replace(held, test_summary=summary, report_generation=generation, report_bytes=size)
            )
            return held

        try:
            old = self.store.write(name)
        except BaseException:
            self.removal.remove(self.removal.prefixes_of_reports(new))
            raise
        self.removal.remove(self.removal.prefixes_of_reports(old))
