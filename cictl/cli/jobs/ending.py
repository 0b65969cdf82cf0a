"""What is shown when a wait is over: what failed and where, what jobs warn of, and a table of several jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.session import Session
from cictl.cli.outcome import outcome, result_code
from cictl.cli.output.plain import LogCleaner, plain
from cictl.cli.short_ids import quoted, short_id
from cictl.cli.tables.jobs import summary_result
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
            if step and not job.error.startswith("Step "):  # else the state line has named it
                session.note(f"{label} failed in {step}")
            if not has_logs:
                _show_tail(session, job, whose="its log" if len(jobs) == 1 else label)
    _show_warnings(session, [f"{labels[job.id]}: warning: {warning}" for job in jobs for warning in job.warnings])
    if len(jobs) > 1:
        session.renderer.table_on_stderr(summary_result(jobs))
    return result_code(jobs)


def _show_tail(session: Session, job: JobExecution, *, whose: str) -> None:
    lines = plain_tail(job.output)
    if lines:
        session.note(f"the last {len(lines)} lines of {whose} (`cictl jobs logs {quoted([short_id(job)])}` shows all):")
    for line in lines:
        session.note(f"  {line}")


def _show_warnings(session: Session, lines: Sequence[str]) -> None:
    for line in lines[:MOST_WARNINGS_SHOWN]:
        session.note(line)
    if len(lines) > MOST_WARNINGS_SHOWN:
        session.note(f"{len(lines) - MOST_WARNINGS_SHOWN} more warnings; `cictl jobs show JOB` shows those of a job")


def plain_tail(output: str, count: int = TAIL_LINES) -> list[str]:
    """Return the last *count* lines of *output*, fit for a terminal."""
    cleaner = LogCleaner()
    cleaned = cleaner.feed(output.encode(errors="replace")) + cleaner.close()
    return [plain(line) for line in deque(cleaned.decode(errors="replace").splitlines(), maxlen=count)]
