"""What is kept of a job after its steps: artifacts, the report of its tests, and the caches of its checkout."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cictl.redaction import masked_message
from cictl.wire.jobs import Cause, JobExecution
from cictl.wire.results.reports import REPORT_WORDS, TestReportUpload
from cictl.wire.words import CONTROL, Feature
from cictl_agent.config import AgentConfig
from cictl_agent.job.artifacts.collection import REFERENCE_LIMITS, Found, collect
from cictl_agent.job.artifacts.groups import keep
from cictl_agent.job.artifacts.upload import upload
from cictl_agent.job.caches.saved import SavedCaches
from cictl_agent.job.failures import JobFailed
from cictl_agent.job.reports import combine
from cictl_agent.job.steps.steps import Steps
from cictl_agent.job.warnings import Warnings
from cictl_agent.log.spool import JobLog
from cictl_agent.retries import persist
from cictl_agent.system.interruption import Interrupted, Interruption, StopReason
from cictl_agent.system.platforms import Platform
from cictl_agent.system.timers import Timers
from cictl_client import Client, ClientError

_KEEPING_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended. It succeeded if `error` is empty."""

    error: str = ""
    exit_code: int | None = 0
    cause: Cause | None = None


@dataclass(frozen=True, kw_only=True)
class Results:
    """What one job leaves.

    Attributes:
        lease_token: Goes with every upload.
        features: What the server can do beyond the contract.
        directory: The directory that the steps ran in.
        interruption: Stops the uploads. It is given when the agent itself stops, and when they take too long.
    """

    job: JobExecution
    lease_token: str = field(repr=False)
    config: AgentConfig
    platform: Platform
    client: Client
    features: Collection[str]
    directory: Path
    caches: SavedCaches
    log: JobLog
    warnings: Warnings
    interruption: Interruption
    timers: Timers

    def keep(self, outcome: Outcome, steps: Steps | None) -> Outcome:
        """Keep what the job has left, and return how it ended in all. Its own error wins over one of an upload.

        A job with a time limit gets that much time again for it, and at least `_KEEPING_SECONDS`.
        """
        if not self.job.timeout_seconds:
            return self._keep(outcome, steps)
        seconds = max(self.job.timeout_seconds, _KEEPING_SECONDS)
        limit = self.timers.after(seconds, lambda: self.interruption.give(StopReason.TIMED_OUT))
        try:
            return self._keep(outcome, steps)
        finally:
            self.timers.cancel(limit)

    def _keep(self, outcome: Outcome, steps: Steps | None) -> Outcome:
        if self.interruption.is_given:
            return outcome
        try:
            self._upload_artifacts(has_failed=bool(outcome.error))
        except Interrupted:
            broken_off = self._broken_off()
            self.log.line(f"{CONTROL}{broken_off.error}, and its artifacts are not kept")
            return outcome if outcome.error else broken_off
        except JobFailed as failure:
            self.log.line(f"[artifacts] {failure}")
            if not outcome.error:
                outcome = Outcome(error=failure.error, exit_code=None)
        if steps is not None:
            self._upload_tests(steps)
        if not outcome.error:
            self._save_caches()
        return outcome

    def _save_caches(self) -> None:
        """Save the caches of a job that succeeded. That it did stands, also if there is no time for this."""
        try:
            self.caches.save(self.interruption)
        except Interrupted:
            self.warnings.add("cache", "not all caches are saved: there was no time left")

    def _broken_off(self) -> Outcome:
        if self.interruption.reason is StopReason.TIMED_OUT:
            return Outcome(error="job timed out", exit_code=None, cause=Cause.TIMED_OUT)
        return Outcome(error="agent stopped", exit_code=None)

    def _upload_artifacts(self, *, has_failed: bool) -> None:
        """Upload what the job keeps.

        Raises:
            JobFailed: The upload failed, or files are missing that the job requires.
            Interrupted: The job was stopped, or this took too long.
        """
        kept = keep(self.job, partial(self._collect, has_failed=has_failed), has_failed=has_failed)
        if kept.files:
            upload(
                kept.files,
                client=self.client,
                job_id=self.job.id,
                agent_id=self.config.agent_id,
                lease_token=self.lease_token,
                scratch_dir=self.config.work_dir,
                log=self.log,
                interruption=self.interruption,
                listing=self.config.artifact_listing,
            )
        if kept.missing:
            raise JobFailed(f"required artifacts are missing, no file matches: {'; '.join(kept.missing)}")

    def _collect(self, patterns: Iterable[str], *, has_failed: bool) -> list[Found]:
        if not self.directory.is_dir():
            return []
        return collect(
            patterns,
            self.directory,
            self.warnings,
            limits=None if Feature.ARTIFACT_LIMITS in self.features else REFERENCE_LIMITS,
            with_links=Feature.ARTIFACT_LINKS in self.features and self.platform.makes_links,
            has_failed=has_failed,
        )

    def _upload_tests(self, steps: Steps) -> None:
        """Upload the report of all test steps; a failed upload is only logged."""
        report = masked_message(combine(steps.suites, steps.coverage), self.log.redact, words=REPORT_WORDS)
        if report.total or report.coverage:
            request = TestReportUpload(agent_id=self.config.agent_id, report=report)
            try:
                persist(
                    lambda: self.client.upload_tests(self.job.id, request, lease_token=self.lease_token),
                    self.interruption,
                )
            except (ClientError, Interrupted) as error:
                self.log.line(f"[tests] report upload failed: {error}")
