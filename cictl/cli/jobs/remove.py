"""Delete jobs, clear the queue, flush the history: say what dies, ask, do it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from cictl.cli.app.confirmation import confirm
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.jobs.several import Several
from cictl.cli.names import MAX_JOBS
from cictl.cli.outcome import outcome
from cictl.cli.output.table import Result
from cictl.cli.short_ids import label, quoted, short_id
from cictl.cli.tables.jobs import full_label, jobs_result
from cictl.wire.jobs import DeletedJob, JobExecution, JobStatus
from cictl.wire.waiting.queue import ClearedQueue, FlushedHistory
from cictl_client import Client

SHOWN_IDS = 5

_PENDING = (JobStatus.QUEUED, JobStatus.LEASED)


def delete_jobs(session: Session, names: Sequence[str]) -> ExitCode:
    """Remove jobs that have not started, and return the worst exit code."""
    session.refuse_if_readonly(f"delete {' '.join(names)}")
    several = Several(session, names)
    found = [several.attempt(partial(_pending, session, job_id)) for job_id in several.find()]
    jobs = [job for job in found if job is not None]
    if not jobs:
        return several.code
    confirm(session, f"delete {short_id(jobs[0]) if len(jobs) == 1 else _jobs(len(jobs))}?")
    for job in jobs:
        if several.attempt(partial(_delete, session, job)) is not None and not several.is_single:
            session.note(f"{short_id(job)}: deleted")
    if several.is_single:
        answer = DeletedJob(deleted=True, job_execution_id=jobs[0].id)
        result = Result(message=answer, rows=jobs, columns=(), name=lambda j: j.id)
        session.show_done(result, f"deleted {short_id(jobs[0])}")
    elif session.wants_data:
        session.show(jobs_result(jobs))
    return several.code


def _pending(session: Session, job_id: str) -> JobExecution:
    """Return a job that can be deleted, and say what that does."""
    job = session.client.get_job(job_id)
    if job.status not in _PENDING:
        raise _started(job)
    held = f", leased by {job.leased_by_agent_id}" if job.leased_by_agent_id else ""
    name = f"{full_label(job)}/{label(job)}"
    session.note(f"this deletes {short_id(job)} ({name}{held}){_dragged(session.client, job)}")
    return job


def _delete(session: Session, job: JobExecution) -> bool:
    session.client.delete_job(job.id)
    return True


def clear_queue(session: Session) -> None:
    """Remove all that is queued or leased."""
    session.refuse_if_readonly("clear the queue")
    found, has_more = [], False
    for status in _PENDING:
        page = session.client.list_jobs(max_jobs=MAX_JOBS, status=status)
        # A reference server ignores the filter.
        found += [job for job in page.job_executions if job.status is status]
        has_more = has_more or bool(page.next_cursor)
    if not found:
        _show_count(session, ClearedQueue(cleared=0), "the queue is empty already")
        return
    session.note(f"this deletes {_counted(found, has_more=has_more)}; what runs goes on")
    confirm(session, "clear the queue?")
    cleared = session.client.clear_queue()
    _show_count(session, ClearedQueue(cleared=cleared), f"deleted {_jobs(cleared)}")


def flush_history(session: Session) -> None:
    """Remove all that is over."""
    session.refuse_if_readonly("flush the history")
    page = session.client.list_jobs(max_jobs=MAX_JOBS, status="finished")
    found = [job for job in page.job_executions if job.status.is_terminal]
    if not found:
        _show_count(session, FlushedHistory(flushed=0), "the history is empty already")
        return
    session.note(
        f"this deletes {_counted(found, has_more=bool(page.next_cursor))}, with logs, artifacts and test reports; "
        "those whose run still waits for something stay"
    )
    confirm(session, "flush the history?")
    flushed = session.client.flush_history()
    text = f"deleted {_jobs(flushed)}" if flushed else "nothing was deleted: their runs still wait for something"
    _show_count(session, FlushedHistory(flushed=flushed), text)


def dependants(job: JobExecution, run: Sequence[JobExecution]) -> list[JobExecution]:
    """Return the executions of *run* that end when *job* is removed from it.

    *run* holds all executions of *job*'s run. A job that needs `build` ends when no execution of `build` is left, and
    then so does a job that needs the ended one. While another matrix entry or a rerun of *job* is left, nothing ends.
    """
    name = job.facts.pipeline_job_id
    if any(other.id != job.id and other.facts.pipeline_job_id == name for other in run):
        return []
    # Until a round finds nothing new: each ended execution may end those that need it.
    lost, ended = {name}, dict[str, JobExecution]()
    waiting = [other for other in run if other.facts.needs_blocked]
    while new := [o for o in waiting if o.id not in ended and lost & set(o.facts.needs_job_ids)]:
        ended |= {other.id: other for other in new}
        lost |= {other.facts.pipeline_job_id for other in new}
    return list(ended.values())


def _dragged(client: Client, job: JobExecution) -> str:
    run_id = job.facts.pipeline_run_id
    if not run_id:
        return ""
    found = client.list_jobs(max_jobs=MAX_JOBS, run=run_id).job_executions
    ended = dependants(job, [other for other in found if other.facts.pipeline_run_id == run_id])
    text = f" and ends {_jobs(len(ended))} that {'waits' if len(ended) == 1 else 'wait'} for it" if ended else ""
    text += f": {_ids(ended)}" if ended else ""
    return text + ("; later pipelines of its chain may end too" if job.facts.chain_run_id else "")


def _started(job: JobExecution) -> Failure:
    is_over = job.status.is_terminal
    hint = (
        "`cictl jobs flush-history` removes what is over"
        if is_over
        else f"`cictl jobs cancel {quoted([short_id(job)])}` stops it"
    )
    return Failure(
        f"{short_id(job)} is {outcome(job)}; only a job that has not started can be deleted",
        exit_code=ExitCode.CONFLICT,
        code="conflict",
        hint=hint,
    )


def _counted(jobs: Sequence[JobExecution], *, has_more: bool) -> str:
    """Return how many jobs of which status those are, and the first ids."""
    counts = {status: sum(outcome(job) == status for job in jobs) for status in (*JobStatus, "cancelled")}
    kinds = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"{'more than ' if has_more else ''}{_jobs(len(jobs))} ({kinds}): {_ids(jobs)}"


def _ids(jobs: Sequence[JobExecution]) -> str:
    more = f" and {len(jobs) - SHOWN_IDS} more" if len(jobs) > SHOWN_IDS else ""
    return ", ".join(short_id(job) for job in jobs[:SHOWN_IDS]) + more


def _jobs(count: int) -> str:
    return f"{count} job" + ("" if count == 1 else "s")


def _show_count(session: Session, answer: ClearedQueue | FlushedHistory, text: str) -> None:
    session.show_done(Result(message=answer, rows=[], columns=(), name=str), text)
