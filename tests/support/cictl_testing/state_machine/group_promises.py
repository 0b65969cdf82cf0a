"""What a server promises of concurrency groups and locks, checked against its records after each step.

Written from the rules and the texts in the records, not from the server's code.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from cictl.base.job_parts import ConcurrencySpec
from cictl.wire.jobs import JobStatus
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord

_BEFORE_A_LINE = frozenset({"chain_blocked", "run_group_blocked", "approval_blocked", "run_approval_blocked"})
_BEFORE_A_PLACE = _BEFORE_A_LINE | {"needs_blocked", "row_blocked"}
"""What an execution waits for before it stands in the line of its job's group, and before it may be let in."""


@dataclass
class Group:
    """One group at one time. The lists hold executions; `inside` counts the members to which they belong."""

    spec: ConcurrencySpec
    inside: dict[str, list[JobRecord]] = field(default_factory=lambda: defaultdict(list))
    waiting: list[JobRecord] = field(default_factory=list)


Groups = dict[tuple[str, str, str], Group]


def check_groups(before: Iterable[JobRecord], now: Iterable[JobRecord]) -> None:
    """Check the groups as they are, and who was let in since *before*."""
    earlier, jobs = _groups(before), list(now)
    for key, group in _groups(jobs).items():
        is_of_runs = key[0] == "run"
        assert len(group.inside) <= group.spec.limit, f"{key} has {len(group.inside)} members"
        ready = [job for job in group.waiting if _is_ready(job, is_of_runs=is_of_runs)]
        _check_nobody_is_stuck(key, group, ready)
        _check_order(key, group, ready, earlier.get(key))
        _check_newest(key, group, ready)
    for job in jobs:
        _check_superseded(job)


def check_locks(view: View) -> None:
    """Check that on each host one execution at most has each lock."""
    hosts = {agent.agent_id: agent.hostname for agent in view.agents.iter_all()}
    active = [job for status in (JobStatus.LEASED, JobStatus.RUNNING) for job in view.jobs.with_status(status)]
    taken = Counter((hosts[job.agent_id], lock) for job in active for lock in job.locks)
    assert all(count == 1 for count in taken.values()), taken


def _groups(jobs: Iterable[JobRecord]) -> Groups:
    found: Groups = {}
    for job in jobs:
        if job.status.is_terminal:
            continue
        for level, spec in (("run", job.run_concurrency), ("job", job.concurrency)):
            if spec is None:
                continue
            group = found.setdefault((level, job.metadata["project_id"], spec.group), Group(spec))
            is_of_runs, keys = level == "run", job.metadata.keys()
            if ("run_group_blocked" if is_of_runs else "group_blocked") not in keys:
                group.inside[_member(job, is_of_runs=is_of_runs)].append(job)
                assert is_of_runs or _BEFORE_A_PLACE.isdisjoint(keys), f"{job.id} is not ready"
            elif "run_approval_blocked" not in keys if is_of_runs else _BEFORE_A_LINE.isdisjoint(keys):
                group.waiting.append(job)
    return found


def _member(job: JobRecord, *, is_of_runs: bool) -> str:
    return job.metadata["pipeline_run_id"] if is_of_runs else str(job.place_in_queue)


def _run(job: JobRecord) -> int:
    return int(job.metadata["run_number"])


def _is_ready(job: JobRecord, *, is_of_runs: bool) -> bool:
    waits = ("chain_blocked",) if is_of_runs else ("needs_blocked", "row_blocked")
    return not any(key in job.metadata for key in waits)


def _check_nobody_is_stuck(key: tuple[str, str, str], group: Group, ready: list[JobRecord]) -> None:
    """Whoever is ready waits for members that have all places, or for older runs that keep the free ones."""
    is_of_runs = key[0] == "run"
    free = group.spec.limit - len(group.inside)
    for job in ready:
        assert not is_of_runs or job.metadata["pipeline_run_id"] not in group.inside, f"{job.id} has a place in {key}"
        older = {_member(one, is_of_runs=is_of_runs) for one in group.waiting if _run(one) < _run(job)}
        assert len(older) >= free, f"{job.id} could be in {key}"


def _check_order(key: tuple[str, str, str], group: Group, ready: list[JobRecord], earlier: Group | None) -> None:
    """Whoever was let in has left no older run behind that was ready, and stood there before."""
    if earlier is None:
        return
    stood = {job.number for job in earlier.waiting} & {job.number for job in ready}
    oldest = min((_run(job) for job in ready if job.number in stood), default=None)
    entered = [jobs[0] for member, jobs in group.inside.items() if member not in earlier.inside]
    for job in entered:
        assert oldest is None or _run(job) <= oldest, f"run {_run(job)} came before run {oldest} in {key}"


def _check_newest(key: tuple[str, str, str], group: Group, ready: list[JobRecord]) -> None:
    """Where newer runs replace older ones, nothing older is left."""
    inside = [jobs[0] for jobs in group.inside.values()]
    newest = max(map(_run, (*inside, *ready)), default=0)
    if group.spec.on_new != "queue":
        assert all(_run(job) >= newest for job in group.waiting), f"somebody waits in {key} for nothing"
    if group.spec.on_new == "cancel_running":
        assert all(_run(job) >= newest for job in inside), f"an older run goes on in {key}"


def _check_superseded(job: JobRecord) -> None:
    if job.cause != "superseded":
        return
    newer = int(job.error.removeprefix("cancelled: superseded by run "))
    assert newer > _run(job)
    assert (job.status, job.retried_by, job.is_good) == ("failed", "", False)
    specs = [spec for spec in (job.concurrency, job.run_concurrency) if spec]
    assert any(spec.on_new != "queue" for spec in specs)
