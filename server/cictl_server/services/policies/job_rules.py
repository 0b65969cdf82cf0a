"""The rules by which an execution that waits for nothing else gets no agent. `explain` and lists tell which one holds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from cictl.wire.short_ids import short_id_of
from cictl.wire.waiting.explain import Fix, Reason
from cictl_server.services.policies.approvals import awaited_approval
from cictl_server.services.policies.holds import Hold
from cictl_server.services.policies.queue_rules import QueueRules
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord, is_group_of_runs


class JobRules:
    """What the rules say of executions as of one transaction. Each fact is looked up once, and only if a rule asks for it."""

    def __init__(self, view: View, queues: QueueRules) -> None:
        self.queues = queues
        self._view = view
        self._with_place: dict[str, list[JobRecord]] = {}

    def hold(self, job: JobRecord) -> Hold | None:
        """Return the first rule that holds the queued *job* back; None without one, or if it waits for other executions first."""
        if job.is_blocked and not job.awaited_approval and not (job.awaited_group and job.is_ready):
            return None
        return next((hold for rule in _RULES if (hold := rule(self, job))), None)

    def group_name(self, job: JobRecord) -> str:
        """Return the name of the group in whose line *job* stands."""
        found = job.run_concurrency if job.facts.run_group_blocked else job.concurrency
        return found.group if found else ""

    def before(self, job: JobRecord) -> tuple[list[JobRecord], bool]:
        """Return who keeps *job* from the place that it waits for, and whether they have places and are not only before it."""
        group = job.awaited_group
        if group not in self._with_place:
            self._with_place[group] = self._view.jobs.with_place(group)
        if inside := self._with_place[group]:
            return inside, True
        return list(islice(self._view.jobs.in_line(group), 1)), False


def _nobody_has_approved_it(_rules: JobRules, job: JobRecord) -> Hold | None:
    return awaited_approval(job)


def _others_have_the_places(rules: JobRules, job: JobRecord) -> Hold | None:
    if not job.awaited_group:
        return None
    others, have_places = rules.before(job)
    first = others[0]
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    verb = ("hold" if more else "holds") if have_places else "comes first in"
    number = first.facts.run_number
    return Hold(
        reason=Reason.GROUP,
        text=f"{name_of_holder(first, job.awaited_group)}{more} {verb} the group {rules.group_name(job)}",
        fixes=(
            Fix(text=f"see how far run {number} is", command=f"cictl runs show {number}"),
            Fix(text="or end it", command=f"cictl runs cancel {number}"),
        ),
    )


def _its_queue_gives_nothing_out(rules: JobRules, job: JobRecord) -> Hold | None:
    return rules.queues.hold(job.queue_scope)


_RULES: tuple[Callable[[JobRules, JobRecord], Hold | None], ...] = (
    _nobody_has_approved_it,
    _others_have_the_places,
    _its_queue_gives_nothing_out,
)
"""All rules; the first that applies is told."""


def name_of_holder(job: JobRecord, group: str) -> str:
    """Return whom *job* stands for in *group*: its run or itself, such as `run 12 of shop/deploy`."""
    what = f"run {job.facts.run_number}" if is_group_of_runs(group) else f"job {short_id_of(job.facts)}"
    return f"{what} of {job.facts.project}/{job.facts.pipeline_id}"
