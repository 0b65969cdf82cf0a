"""What agents report about the executions they run."""

from __future__ import annotations

import logging
import threading
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.redaction import masked_message
from cictl.wire.agents import STATUS_UNMASKED, StatusRequest
from cictl.wire.jobs import (
    LONGEST_OUTPUT,
    LONGEST_WARNING,
    MOST_CACHE_STATS,
    MOST_WARNINGS,
    STEP_STARTED,
    JobExecution,
    JobState,
    JobStatus,
    LoggedStep,
    Step,
    StepEvent,
)
from cictl.wire.waiting.requirements import meets_all
from cictl_server.errors import InvalidRequest, LogGap
from cictl_server.services.core.limits.bounds import AS_IT_IS, Bounds, bounded
from cictl_server.services.fleet.hosts import host_of
from cictl_server.services.fleet.limits import check_agent_id
from cictl_server.services.fleet.matching import effective_capabilities
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.history.holder import Sender, held_by_another, not_leased
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.services.history.lookup import get_job
from cictl_server.services.history.run_book import foresee_change
from cictl_server.services.history.settling import Settler
from cictl_server.services.jobs.views import job_state, job_view
from cictl_server.services.logs.book import LogBook, Written
from cictl_server.services.logs.reader import JobLog
from cictl_server.services.policies.out_of_service import withdrawal
from cictl_server.services.secrets.masks import Masks
from cictl_server.store.contract import Reach, Store, Transaction, View
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)

_KEPT = Bounds(
    text=1 << 10,
    items=1000,
    fields={
        "error": Bounds(text=64 << 10),
        "output": AS_IT_IS,  # the limit of logs is the log files' matter
        "output_append": AS_IT_IS,
        "output_offset": AS_IT_IS,
        "output_size": AS_IT_IS,
        "outputs": Bounds(text=LONGEST_OUTPUT),
        "runtime_capabilities": Bounds(text=256, items=256),
        "cache_stats": Bounds(
            text=256, items=MOST_CACHE_STATS, low=0, fields={"tool_metrics": Bounds(text=128, items=32)}
        ),
    },
)
"""How much of a report is kept; docs/security.md tells it."""

_TURNS = 256
_STATUSES = {"running": JobStatus.RUNNING, "succeeded": JobStatus.SUCCEEDED, "failed": JobStatus.FAILED}


class _Applied(NamedTuple):
    """A report that was applied: the execution as it is then, and how many bytes its log has if the report brought some."""

    job: JobRecord
    log_size: int | None = None


class ReportingService:
    def __init__(
        self,
        *,
        store: Store,
        logs: LogBook,
        masks: Masks,
        settler: Settler,
        presence: PresenceBook,
        clock: Clock,
    ) -> None:
        self._store = store
        self._logs = logs
        self._masks = masks
        self._settler = settler
        self._presence = presence
        self._clock = clock
        self._reset: set[int] = set()
        self._turns = [threading.RLock() for _ in range(_TURNS)]
        """Reports of one execution take turns. Its number chooses the lock; executions may share one."""

    def report(self, job_id: str, request: StatusRequest, *, lease_token: str = "") -> JobExecution:
        """Apply a status report and return the resulting execution, its log's end included as far as it may be shown.

        The log is written before the status: a terminal status is stored only when every byte of the log is durable, or with it.

        Raises:
            InvalidRequest: No agent id, or a status that agents don't report; an unknown execution, as the contract has it.
            Conflict: Another agent, or another attempt, holds the execution, or it was never leased.
            LogGap: The log bytes leave a gap, or the server holds fewer than a terminal report says.
            SecretsUnknown: This server does not know what to mask, and can't find it out now.
        """
        applied = self._apply(job_id, request, lease_token)
        size = self._kept_size(applied, request)
        return job_view(applied.job, output=JobLog(self._logs, applied.job).output(), log_size=size)

    def report_minimal(self, job_id: str, request: StatusRequest, *, lease_token: str = "") -> JobState:
        """Apply a status report like `report`, and return the state alone."""
        applied = self._apply(job_id, request, lease_token)
        return job_state(applied.job, log_size=self._kept_size(applied, request))

    def check_reporter(self, job_id: str, sender: Sender) -> None:
        """Say early that a report of *sender* can't be accepted: the report is not needed for that.

        Raises:
            NotFound: No such execution.
            Conflict: Another agent, or another attempt, holds it.
        """
        job = self._store.look(lambda view: get_job(view, job_id))
        if job.agent_id and not job.status.is_terminal and not sender.holds(job):
            raise held_by_another()

    def turn(self, job_id: str) -> AbstractContextManager[object]:
        """Keep other reports of the execution away during the block, in which its thread may report.

        Two ends that come at once must not write into one log: the log of the second would stand under the status of the
        first. So the second begins when the first is stored, and finds that the execution is over.
        """
        return self._turns[hash(job_id) % _TURNS]

    def _apply(self, job_id: str, request: StatusRequest, lease_token: str) -> _Applied:
        check_agent_id(request.agent_id)
        status = _STATUSES.get(request.status.strip().lower())
        if status is None:
            raise InvalidRequest("status must be running, succeeded or failed")
        with self.turn(job_id):
            sender = Sender(agent_id=request.agent_id, token=lease_token)
            while (applied := self._try(job_id, request, status, sender)) is None:
                logger.info(
                    "lease or log changed while a report was written execution=%s agent=%s", job_id, request.agent_id
                )
        return applied

    def _try(self, job_id: str, request: StatusRequest, status: JobStatus, sender: Sender) -> _Applied | None:
        """Apply the report, or return None when the execution was requeued meanwhile, or its log changed.

        The log is written outside of the transaction, because a commit must not wait for megabytes. A requeue gives the
        execution a log of another name, so bytes of this attempt never reach the log of the next one. What was written
        into the old log is deleted, and the caller tries again with the record as it is now.
        """
        job, is_settled = self._find(job_id, request, status, sender)
        if is_settled:
            return _Applied(job)
        self._masks.complete(job)
        request = self._masked(job, request)
        if job.status is JobStatus.QUEUED:
            job, is_settled = self._begin(job, request, status, sender)
            if is_settled:
                return _Applied(job)
        written = self._write_log(job, request, is_last=status.is_terminal)
        if self._has_only_grown(job, request, status, written):
            self._settler.wake_watchers(job)
            return _Applied(job, written.size)

        def store(tx: Transaction) -> JobRecord | None:
            foresee_change(tx, job, is_end=status.is_terminal)
            present = _find_attempt(tx, job)
            if present is None:
                tx.after_commit(lambda: self._logs.delete(job.log_name))
                return None
            if _check_sender(tx, present, sender, status):
                return present
            if written.sealed_size is not None and present.log_rewrites != job.log_rewrites:
                return None  # the log is not the one that was compared
            is_cut = written.is_cut
            if written.other is not None:
                # The one exception to writing outside of the store: to replace a log that a cancel has ended would do harm,
                # and no cancel comes before the end of this run. Another run would write the same bytes once more.
                is_cut = self._logs.overwrite(job.log_name, written, is_last=status.is_terminal)
                present = _with_rewritten_log(present)
            if is_cut:
                present = msgspec.structs.replace(present, log_limit=self._logs.limit)
                tx.after_commit(lambda: self._note_cut(job))
            if not status.is_terminal:
                return self._store_progress(tx, present, request)
            tx.after_commit(lambda: self._note_end(job, request, status))
            return self._store_end(tx, present, request, status, written)

        stored = self._store.write(store, reach=Reach(agent=request.agent_id, job=job))
        return _Applied(stored, written.size) if stored else None

    def _has_only_grown(self, job: JobRecord, request: StatusRequest, status: JobStatus, written: Written) -> bool:
        """Tell whether the report changes nothing but the log of *job*, which runs already.

        Most reports are of this kind, so they only look, and don't wait for the changes of others. What runs is never requeued: all that can
        have come meanwhile is its end, and then the report is as one that came just before.
        """
        if status.is_terminal or written.is_cut or written.other is not None:
            return False
        return self._running(job, request) == job

    def _kept_size(self, applied: _Applied, request: StatusRequest) -> int:
        """Return how much of the log need not be sent again. What a crash takes of it from now on, its next piece finds missing."""
        job, size = applied
        if size is None or job.log_limit or not job.status.is_active:
            size = JobLog(self._logs, job, is_for_agent=True).size
        return max(size, _end_of_piece(request)) if job.log_limit else size

    def _note_cut(self, job: JobRecord) -> None:
        logger.warning("log limit reached, the rest is not kept execution=%s limit=%d", job.id, self._logs.limit)

    def _note_end(self, job: JobRecord, request: StatusRequest, status: JobStatus) -> None:
        self._reset.discard(job.number)
        logger.info("finished execution=%s status=%s agent=%s", job.id, status, request.agent_id)

    def _find(self, job_id: str, request: StatusRequest, status: JobStatus, sender: Sender) -> tuple[JobRecord, bool]:
        """Return the execution, and whether it is over."""

        def find(view: View) -> tuple[JobRecord, bool]:
            job = get_job(view, job_id)
            return job, _check_sender(view, job, sender, status)

        # Whoever changes it by this report looks at all of it again.
        job, is_settled = self._store.look(find)
        self._presence.touch(request.agent_id)
        return job, is_settled

    def _masked(self, job: JobRecord, request: StatusRequest) -> StatusRequest:
        """Return what is kept of the report; the bytes of the log are masked where they are written."""
        if mask := self._masks.of(job.id):
            request = masked_message(request, mask.redact, keep=STATUS_UNMASKED)
        return bounded(request, _KEPT)

    def _begin(
        self, job: JobRecord, request: StatusRequest, status: JobStatus, sender: Sender
    ) -> tuple[JobRecord, bool]:
        """Give an execution that nobody holds to its reporter, so that only one agent ever writes into its log.

        Return it as it is then, and whether it is over.
        """

        def begin(tx: Transaction) -> tuple[JobRecord, bool]:
            foresee_change(tx, job)
            present = get_job(tx, job.id)
            is_settled = _check_sender(tx, present, sender, status)
            return (present if is_settled else self._store_progress(tx, present, request)), is_settled

        return self._store.write(begin, reach=Reach(agent=request.agent_id, job=job))

    def _write_log(self, job: JobRecord, request: StatusRequest, *, is_last: bool) -> Written:
        """Append what the report brings; bytes that are to replace the stored ones are returned.

        A log that has passed its limit takes nothing more. Bytes that are appended do no harm to an execution that a cancel ends meanwhile: its record says how many count. To
        replace them would, so the caller does that once it is sure that the execution is not over.
        """
        written = Written()
        self._note_steps(job, request)
        if request.output_append:
            if request.output_offset is None or request.output_offset < 0:
                raise InvalidRequest("output_offset is required with output_append, 0 or more")
            if not job.log_limit:
                written = self._logs.append(job.log_name, request.output_append.encode(), offset=request.output_offset)
        elif request.output and not job.log_limit:
            written = self._logs.continue_by(job.log_name, request.output.encode())
        if is_last and written.other is None:
            # First this: what is not durable yet may still be lost, and then nobody would ask for it again.
            size, short = self._logs.seal_or_read(job.log_name)
            written = replace(written, short=short)
            if not (job.log_limit or written.is_cut):
                self._check_whole(job, request, size=size)
                return replace(written, sealed_size=size)
        return written

    def _note_steps(self, job: JobRecord, request: StatusRequest) -> None:
        """Note where steps begin, before the bytes that the report brings can be read."""
        begun = [event for event in request.events if event.type == STEP_STARTED and event.step is not None]
        if begun:
            now, size = self._clock(), self._logs.size(job.log_name)
            self._logs.index.note_steps(
                job.log_name,
                [
                    _logged(event, size=size, begun=now - _age(event, request, most=now - (job.started or now)))
                    for event in begun
                ],
            )

    def _check_whole(self, job: JobRecord, request: StatusRequest, *, size: int) -> None:
        """Compare the log, of *size* bytes, with the size and digest that its agent names; ask for a damaged log again, once."""
        if request.output_size is not None and size < request.output_size:
            raise LogGap(size)
        if not request.output_sha256 or job.number in self._reset or self._masks.may_have_covered(job, size=size):
            return  # a log that was masked here has another digest, and would have it again after a second upload
        if size != request.output_size or self._logs.sha256(job.log_name, size=size) != request.output_sha256.lower():
            logger.warning("log differs from its agent's, asking for it again execution=%s", job.id)
            self._reset.add(job.number)
            self._store.write(lambda tx: self._reset_log(tx, job), reach=Reach(agent=job.agent_id, job=job))
            raise LogGap(0)

    def _reset_log(self, tx: Transaction, job: JobRecord) -> None:
        """Empty the log, unless the execution is over or another agent's by now: then its log stays.

        It is emptied in the transaction, like `overwrite`: no cancel may come between the look and that. Another run finds it empty.
        """
        if tx.jobs.find(job.number) == job:
            self._logs.reset(job.log_name)
            tx.jobs.put(_with_rewritten_log(job))

    def _store_progress(self, tx: Transaction, job: JobRecord, request: StatusRequest) -> JobRecord:
        running = self._running(job, request)
        if job.locks and not job.lock_host:  # it begins although its lease had run out
            running = msgspec.structs.replace(running, lock_host=_host_of(tx, request.agent_id))
        stored = tx.jobs.find(job.number)
        if running == stored:  # only the log has changed, and that is written already
            self._settler.announce(tx, job)
        else:
            self._settler.put(tx, running, before=stored)
        return running

    def _running(self, job: JobRecord, request: StatusRequest) -> JobRecord:
        """Return *job* as the report that it runs leaves it."""
        return advance(
            job,
            Event.RUN,
            now=self._clock(),
            agent_id=request.agent_id,
            exit_code=request.exit_code,
            error=request.error,
            current_step=request.current_step.strip() or job.current_step,
            **_told(job, request),
        )

    def _store_end(
        self, tx: Transaction, job: JobRecord, request: StatusRequest, status: JobStatus, written: Written
    ) -> JobRecord:
        # What another server appends for another end, after this one was compared, does not count.
        log_size = self._logs.size(job.log_name) if written.sealed_size is None else written.sealed_size
        if written.short is not None:
            tx.take_along(written.short, job=job)
        has_failed = status is JobStatus.FAILED
        ending = Ending(
            log_size=log_size,
            error=request.error if has_failed else "",
            cause=request.cause if has_failed else None,
            exit_code=request.exit_code,
        )
        changes = _told(job, request)
        if has_failed:
            changes["failed_step"] = request.failed_step
        else:
            changes["outputs"] = request.outputs
        event = Event.FAIL if has_failed else Event.SUCCEED
        return self._settler.end(tx, job, event, ending, now=self._clock(), **changes)


def _with_rewritten_log(job: JobRecord) -> JobRecord:
    """Return *job* as one whose log has other bytes now, so that no end counts for which they were compared before."""
    return msgspec.structs.replace(job, log_rewrites=job.log_rewrites + 1)


def _find_attempt(view: View, job: JobRecord) -> JobRecord | None:
    """Return *job* as it is now; None if it was removed, or requeued, so that its log has another name."""
    present = view.jobs.find(job.number)
    return present if present is not None and present.log_generation == job.log_generation else None


def _told(job: JobRecord, request: StatusRequest) -> dict[str, Any]:
    """Return what any report may tell of *job*, as far as this one does; the rest stays as it is."""
    return {
        "cache_stats": request.cache_stats or job.cache_stats,
        "runtime_capabilities": request.runtime_capabilities or job.runtime_capabilities,
        "warnings": [text[:LONGEST_WARNING] for text in request.warnings[:MOST_WARNINGS]] or job.warnings,
    }


def _end_of_piece(request: StatusRequest) -> int:
    """Return where the piece of a report ends in the log; 0 if it brings none."""
    if request.output_offset is None:
        return 0
    return request.output_offset + len(request.output_append.encode())


def _age(event: StepEvent, request: StatusRequest, *, most: timedelta) -> timedelta:
    """Return how long before its report an event was, by the agent's clock: agents gather what happens. 0 if they don't tell."""
    told, sent = event.timestamp_utc, request.timestamp_utc
    if told is None or sent is None or (told.tzinfo is None) is not (sent.tzinfo is None):
        return timedelta()
    return max(timedelta(), min(sent - told, most))


def _logged(event: StepEvent, *, size: int, begun: datetime) -> LoggedStep:
    """Return where a step begins in the log: where its agent says, else where the log ended before this report."""
    step = event.step or Step()
    offset = size if event.log_offset is None else max(0, event.log_offset)
    return LoggedStep(index=step.index, total=step.total, name=step.name, started_utc=begun, log_offset=offset)


def _check_sender(view: View, job: JobRecord, sender: Sender, status: JobStatus) -> bool:
    """Tell whether the execution is over, so that the report changes nothing.

    Raises:
        Conflict: The sender may not change this execution.
    """
    if job.status.is_terminal:
        if job.agent_id and not sender.holds(job) and status is job.status:
            raise held_by_another()
        return True
    if job.status is JobStatus.QUEUED:
        if status.is_terminal or not _may_begin(view, job, sender):
            raise not_leased()
    elif not sender.holds(job):
        raise held_by_another()
    return False


def _host_of(view: View, agent_id: str) -> str:
    return host_of(view.agents.find(agent_id), agent_id=agent_id)


def _may_begin(view: View, job: JobRecord, sender: Sender) -> bool:
    """Tell whether a report takes a queued execution: the sender was too late, and its lease has run out.

    One that shows the token of the last lease is known by it. By the contract an agent without tokens may take any
    execution, so the rules of a lease are applied to it again.
    """
    agent = view.agents.find(sender.agent_id)
    has_place = len(view.jobs.active_of_agent(sender.agent_id)) < (agent.slots if agent else 1)
    gone = withdrawal(view, sender.agent_id)
    if job.is_blocked or not has_place or (gone and not gone.ends_work):
        return False
    taken = {lock for other in view.jobs.with_locks(_host_of(view, sender.agent_id)) for lock in other.locks}
    if not taken.isdisjoint(job.locks):
        return False
    if job.lease_hash:
        return sender.has_lease(job)
    if gone:
        return False
    is_reference = agent is None or agent.process is None
    capabilities = effective_capabilities(agent, agent_id=sender.agent_id)
    return is_reference and job.not_before is None and meets_all(job.required_capabilities, capabilities)
