"""Approving and rejecting what waits for it: jobs of a run, or the whole run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.base.job_parts import Decision
from cictl.wire.runs import ApprovalRequest, Run
from cictl.wire.short_ids import job_name, name_in_run
from cictl_server.errors import Conflict, Forbidden, InvalidRequest, NotFound
from cictl_server.services.access.principal import Principal
from cictl_server.services.core.deeds import actor_name, note_details
from cictl_server.services.history.approvals import approved, rejection
from cictl_server.services.history.lookup import short_id
from cictl_server.services.history.past_runs import deciding
from cictl_server.services.history.run_book import get_run
from cictl_server.services.history.settling import Settler
from cictl_server.services.policies import Policies
from cictl_server.services.policies.approvals import approve_command, may_approve, who_may_approve
from cictl_server.services.policies.reasons import checked_reason
from cictl_server.services.runs.views import whole_view
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunRecord


class ApprovalService(msgspec.Struct, frozen=True, kw_only=True):
    """Each decision is one transaction, so of two at once the first counts and the second is told so."""

    store: Store
    settler: Settler
    policies: Policies
    clock: Clock

    def approve(self, text: str, request: ApprovalRequest, *, principal: Principal) -> Run:
        """Let what waits of the run with the number or id *text* begin: the rows of one job, or the whole run.

        Raises:
            NotFound: No such run, or no such job in it.
            Forbidden: The token's role is none of those that may approve it.
            Conflict: It does not wait for an approval.
            InvalidRequest: The reason is too long, or several pipelines of the run have such a job.
        """
        reason = checked_reason(request.reason) if request.reason.strip() else ""
        return self._decide(text, request.job.strip(), principal, is_approved=True, reason=reason)

    def reject(self, text: str, request: ApprovalRequest, *, principal: Principal) -> Run:
        """End what waits as failed, and with it what needs that. The errors are those of `approve`; a reason is needed."""
        reason = checked_reason(request.reason)
        return self._decide(text, request.job.strip(), principal, is_approved=False, reason=reason)

    def _decide(self, text: str, job: str, principal: Principal, *, is_approved: bool, reason: str) -> Run:
        def decide(tx: Transaction) -> Run:
            run = get_run(tx, text)
            waiting = _named(tx, run, job) if job else _held_with_run(tx, run)
            _check_role(principal, waiting)
            decision = Decision(approved=is_approved, by=actor_name(), reason=reason, decided_utc=self.clock())
            self._carry_out(tx, waiting, decision)
            if not job:
                tx.runs.put(replace(get_run(tx, str(run.number)), decision=decision))
            note_details(job=job, reason=reason)
            return whole_view(tx, get_run(tx, str(run.number)), self.policies)

        return self.store.write(decide)

    def _carry_out(self, tx: Transaction, waiting: Sequence[JobRecord], decision: Decision) -> None:
        now = decision.decided_utc
        if decision.approved:
            released = [approved(job, decision, now=now) for job in waiting]
            for job in released:
                self.settler.put(tx, job)
            self.settler.settle(tx, [job for job in released if job.awaited_group], now=now)
        else:
            decided = [replace(job, decision=decision) for job in waiting]
            self.settler.end_waiting(tx, decided, lambda _: rejection(decision), now=now)


def _held_with_run(tx: Transaction, run: RunRecord) -> list[JobRecord]:
    """Return the executions that wait for the approval of the whole run.

    Raises:
        Conflict: There are none.
    """
    waiting = [job for job in _jobs(tx, run) if job.awaited_approval is not None]
    if held := [job for job in waiting if job.facts.run_approval_blocked]:
        return held
    if run.decision is not None:
        raise Conflict(f"run {run.number} {_decided(run.decision)}")
    hint = f"of its jobs one does: `{approve_command(waiting[0])}`" if waiting else ""
    raise Conflict(f"run {run.number} waits for no approval", hint=hint)


def _named(tx: Transaction, run: RunRecord, name: str) -> list[JobRecord]:
    """Return the executions of the job or the row *name* that wait for an approval of their own.

    Raises:
        NotFound: The run has no such job.
        Conflict: None of its executions waits.
        InvalidRequest: Several pipelines of the run have such a job.
    """
    jobs = _jobs(tx, run)
    called = [job for job in jobs if name in _names(job)] or [job for job in jobs if name in _short_names(job)]
    if not called:
        raise NotFound("job", hint=f"`cictl runs show {run.number}` tells the jobs of the run")
    if len({job.facts.pipeline_id for job in called}) > 1:
        raise InvalidRequest(f"several pipelines of the run have a job {name}", hint="say PIPELINE/JOB")
    waiting = [job for job in called if job.awaited_approval is not None and not job.facts.run_approval_blocked]
    if not waiting:
        raise _does_not_wait(called[0])
    return waiting


def _jobs(tx: Transaction, run: RunRecord) -> list[JobRecord]:
    return deciding(tx.jobs.of_run_number(str(run.number)))


def _names(job: JobRecord) -> Iterator[str]:
    """Yield what the execution, its row and its job are called in their run."""
    yield from (short_id(job).partition("/")[2], job.id)
    yield name_in_run(job.facts)
    prefix = f"{job.facts.pipeline_id}/" if job.facts.chain_run_id else ""
    yield prefix + job.facts.pipeline_job_id


def _short_names(job: JobRecord) -> Iterator[str]:
    """Yield the same without the pipeline of a chain run."""
    yield from (job_name(job.facts), job.facts.pipeline_job_id)


def _does_not_wait(job: JobRecord) -> Conflict:
    name = short_id(job)
    refused = partial(Conflict, hint=f"`cictl jobs explain {name}` tells how it stands")
    if job.awaited_approval is not None:
        return Conflict(f"{name} waits for the approval of its whole run", hint=f"`{approve_command(job)}`")
    if job.decision is not None:
        return refused(f"{name} {_decided(job.decision)}")
    if job.approval is None:
        return refused(f"{name} asks for no approval")
    if job.status.is_terminal:
        return refused(f"{name} is over: it {job.status}")
    return refused(f"{name} waits for no approval yet: what it needs is not over")


def _decided(decision: Decision) -> str:
    what = "approved" if decision.approved else "rejected"
    return f"was {what} already{f' by {decision.by}' if decision.by else ''}"


def _check_role(principal: Principal, waiting: Sequence[JobRecord]) -> None:
    """Return if the caller may decide about all of *waiting*; else raise Forbidden."""
    for job in waiting:
        approval = job.awaited_approval
        assert approval is not None
        if not (principal.is_everybody or may_approve(principal.role, approval)):
            raise Forbidden(
                f"this needs {who_may_approve(approval)}; the token {principal.name} has the role {principal.role}"
            )
