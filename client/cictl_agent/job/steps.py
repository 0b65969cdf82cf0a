"""Running the steps of a job, and reading the reports that they leave. What runs a script is in `shells`."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cictl.wire.jobs import Cause, JobExecution, Step
from cictl.wire.reports import Coverage, TestSuite
from cictl_agent.job.failures import JobFailed, memory_kills, script_failure
from cictl_agent.job.reports import Hits, ReportError, StepReports
from cictl_agent.job.shells import Shell
from cictl_agent.log.reporter import Reporter
from cictl_agent.log.spool import JobLog
from cictl_agent.system.commands import Exit
from cictl_agent.system.interruption import Interruption

WHOLE_SCRIPT = "Running job script"

_SHOWN_LINES = 20
_SHOWN_CHARACTERS = 160
"""How much of a script the log shows before it runs; a title is no longer than such a line."""

_TOO_LARGE = "start shell: the step's variables are larger than this system takes (Linux: 128 KiB each)"
_NO_DIRECTORY = "start shell: the directory that steps run in is gone; an earlier step removed it"


@dataclass(kw_only=True)
class Steps:
    """The steps of one job, and what their reports in `directory` say."""

    job: JobExecution
    shell: Shell
    directory: Path
    reporter: Reporter
    log: JobLog
    interruption: Interruption
    suites: list[TestSuite] = field(default_factory=list)
    _hits: Hits = field(default_factory=Hits)

    @property
    def coverage(self) -> Coverage | None:
        """The coverage reports of all steps as one; None without any."""
        return self._hits.coverage() if self._hits.formats else None

    def run(self) -> None:
        """Run the steps up to the first that fails, or the whole script of a job without steps.

        Raises:
            JobFailed: A step failed, its report can't be read, or its tests failed.
            Interrupted: The job was stopped.
        """
        job = self.job
        if not job.step_plan:
            self.reporter.note_step(WHOLE_SCRIPT)
            code, reason = self._run_script(job.script, {})
            if code:
                raise JobFailed(reason, exit_code=code, cause=Cause.STEP_FAILED)
            return
        for step in job.step_plan:
            if step.script.strip() or step.is_skipped:
                self.interruption.check()
                self._run_step(step)

    def _run_step(self, step: Step) -> None:
        log = self.log
        text = _shortened(log.redact(step_text(step)))
        self.reporter.note_step(text, step=_without_script(step))
        if step.is_skipped:
            log.line(f"[dry-run] skipped step: {step.title}")
            return
        log.line(f"[run] {text}")
        self._show(step)
        reports = StepReports(self.directory, step, check=self.interruption.check) if step.is_test else None
        code, ending = self._run_script(step.script, step.env)
        before = len(self.suites)
        problem = self._read_reports(reports) if reports else ""
        if reason := "; ".join(filter(None, (_failed_tests(self.suites[before:]) or ending, problem))):
            log.line(f"[run] step failed: {text}: {reason}")
            raise JobFailed(f"{text}: {reason}", exit_code=code or None, cause=Cause.STEP_FAILED)

    def _show(self, step: Step) -> None:
        """Show in the log what is about to run, unless the title says it. A shell that traces its commands does so itself."""
        if self.shell.is_traced or not tells_commands(self.job):
            return
        lines = [line for line in self.log.redact(step.script).splitlines() if line.strip()]
        if lines and lines[0].strip() == self.log.redact(step.title):
            del lines[0]
        for line in lines[:_SHOWN_LINES]:
            self.log.line(f"[run] | {_shortened(line)}")
        if len(lines) > _SHOWN_LINES:
            self.log.line(f"[run] | … {len(lines) - _SHOWN_LINES} more lines")

    def _run_script(self, script: str, extra: Mapping[str, str]) -> tuple[int, str]:
        """Run a script, and return its exit code and, unless that is 0, how it ended."""
        kills = memory_kills()
        ended = self._run(script, extra)
        return ended.code, script_failure(ended, ran_out_of_memory=memory_kills() != kills) if ended.code else ""

    def _run(self, script: str, extra: Mapping[str, str]) -> Exit:
        try:
            return self.shell.run(script, extra)
        except ValueError as error:  # a NUL in the script or the environment
            raise JobFailed(f"start shell: {_reason(error, extra)}", cause=Cause.STEP_FAILED) from error
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise JobFailed(_TOO_LARGE, cause=Cause.STEP_FAILED) from error
            if not self.directory.is_dir():
                raise JobFailed(_NO_DIRECTORY, cause=Cause.STEP_FAILED) from error
            raise

    def _read_reports(self, reports: StepReports) -> str:
        """Read the reports of a test step, and return what is wrong with them; empty when nothing is."""
        log = self.log
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
    """Return how a step is shown to people: `Step 1/2: make test`."""
    position = f"Step {step.index}/{step.total}" if step.total else f"Step {step.index}"
    return f"{position}: {step.title}" if step.title else position


def tells_commands(job: JobExecution) -> bool:
    """Tell whether a job's log may show its commands: not with secrets, and not if it is an ad-hoc script."""
    return not (job.facts.has_secrets or job.facts.adhoc or job.sensitive_values)


def _failed_tests(suites: Sequence[TestSuite]) -> str:
    """Return how many tests failed, such as `2 of 2018 tests failed`; empty when none did."""
    failed, total = sum(suite.failed for suite in suites), sum(suite.total for suite in suites)
    return f"{failed} of {total} test{'' if total == 1 else 's'} failed" if failed else ""


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _reason(error: ValueError, variables: Mapping[str, str]) -> str:
    """Return why a script can't be started, with the name of the variable that is to blame, if one is."""
    for name, value in variables.items():
        if "=" in name or "\0" in name:
            return f"{name!r} can't be the name of a variable"
        if "\0" in value:
            return f"the value of the variable {name} has a NUL in it"
    return str(error)


def _without_script(step: Step) -> Step:
    """Return the step as it belongs in an event: without its script, environment and secrets."""
    return msgspec.structs.replace(step, script="", env={}, vault_connection="", vault_secrets=[])
