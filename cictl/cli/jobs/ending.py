"""What is shown when a wait is over: what failed and where, what jobs warn of, and a table of several jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cictl.base.text.plain import LogCleaner, plain
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.session import Session
from cictl.cli.logs.excerpt import Excerpt
from cictl.cli.outcome import is_forgiven, names_its_step, outcome, result_code
from cictl.cli.short_ids import quoted, short_id
from cictl.cli.tables.jobs import summary_result
from cictl.cli.tables.steps import failed_step
from cictl.wire.jobs import JobExecution, JobStatus

TAIL_LINES = 20
MOST_WARNINGS_SHOWN = 20


def show_end(
    session: Session,
    jobs: Sequence[JobExecution],
    *,
    labels: Mapping[str, str],
    last_steps: Mapping[str, str],
    has_logs: bool,
) -> ExitCode:
    """Show how *jobs* ended, and return their result.

    Args:
        labels: How the lines of the wait name each job, by id.
        last_steps: The step that each job was last seen in, by id; empty where none was seen.
        has_logs: The logs were shown while the jobs ran.
    """
    for job in jobs:
        if job.status is JobStatus.FAILED and outcome(job) != "cancelled" and job.started_utc is not None:
            label = labels[job.id]
            step = last_steps.get(job.id, "")
            if step and not names_its_step(job):
                session.note(f"{label} failed in {step}")
            _show_reason(session, job, whose="its log" if len(jobs) == 1 else label, has_log=has_logs)
    warnings = [f"{labels[job.id]}: warning: {warning}" for job in jobs for warning in job.warnings]
    forgiven = [f"{labels[job.id]}: warning: it failed, which it may" for job in jobs if is_forgiven(job)]
    _show_warnings(session, [*warnings, *forgiven])
    if len(jobs) > 1:
        session.renderer.table_on_stderr(summary_result(jobs))
    return result_code(jobs)


def _show_reason(session: Session, job: JobExecution, *, whose: str, has_log: bool) -> None:
    """Show why *job* failed: the lines around the errors of the step that failed, and its last lines.

    Where the log was shown, only an error is worth it that other lines have pushed up.
    """
    excerpt = excerpt_of(_failed_part(session, job))
    if not excerpt.total or (has_log and not excerpt.is_hidden(TAIL_LINES)):
        return
    lines = excerpt.lines()
    name = quoted([short_id(job)])
    if excerpt.has_errors and excerpt.left_out:
        what = f"where {whose} tells of errors ({excerpt.left_out:,} of {excerpt.total:,} lines are left out"
        session.note(f"{what}; `cictl jobs logs {name} --failed` shows more):")
    else:
        last = "line" if len(lines) == 1 else f"{len(lines)} lines"
        session.note(f"the last {last} of {whose} (`cictl jobs logs {name}` shows all):")
    for line in lines:
        session.renderer.note(f"  {line}", folds=False)


def _show_warnings(session: Session, lines: Sequence[str]) -> None:
    for line in lines[:MOST_WARNINGS_SHOWN]:
        session.note(line)
    if len(lines) > MOST_WARNINGS_SHOWN:
        session.note(f"{len(lines) - MOST_WARNINGS_SHOWN} more warnings; `cictl jobs show JOB` shows those of a job")


def _failed_part(session: Session, job: JobExecution) -> str:
    """Return the part of the log of the step that failed, as far as the job's output has it."""
    from cictl_client import ApiError

    output = job.output.encode(errors="replace")
    try:
        begun = session.client.list_steps(job.id)
    except ApiError:  # a server that does not keep where steps begin
        begun = []
    missing = max(0, job.log_size - len(output))
    failed = failed_step(job, begun)
    if not failed or not job.log_size:
        return output.decode(errors="replace")
    ends = [step.log_offset for step in begun if step.index > failed.index]
    end = max(0, min(ends) - missing) if ends else None
    return (output[max(0, failed.log_offset - missing) : end] or output).decode(errors="replace")


def excerpt_of(output: str, count: int = TAIL_LINES) -> Excerpt:
    """Return the lines of *output* to show, fit for a terminal."""
    cleaner = LogCleaner()
    cleaned = cleaner.feed(output.encode(errors="replace")) + cleaner.close()
    excerpt = Excerpt(count)
    excerpt.feed(plain(line) for line in cleaned.decode(errors="replace").splitlines())
    return excerpt
