"""Running the steps of a job, and reading the reports that they leave."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from cictl.expressions import ExpressionError
from cictl.wire.jobs import Cause, JobExecution, Step
from cictl.wire.results.reports import Coverage, TestSuite
from cictl_agent.job.failures import CannotStart, JobFailed, memory_kills, script_failure
from cictl_agent.job.reports import Hits, ReportError, StepReports
from cictl_agent.job.steps.conditions import is_due
from cictl_agent.job.steps.directories import check_directory
from cictl_agent.job.steps.files import BadStepFile, StepFiles
from cictl_agent.job.steps.shells import Script, Shell
from cictl_agent.job.warnings import Warnings
from cictl_agent.log.reporter import Reporter
from cictl_agent.log.spool import JobLog
from cictl_agent.system.commands import CommandTimedOut
from cictl_agent.system.interruption import Interruption

WHOLE_SCRIPT = "Running job script"

_SHOWN_LINES = 20
_SHOWN_CHARACTERS = 160
"""How much of a script the log shows before it runs; a title is no longer than such a line."""

_NO_STEP = Step()
"""Stands for the whole script of a job without steps."""

_TOO_LARGE = "start shell: the step's variables are larger than this system takes (Linux: 128 KiB each)"
_NO_DIRECTORY = "start shell: the directory that steps run in is gone; an earlier step removed it"


class _Ending(NamedTuple):
    """How a script ended.

    Attributes:
        code: 0 also for a script that could not be started.
        reason: What is said of it; empty if it succeeded.
    """

    code: int
    reason: str = ""
    cause: Cause = Cause.STEP_FAILED


@dataclass(kw_only=True)
class Steps:
    """The steps of one job, what their reports in `directory` say, and what they leave in `files`.

    Attributes:
        failed_step: The position of the first that failed and may not; 0 while none has.
    """

    job: JobExecution
    shell: Shell
    directory: Path
    files: StepFiles
    reporter: Reporter
    log: JobLog
    warnings: Warnings
    interruption: Interruption
    failed_step: int = 0
    suites: list[TestSuite] = field(default_factory=list)
    _hits: Hits = field(default_factory=Hits)
    _failure: JobFailed | None = None

    @property
    def coverage(self) -> Coverage | None:
        """The coverage reports of all steps as one; None without any."""
        return self._hits.coverage() if self._hits.formats else None

    def run(self) -> None:
        """Run the steps, or the whole script of a job without steps. After one that fails only those run that ask for that.

        Raises:
            JobFailed: A step failed, its report can't be read, or its tests failed; the first such failure.
            Interrupted: The job was stopped.
        """
        if not self.job.step_plan:
            self._run_whole_script()
            return
        for step in self.job.step_plan:
            if step.script.strip() or step.is_skipped:
                self.interruption.check()
                try:
                    if self._is_due(step):
                        self._run_step(step)
                except JobFailed as failure:
                    self._note(step, failure)
        if self._failure:
            raise self._failure

    def _run_whole_script(self) -> None:
        self.reporter.note_step(WHOLE_SCRIPT)
        ending = self._run_script(self.job.script)
        if ending.reason:
            raise JobFailed(ending.reason, exit_code=ending.code or None, cause=ending.cause)
        if problem := self._take_files(_NO_STEP):
            raise JobFailed(problem, cause=Cause.STEP_FAILED)

    def _is_due(self, step: Step) -> bool:
        environment = {**self.job.env, **self.files.environment, **step.env}
        try:
            due = is_due(step.condition, environment, has_failed=self._failure is not None)
        except ExpressionError as error:
            raise JobFailed(f"{self._text(step)}: if: {error}", cause=Cause.STEP_FAILED) from error
        if not due and step.condition:
            self.log.line(f"[run] skipped {self._text(step)}: if: {step.written_if or step.condition}")
        return due

    def _note(self, step: Step, failure: JobFailed) -> None:
        """Keep the first failure as the job's own; that of a step after which the job goes on is only told."""
        if step.continue_on_error:
            self.warnings.add("run", f"{failure.error}; the job goes on, as continue_on_error says")
        elif self._failure is None:
            self._failure, self.failed_step = failure, step.index

    def _text(self, step: Step) -> str:
        return _shortened(self.log.redact(step_text(step)))

    def _run_step(self, step: Step) -> None:
        log = self.log
        text = self._text(step)
        self.reporter.note_step(text, step=_without_script(step))
        if step.is_skipped:
            log.line(f"[dry-run] skipped step: {step.title}")
            return
        log.line(f"[run] {text}")
        self._show(step)
        reports = self._reports(step) if step.is_test else None
        ending = self._run_script(step.script, step)
        before = len(self.suites)
        problem = self._read_reports(reports) if reports else ""
        reasons = (_failed_tests(self.suites[before:]) or ending.reason, problem, self._take_files(step))
        if reason := "; ".join(filter(None, reasons)):
            log.line(f"[run] step failed: {text}: {reason}")
            raise JobFailed(f"{text}: {reason}", exit_code=ending.code or None, cause=ending.cause)

    def _reports(self, step: Step) -> StepReports:
        return StepReports(
            self.directory, step, working_directory=self._directory_of(step), check=self.interruption.check
        )

    def _directory_of(self, step: Step) -> str:
        return step.working_directory or self.job.working_directory

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

    def _run_script(self, text: str, step: Step = _NO_STEP) -> _Ending:
        kills = memory_kills()
        variables = {**self.files.environment, **step.env, **self.files.variables(step.index)}
        try:
            script = Script(
                text=text,
                variables=variables,
                paths=self.files.paths,
                directory=check_directory(self.directory, self._directory_of(step)),
                shell=step.shell,
                limit_seconds=step.timeout_seconds or None,
            )
            ended = self.shell.run(script)
        except CannotStart as refusal:
            return _Ending(0, str(refusal))
        except CommandTimedOut as late:
            return _Ending(late.ended.code, f"timed out after {step.timeout_seconds} s", Cause.TIMED_OUT)
        except ValueError as error:  # a NUL in the script or the environment
            raise JobFailed(f"start shell: {_reason(error, variables)}", cause=Cause.STEP_FAILED) from error
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise JobFailed(_TOO_LARGE, cause=Cause.STEP_FAILED) from error
            if not self.directory.is_dir():
                raise JobFailed(_NO_DIRECTORY, cause=Cause.STEP_FAILED) from error
            raise
        if not ended.code:
            return _Ending(0)
        return _Ending(ended.code, script_failure(ended, ran_out_of_memory=memory_kills() != kills))

    def _take_files(self, step: Step) -> str:
        """Take over what a step has left for later ones, and return what is wrong with it; empty when nothing is."""
        try:
            self.files.take(step.index)
        except BadStepFile as error:
            return str(error)
        return ""

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
