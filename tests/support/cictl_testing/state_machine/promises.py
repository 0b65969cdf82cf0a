"""What a server promises about its executions, checked against its own records, lists and logs.

Written from the rules, not from the server's code: where both could share a mistake, this says it in another way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.waiting.requirements import meets_all
from cictl_server.services.jobs.lists import JobFilter
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord
from cictl_testing.agents.model import Works
from cictl_testing.server import RunningServer
from cictl_testing.state_machine.approval_promises import check_approvals, check_repeats, check_runs
from cictl_testing.state_machine.group_promises import check_groups, check_locks

_LIMIT = 2000
_WHOLE = 1 << 24

UPSTREAM = "chain_depends_on_pipelines"

_STEPS = {
    "queued": {"queued", "leased", "running", "failed"},
    "leased": {"queued", "leased", "running", "succeeded", "failed"},
    "running": {"running", "succeeded", "failed"},
    "succeeded": {"succeeded"},
    "failed": {"failed"},
}
"""Where an execution may be after one request."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One execution at the time of the last check, with its whole log."""

    job: JobRecord
    log: bytes


@dataclass(kw_only=True)
class Promises:
    """The memory of one server's executions, which `check` compares with what they are now."""

    server: RunningServer
    works: Works
    seen: dict[int, Seen] = field(default_factory=dict)
    removable: frozenset[JobStatus] = frozenset()
    """The statuses whose executions may be gone at the next check."""

    def check(self, capabilities: Iterable[dict[str, str]]) -> None:
        """Compare everything.

        Args:
            capabilities: Those of agents that could ask for work, their ids included.
        """
        with self.server.store.read() as view:
            jobs = list(view.jobs.iter_all())
            for offered in capabilities:
                _check_next(view, jobs, offered)
            deactivated = {agent.agent_id for agent in view.agents.iter_all() if agent.deactivated}
            check_locks(view)
            check_runs(view, jobs)
            assert view.jobs.count_by_status() == {s: sum(j.status is s for j in jobs) for s in JobStatus}
        _check_owners(jobs, deactivated)
        _check_needs(jobs)
        check_approvals(jobs)
        check_repeats(jobs)
        check_groups((seen.job for seen in self.seen.values()), jobs)
        self._check_lists(jobs)
        self._check_blockers(jobs)
        now = {job.number: Seen(job=job, log=self._log(job)) for job in jobs}
        self._check_history(now)
        for seen in now.values():
            self._check_log(seen)
        self.seen, self.removable = now, frozenset()

    def _log(self, job: JobRecord) -> bytes:
        return self.server.services.jobs.jobs.read_log(job.id, offset=0, limit=_WHOLE).data

    def _check_lists(self, jobs: list[JobRecord]) -> None:
        lists = self.server.services.jobs.lists
        ids = [job.id for job in reversed(jobs)]
        assert [view.id for view in lists.list_jobs(JobFilter(), limit=_LIMIT).job_executions] == ids
        for status in JobStatus:
            listed = lists.list_jobs(JobFilter(statuses=(status,)), limit=_LIMIT).job_executions
            assert [view.id for view in listed] == [job.id for job in reversed(jobs) if job.status is status]
        summary = lists.summary(limit=_LIMIT)
        finished = sum(job.status.is_terminal for job in jobs)
        assert (summary.total, summary.queued_count, summary.history_count) == (
            len(jobs),
            len(jobs) - finished,
            finished,
        )

    def _check_blockers(self, jobs: list[JobRecord]) -> None:
        """Whoever ended for want of another execution says so, and names a failed one of its run if it is still there."""
        for job in jobs:
            answer = self.server.services.jobs.jobs.blocked_by(job.id)
            assert answer.blocked is (job.cause is Cause.DEPENDENCY_FAILED)
            if not answer.blocked:
                continue
            assert (job.started, job.agent_id) == (None, "")
            waited = {f"required job {n}": _of_run(jobs, job, n) for n in _listed(job, "needs_job_ids")}
            waited |= {f"upstream pipeline {p}": _of_chain(jobs, job, p) for p in _listed(job, UPSTREAM)}
            reason = job.error.removeprefix("cancelled: ").removesuffix(" failed")
            culprits = [j.id for j in waited[reason] if j.status is JobStatus.FAILED]
            named = answer.dependency.job_execution_id if answer.dependency else None
            assert named == (culprits[-1] if culprits else None)

    def _check_history(self, now: dict[int, Seen]) -> None:
        for number, before in self.seen.items():
            after = now.get(number)
            if after is None:
                assert before.job.status in self.removable, f"{before.job.id} is gone, it was {before.job.status}"
                continue
            is_skipped = after.job.skipped and not before.job.status.is_active
            assert is_skipped or after.job.status in _STEPS[before.job.status], (
                f"{before.job.status} -> {after.job.status}"
            )
            if before.job.status.is_terminal:
                assert _as_it_ended(after.job) == _as_it_ended(before.job)
                assert after.log == before.log
            elif before.job.agent_id and after.job.agent_id == before.job.agent_id:
                assert after.log.startswith(before.log), "a log became shorter"

    def _check_log(self, seen: Seen) -> None:
        """A log is what its agent wrote, from the start; then the server's line if the server ended it."""
        job, log = seen.job, seen.log
        spools = [w.spool.encode() for (agent, job_id), w in self.works.items() if job_id == job.id and agent]
        owner = self.works.get((job.agent_id, job.id))
        if job.closing_line:
            assert log.endswith(job.closing_line.encode())
            log = log.removesuffix(job.closing_line.encode())
            assert not log or log.endswith(b"\n")
            log = log if any(s.startswith(log) for s in spools) else log.removesuffix(b"\n")
        elif job.status.is_terminal:
            assert owner is not None
            assert (log, job.status) == (owner.spool.encode(), owner.ending)
        if owner is not None:
            spools = [owner.spool.encode()]
        assert not log or any(spool.startswith(log) for spool in spools)


def _as_it_ended(job: JobRecord) -> JobRecord:
    """A test report may come after the end, and a rerun may decide about the run from then on."""
    return msgspec.structs.replace(job, test_summary=None, superseded=False)


def _check_owners(jobs: list[JobRecord], deactivated: set[str]) -> None:
    active = [job for job in jobs if job.status.is_active]
    owners = Counter(job.agent_id for job in active)
    assert all(count == 1 for count in owners.values()), f"an agent with several executions: {owners}"
    assert not owners.keys() & ({""} | deactivated)
    assert not any(job.agent_id for job in jobs if job.status is JobStatus.QUEUED)


def _check_needs(jobs: list[JobRecord]) -> None:
    """A blocked execution waits for something that is still to come, and nothing that was met or missed."""
    for job in jobs:
        if job.status is not JobStatus.QUEUED:
            continue
        if "needs_blocked" in job.metadata:
            _check_wait(job, [_of_run(jobs, job, need) for need in _listed(job, "needs_job_ids")])
        if "row_blocked" in job.metadata:
            rows = _of_run(jobs, job, job.facts.pipeline_job_id)
            begun = [row for row in rows if not row.status.is_terminal and not row.facts.row_blocked]
            assert len(begun) >= job.max_parallel, f"{job.id} could run"
        if "chain_blocked" in job.metadata:
            _check_wait(job, [_of_chain(jobs, job, pipeline) for pipeline in _listed(job, UPSTREAM)])


def _check_wait(job: JobRecord, awaited: list[list[JobRecord]]) -> None:
    verdicts = {_verdict(executions) for executions in awaited}
    assert "open" in verdicts, f"{job.id} is stuck: {verdicts}"
    assert "missed" not in verdicts or job.open_condition, f"{job.id} waits in vain"


def _listed(job: JobRecord, key: str) -> list[str]:
    return [name for name in job.metadata.get(key, "").split(",") if name]


def _of_run(jobs: list[JobRecord], of: JobRecord, need: str) -> list[JobRecord]:
    """Return the executions of the job *need* in the run of *of*, oldest first."""
    wanted = (of.metadata["pipeline_run_id"], need)
    return [j for j in jobs if (j.metadata["pipeline_run_id"], j.metadata["pipeline_job_id"]) == wanted]


def _of_chain(jobs: list[JobRecord], of: JobRecord, pipeline: str) -> list[JobRecord]:
    """Return the executions of *pipeline* in the chain run of *of*, oldest first."""
    wanted = (of.metadata["chain_run_id"], pipeline)
    return [j for j in jobs if (j.metadata.get("chain_run_id"), j.metadata["pipeline_id"]) == wanted]


def _verdict(executions: list[JobRecord]) -> str:
    newest = {(job.metadata["pipeline_job_id"], job.metadata.get("matrix_index")): job for job in executions}.values()
    if any(not job.status.is_terminal for job in newest):
        return "open"
    return "met" if newest and all(job.is_good for job in newest) else "missed"


def _check_next(view: View, jobs: list[JobRecord], offered: dict[str, str]) -> None:
    """Of the executions that may be leased and fit, an agent would get the most urgent, and of these the oldest."""
    ready = (j for j in jobs if j.status is JobStatus.QUEUED and not j.is_blocked)
    waiting = sorted(ready, key=lambda job: (-job.priority, job.place_in_queue))
    expected = next((j.number for j in waiting if meets_all(j.required_capabilities, offered)), None)
    found = view.jobs.claimable(lambda kind: meets_all(kind.needs, offered))
    assert (found and found.number) == expected
