"""Why an execution waits and what to do about it, or what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice

import msgspec

from cictl.base.clock import Clock
from cictl.wire.jobs import CANCELLED_BY_USER, Cause, JobStatus
from cictl.wire.waiting.explain import COUNTED_JOBS, AgentFit, Blocker, Explanation, Fix, Reason
from cictl.wire.waiting.requirements import meets_all
from cictl_server.services.core.ids import job_number
from cictl_server.services.fleet.hosts import host_of
from cictl_server.services.fleet.matching import effective_capabilities
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.fleet.wanted_tools import WantedTools
from cictl_server.services.history.lookup import get_job, short_id
from cictl_server.services.history.past_runs import deciding
from cictl_server.services.jobs.endings.culprit import find_culprit
from cictl_server.services.jobs.lease_pause import LeasePause
from cictl_server.services.jobs.obstacles import (
    command,
    fixes_for,
    nearest_first,
    new_agent,
    obstacle,
    pinned_to,
    sentence,
)
from cictl_server.services.policies import Policies
from cictl_server.services.policies.job_rules import JobRules
from cictl_server.store.contract import Store, View
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.jobs import JobRecord

_REASONS = {
    JobStatus.LEASED: Reason.LEASED,
    JobStatus.RUNNING: Reason.RUNNING,
    JobStatus.SUCCEEDED: Reason.SUCCEEDED,
    JobStatus.FAILED: Reason.FAILED,
}


class ExplainService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    presence: PresenceBook
    wanted_tools: WantedTools
    pause: LeasePause
    policies: Policies
    clock: Clock

    def explain(self, job_id: str) -> Explanation:
        """Return where an execution stands and what would help it.

        Raises:
            NotFound: No such execution.
        """
        with self.store.read() as view:
            job = get_job(view, job_id)
            if job.status is JobStatus.QUEUED:
                agents = self.nearest(job, view)
                found = self.explain_waiting(job, view, agents=agents, rules=self.policies.of_jobs(view))
                return msgspec.structs.replace(found, older_jobs=_count_earlier(job, view, agents))
            if job.status.is_terminal:
                return _ended(job, view)
        return self._active(job)

    def nearest(self, job: JobRecord, view: View) -> list[AgentFit]:
        """Return how each agent fits the queued *job*, the nearest first. Jobs with the same requirements and locks share it."""
        find_taken = partial(self._find_taken, job, view)
        return nearest_first(job, view, self.presence, self.wanted_tools.current(view), find_taken)

    def explain_waiting(self, job: JobRecord, view: View, *, agents: list[AgentFit], rules: JobRules) -> Explanation:
        """Return why the queued *job* waits, without counting what goes before it.

        Args:
            agents: How they fit it, as `nearest` returns it.
        """
        hold = rules.hold(job)
        base = msgspec.structs.replace(
            _explanation(job),
            agents=agents,
            blocked_by=_blockers(job, view) if hold is None else _with_places(job, rules),
        )
        nearest = list(fixes_for(agents, job)) if agents else [_first_agent(job)]
        if job.is_blocked and hold is None:
            later = [] if agents and obstacle(agents[0]) in (Reason.AGENT_BUSY, Reason.HOST_LOCKED) else nearest
            return msgspec.structs.replace(
                base,
                reason=Reason.BLOCKED,
                summary=f"it waits for {_names(base.blocked_by)}",
                fixes=[*_blocker_fixes(base.blocked_by), *later],
            )
        if job.not_before is not None and job.not_before > self.clock():
            return msgspec.structs.replace(
                base,
                reason=Reason.SECRETS,
                summary=f"it waits for its secrets, which could not be had: {job.waiting_reason}",
                retry_utc=job.not_before,
                fixes=list(_vault_fixes(job)),
            )
        if hold is not None:
            summary = f"it waits: {hold.text}"
            return msgspec.structs.replace(base, reason=hold.reason, summary=summary, fixes=list(hold.fixes))
        if not agents:
            return msgspec.structs.replace(base, reason=Reason.NO_AGENTS, summary=_no_agents(job), fixes=nearest)
        summary = sentence(agents)
        if self.pause.is_on:
            summary += "; the server is about to update itself and gives out no jobs until it is back"
        return msgspec.structs.replace(base, reason=obstacle(agents[0]), summary=summary, fixes=nearest)

    def _find_taken(self, job: JobRecord, view: View, agent: AgentRecord) -> tuple[str, JobRecord] | None:
        """Return a lock of *job* that is taken on the host of *agent*, and who has it; None if all are free."""
        if not job.locks:
            return None
        return self.policies.of_agent(view, host=host_of(agent, agent_id=agent.agent_id)).find_taken(job.locks)

    def _active(self, job: JobRecord) -> Explanation:
        # An agent may work without heartbeats; then its silence means nothing.
        is_known = self.presence.seen_at(job.agent_id) is not None
        is_away = is_known and not self.presence.is_available(job.agent_id)
        if job.status is JobStatus.LEASED:
            summary = (
                f"agent {job.agent_id} took it and has not started it yet; if it does not, the job is queued again"
            )
            fixes = []
        else:
            summary = f"it runs on agent {job.agent_id}"
            fixes = [Fix(text="follow its log", command=command("jobs", "logs", "-f", short_id(job)))]
        if is_away:
            summary += "; nothing was heard of that agent for more than a minute"
            fixes.append(Fix(text="look at the agent", command=command("agents", "show", job.agent_id)))
        return msgspec.structs.replace(_explanation(job), summary=summary, fixes=fixes)


def _ended(job: JobRecord, view: View) -> Explanation:
    place = f" on agent {job.agent_id}" if job.agent_id else ""
    if job.skipped:
        return msgspec.structs.replace(
            _explanation(job), summary=f"it was skipped: its condition is false: {job.condition}"
        )
    if job.status is JobStatus.SUCCEEDED:
        return msgspec.structs.replace(_explanation(job), summary=f"it succeeded{place}")
    culprit = find_culprit(view, job)
    again = view.jobs.find(job_number(job.retried_by)) if job.retried_by else None
    return msgspec.structs.replace(
        _explanation(job),
        summary=_failure(job, place) + _what_then(job, again),
        blocked_by=[_blocker(culprit.facts.pipeline_job_id, culprit)] if culprit else [],
        fixes=[*_looks_at(again), *_remedies(job, culprit)],
    )


def _looks_at(again: JobRecord | None) -> Iterator[Fix]:
    if again is not None:
        name = short_id(again)
        yield Fix(text=f"see how {name} goes", command=command("jobs", "explain", name))


def _what_then(job: JobRecord, again: JobRecord | None) -> str:
    """Return what follows from the failure of *job* by itself, as the end of a sentence; *again* is what repeats it."""
    if again is not None:
        return f"; {short_id(again)} repeats it"
    return "; it may fail, so what needs it runs" if job.is_good else ""


def _explanation(job: JobRecord) -> Explanation:
    """Return what can be said of *job* in every state; the caller fills in the summary."""
    return Explanation(
        job_execution_id=job.id,
        name=_name(job),
        status=job.status,
        reason=_REASONS.get(job.status, Reason.READY),
        summary="",
        since_utc=_since(job),
        agent_id=job.agent_id,
        current_step=job.current_step,
        cause=job.cause,
        error=job.error,
    )


def _since(job: JobRecord) -> datetime:
    match job.status:
        case JobStatus.QUEUED:
            return job.created
        case JobStatus.LEASED:
            return job.leased or job.created
        case JobStatus.RUNNING:
            return job.started or job.created
        case _:
            return job.finished or job.created


def _name(job: JobRecord) -> str:
    facts = job.facts
    return "/".join(filter(None, (facts.project, facts.pipeline_id, facts.pipeline_job_id, facts.matrix_name)))


def _count_earlier(job: JobRecord, view: View, agents: Iterable[AgentFit]) -> int:
    """Count the queued executions that an agent fit for *job* would take first, among the oldest that wait."""
    records = (view.agents.find(agent.agent_id) for agent in agents if not agent.unmet)
    able = [effective_capabilities(record, agent_id=record.agent_id) for record in records if record]
    if not able:
        return 0
    queue = islice(view.jobs.with_status(JobStatus.QUEUED), COUNTED_JOBS)
    earlier = (queued for queued in queue if queued.turn < job.turn and not queued.is_blocked)
    kinds = Counter(tuple(sorted(queued.required_capabilities.items())) for queued in earlier)
    return sum(count for kind, count in kinds.items() if any(meets_all(dict(kind), have) for have in able))


def _no_agents(job: JobRecord) -> str:
    if wanted := pinned_to(job):
        return f"it is pinned to agent {wanted}, which never connected"
    return "no agent ever connected"


def _first_agent(job: JobRecord) -> Fix:
    if wanted := pinned_to(job):
        return Fix(text=f"start agent {wanted}", command=new_agent(job))
    return Fix(text="start an agent", command=new_agent(job))


def _vault_fixes(job: JobRecord, *, then: str = "") -> Iterator[Fix]:
    for name in dict.fromkeys(step.vault_connection.strip() for step in job.step_plan):
        if name:
            yield Fix(text=f"see whether {name} answers{then}", command=command("vault", "test", name))


def _blockers(job: JobRecord, view: View) -> list[Blocker]:
    """Return what *job* still waits for: jobs of its run, and pipelines of its chain run."""
    blockers: list[Blocker] = []
    if job.facts.needs_blocked:
        siblings = deciding(view.jobs.of_run(job.facts.pipeline_run_id))
        for need in job.facts.needs_job_ids:
            blockers += _unfinished(need, [j for j in siblings if j.facts.pipeline_job_id == need])
    if job.facts.row_blocked:
        rows = [row for row in deciding(view.jobs.of_run(job.facts.pipeline_run_id)) if _runs_before(row, job)]
        blockers += [_blocker(row.facts.matrix_name or row.facts.matrix_index, row) for row in rows]
    if job.facts.chain_blocked:
        members = deciding(view.jobs.of_chain_run(job.facts.chain_run_id))
        for pipeline in job.facts.chain_depends_on_pipelines:
            blockers += _unfinished(pipeline, [j for j in members if j.facts.pipeline_id == pipeline])
    return blockers


def _with_places(job: JobRecord, rules: JobRules) -> list[Blocker]:
    """Return who keeps *job* from a place in its concurrency group: of a run its oldest execution that is not over."""
    if job.awaited_approval or not job.awaited_group:
        return []
    return [_blocker(f"group {rules.group_name(job)}", other) for other in rules.before(job)[0]]


def _runs_before(row: JobRecord, job: JobRecord) -> bool:
    """Tell whether *row* has a place among those of the matrix of *job* that run at once."""
    is_sibling = row.facts.pipeline_job_id == job.facts.pipeline_job_id
    return is_sibling and not row.status.is_terminal and not row.facts.row_blocked


def _unfinished(need: str, executions: list[JobRecord]) -> Iterator[Blocker]:
    if not executions:
        yield Blocker(need=need)
    for execution in executions:
        if not execution.is_good:
            yield _blocker(need, execution)


def _blocker(need: str, execution: JobRecord) -> Blocker:
    return Blocker(
        need=need,
        job_execution_id=execution.id,
        short_id=short_id(execution),
        status=execution.status,
        pipeline_id=execution.facts.pipeline_id,
        pipeline_job_id=execution.facts.pipeline_job_id,
        matrix_name=execution.facts.matrix_name,
    )


def _names(blockers: list[Blocker]) -> str:
    """Return the needs with their states, such as `lint (running) and test (queued)`."""
    states: dict[str, set[str]] = {}
    for blocker in blockers:
        states.setdefault(blocker.need, set()).add(str(blocker.status or "gone"))
    words = [f"{need} ({', '.join(sorted(found))})" for need, found in states.items()]
    *first, last = words or ["others"]
    return f"{', '.join(first)} and {last}" if first else last


def _blocker_fixes(blockers: list[Blocker]) -> Iterator[Fix]:
    """Yield where to look next: at what failed, what is at work, and what waits itself."""
    failed = [b.short_id for b in blockers if b.status is JobStatus.FAILED]
    waiting = [b.short_id for b in blockers if b.status is JobStatus.QUEUED]
    active = [b.short_id for b in blockers if b.status is not None and b.status.is_active]
    if failed:
        yield Fix(
            text=f"see why {failed[0]} failed; unless it is run again, this job ends without having run",
            command=command("jobs", "explain", failed[0]),
        )
    if active:
        yield Fix(text=f"wait for {' and '.join(active[:3])}", command=command("jobs", "watch", *active[:3]))
    if waiting:
        yield Fix(text=f"see why {waiting[0]} waits itself", command=command("jobs", "explain", waiting[0]))


def _failure(job: JobRecord, place: str) -> str:
    match job.cause:
        case Cause.CANCELLED | Cause.SUPERSEDED if job.error != CANCELLED_BY_USER:
            return f"it was {job.error}"
        case Cause.CANCELLED:
            return "it was cancelled by a user" + (f" while agent {job.agent_id} had it" if job.agent_id else "")
        case Cause.DEPENDENCY_FAILED:
            return f"it never ran: {job.error.removeprefix('cancelled: ')}"
        case Cause.SECRETS_MISSING | Cause.NOT_APPROVED:
            return f"it never ran: {job.error}"
        case Cause.TIMED_OUT if job.limit_seconds:
            whose = " (the server's default)" if _has_default_limit(job) else ""
            return f"it failed{place}: {job.error} after its time limit of {_span(job.limit_seconds)}{whose}"
    if job.error:
        return f"it failed{place}: {job.error}"
    return f"it failed{place}: " + ("no reason given" if job.exit_code is None else f"exit code {job.exit_code}")


def _has_default_limit(job: JobRecord) -> bool:
    return job.limit_seconds != job.timeout_seconds


def _span(seconds: int) -> str:
    """Return *seconds* in the largest unit that they are whole in: `24 h`, `90 min`, `45 s`."""
    units = ((3600, "h"), (60, "min"), (1, "s"))
    return next(f"{seconds // length} {unit}" for length, unit in units if seconds % length == 0)


def _remedies(job: JobRecord, culprit: JobRecord | None) -> Iterator[Fix]:
    if culprit is not None:
        culprit_id = short_id(culprit)
        yield Fix(text=f"see why {culprit_id} failed", command=command("jobs", "explain", culprit_id))
        yield Fix(text="run that again, and this after it", command=command("jobs", "rerun", culprit_id))
    if job.started is None and job.cause is not Cause.NOT_APPROVED:
        if target := "/".join(filter(None, (job.facts.project, job.facts.pipeline_id))):
            yield Fix(text="run its pipeline again", command=command("run", target))
        return
    match job.cause:
        case Cause.CANCELLED | Cause.SUPERSEDED | Cause.NOT_APPROVED:
            pass
        case Cause.AGENT_LOST | Cause.START_FAILED:
            yield Fix(text="look at the agent", command=command("agents", "show", job.agent_id))
        case Cause.TIMED_OUT:
            yield Fix(
                text="see where the time went; `timeout_seconds` of the job is its limit"
                + (", else `serve --default-timeout`" if _has_default_limit(job) else ""),
                command=command("jobs", "logs", short_id(job), "--tail", "50"),
            )
        case Cause.SECRETS_MISSING:
            yield from _vault_fixes(job, then="; with --secret PATH --key KEY, whether that can be read")
        case _:
            yield Fix(text="read the end of its log", command=command("jobs", "logs", short_id(job), "--tail", "50"))
    if not job.retried_by:
        yield Fix(text="run it once more", command=command("jobs", "rerun", short_id(job)))
