"""The rules that an execution meets which is planned and not enqueued: what it asks for, and who has that now. Previews tell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice

from cictl.base.job_parts import ConcurrencySpec
from cictl.wire.jobs import JobSpec, JobStatus
from cictl.wire.projects import PlannedRule
from cictl.wire.short_ids import short_id_of
from cictl.wire.waiting.explain import Reason
from cictl_server.services.policies.approvals import who_may_approve
from cictl_server.services.policies.job_rules import name_of_holder
from cictl_server.services.policies.queue_rules import QueueRules
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord


class PlannedRules:
    """What the rules say of planned executions as of one transaction."""

    def __init__(self, view: View, queues: QueueRules) -> None:
        self.queues = queues
        self.view = view

    @cached_property
    def holders_of_locks(self) -> Mapping[str, list[JobRecord]]:
        """The executions that have each lock, on whichever host."""
        found = defaultdict[str, list[JobRecord]](list)
        for status in (JobStatus.LEASED, JobStatus.RUNNING):
            for job in self.view.jobs.with_status(status):
                for lock in job.locks:
                    found[lock].append(job)
        return found

    def of(self, spec: JobSpec) -> list[PlannedRule]:
        """Return each rule that *spec* meets, in the order in which an execution would wait."""
        job = JobRecord.queued(spec, number=0, created=datetime.min.replace(tzinfo=UTC), started_by="")
        return [told for rule in _RULES if (told := rule(self, job))]


def _asks_for_an_approval(_rules: PlannedRules, job: JobRecord) -> PlannedRule | None:
    if job.approval is None:
        return None
    return PlannedRule(
        rule=Reason.APPROVAL, text=f"it needs an approval by {who_may_approve(job.approval)}", holds=True
    )


def _takes_turns_as_a_run(rules: PlannedRules, job: JobRecord) -> PlannedRule | None:
    return _turns(rules, job.run_group, job.run_concurrency, "its run")


def _takes_turns(rules: PlannedRules, job: JobRecord) -> PlannedRule | None:
    return _turns(rules, job.group, job.concurrency, "it")


def _locks_something(rules: PlannedRules, job: JobRecord) -> PlannedRule | None:
    """On another host the locks may be free, so a taken one alone holds nothing back."""
    if not job.locks:
        return None
    text = f"it locks {', '.join(job.locks)} on its host"
    taken = ((lock, holder) for lock in job.locks for holder in rules.holders_of_locks.get(lock, ()))
    text += "".join(f"; {short_id_of(one.facts)} has {lock} on {one.lock_host}" for lock, one in taken)
    return PlannedRule(rule=Reason.HOST_LOCKED, text=text, holds=False)


def _waits_with_its_queue(rules: PlannedRules, job: JobRecord) -> PlannedRule | None:
    hold = rules.queues.hold(job.queue_scope)
    return PlannedRule(rule=hold.reason, text=hold.text, holds=True) if hold else None


_RULES: tuple[Callable[[PlannedRules, JobRecord], PlannedRule | None], ...] = (
    _asks_for_an_approval,
    _takes_turns_as_a_run,
    _takes_turns,
    _locks_something,
    _waits_with_its_queue,
)


def _turns(rules: PlannedRules, key: str, concurrency: ConcurrencySpec | None, who: str) -> PlannedRule | None:
    """Return what a concurrency group means for whoever joins it now; None without one."""
    if concurrency is None:
        return None
    inside = rules.view.jobs.with_place(key)
    others = [*inside, *islice(rules.view.jobs.in_line(key), 1)]
    holds = len(inside) >= concurrency.limit or len(others) > len(inside)
    state = f"{name_of_holder(others[0], key)} {'has a place' if inside else 'is in line'}" if holds else "it has room"
    text = f"{who} takes turns in the group {concurrency.group}, {concurrency.limit} at once: {state}"
    return PlannedRule(rule=Reason.GROUP, text=text, holds=holds)
