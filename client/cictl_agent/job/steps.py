"""Running the steps of a job, one after the other."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping

import msgspec

from cictl.wire.jobs import Cause, JobExecution, Step
from cictl.wire.reports import Coverage, TestSuite
from cictl_agent.config import AgentConfig
from cictl_agent.job.context import JobContext
from cictl_agent.job.failures import JobFailed
from cictl_agent.job.reports import Hits, ReportError, StepReports
from cictl_agent.job.shells import Shell
from cictl_agent.system.commands import Exit

WHOLE_SCRIPT = "Running job script"

_TOO_LARGE = "start shell: the step's variables are larger than this system takes (Linux: 128 KiB each)"
_TEST, _SKIPPED = "test", "dryrun_skip"


def choose_shell(job: JobExecution, there: Iterable[str]) -> str:
    """Return which shell of those that are *there* the job runs in: the one that it wants, else the first.

    Raises:
        JobFailed: It is not there.
    """
    names = list(there)
    shell = (job.required_capabilities or {}).get("shell", "").strip().lower()
    if shell and shell not in names:
        raise JobFailed(f'resolve job shell: unsupported shell "{shell}"')
    return shell or names[0]


class Steps:
    """The steps of one job, and the reports that they leave behind."""

    def __init__(self, context: JobContext, shell: Shell) -> None:
        self._context = context
        self._shell = shell
        self.suites: list[TestSuite] = []
        self._hits = Hits()

    @property
    def coverage(self) -> Coverage | None:
        """What the coverage reports of all steps say together; None where there was none."""
        return self._hits.coverage() if self._hits.formats else None

    def run(self) -> None:
        """Run everything there is, up to the first step that fails.

        Raises:
            JobFailed: A step failed, or its report can't be read.
            Interrupted: The job was to stop.
        """
        job = self._context.job
        if not job.step_plan:
            self._context.reporter.note_step(WHOLE_SCRIPT)
            ended = self._run_script(job.script, {})
            if ended.code:
                raise JobFailed(ended.text, exit_code=ended.code, cause=Cause.STEP_FAILED)
            return
        for step in job.step_plan:
            if step.script.strip() or step.kind == _SKIPPED:
                self._context.interruption.check()
                self._run_step(step)

    def _run_step(self, step: Step) -> None:
        log = self._context.log
        text = step_text(step)
        self._context.reporter.note_step(text, step=_without_script(step))
        if step.kind == _SKIPPED:
            log.line(f"[dry-run] skipped step: {step.name}")
            return
        log.line(f"[run] {text}")
        reports = StepReports(self._context.directory, step) if step.kind == _TEST else None
        ended = self._run_script(step.script, step.env)
        if ended.code:
            log.line(step.script.rstrip("\n"))
            log.line(f"[run] step failed: {text} (exit={ended.code})")
        problem = self._read_reports(reports) if reports else ""
        if ended.code:
            raise JobFailed(f"{text}: {ended.text}", exit_code=ended.code, cause=Cause.STEP_FAILED)
        if problem:
            raise JobFailed(f"{text}: {problem}", cause=Cause.STEP_FAILED)
        if failed := sum(suite.failed for suite in self.suites):
            raise JobFailed(f"test report contains failures: failed={failed}", cause=Cause.STEP_FAILED)

    def _run_script(self, script: str, extra: Mapping[str, str]) -> Exit:
        try:
            return self._shell.run(script, extra)
        except ValueError as error:  # a NUL in the script or the environment
            raise JobFailed(f"start shell: {error}", cause=Cause.STEP_FAILED) from error
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            raise JobFailed(_TOO_LARGE, cause=Cause.STEP_FAILED) from error

    def _read_reports(self, reports: StepReports) -> str:
        """Read what a test step reports, and return what is wrong with it."""
        log = self._context.log
        try:
            if (suite := reports.read_tests()) is not None:
                self.suites.append(suite)
                log.line(f"[tests] {suite.name}: {suite.passed} passed, {suite.failed} failed, {suite.skipped} skipped")
            if (hits := reports.read_coverage()) is not None:
                self._hits.merge(hits)
                log.line(f"[coverage] {hits.coverage().percent:.1f} %")
        except ReportError as error:
            problem = error.told(log.redact)
            log.line(f"[tests] {problem}")
            return problem
        finally:
            for remark in reports.remarks:
                log.line(f"[tests] warning: {log.redact(remark)}")
        return ""


def step_text(step: Step) -> str:
    """Return how a step is named to people: `Step 1/2: name`."""
    position = f"Step {step.index}/{step.total}" if step.total else f"Step {step.index}"
    name = step.name.replace("_", " ").strip()
    return f"{position}: {name}" if name else position


def is_traced(metadata: Mapping[str, str], config: AgentConfig) -> bool:
    """Tell whether a job's shell prints each command; with secrets and ad-hoc scripts it never does."""
    is_private = metadata.get("has_secrets") == "1" or metadata.get("adhoc") == "1"
    return config.trace_shell and not is_private


def _without_script(step: Step) -> Step:
    """Return what of a step belongs into an event: neither its script nor its environment."""
    return msgspec.structs.replace(step, script="", env={}, vault_connection="", vault_secrets=[])
