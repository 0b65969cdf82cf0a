"""The rules by which one agent gets nothing of a kind although it meets the requirements. Leasing asks them for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from cictl_server.services.core.ids import job_number
from cictl_server.services.core.resting_locks import resting
from cictl_server.services.policies.queue_rules import QueueRules
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tables import Kind


class AgentRules:
    """What the rules say of an agent as of one transaction. Each fact is looked up once, and only if a rule asks for it."""

    def __init__(self, view: View, queues: QueueRules, *, host: str, now: datetime) -> None:
        """*host* is that of the agent, as `host_of` names it."""
        self.queues = queues
        self._view = view
        self._host = host
        self._now = now

    def allow(self, kind: Kind) -> bool:
        """Tell whether the agent may get an execution of this *kind*."""
        return all(rule(self, kind) for rule in _RULES)

    def find_taken(self, locks: Sequence[str]) -> tuple[str, JobRecord] | None:
        """Return the first of *locks* that an execution has on the host, and that execution; None if all are free.

        One that the server has ended may have its locks still.
        """
        return next(((lock, self._holders[lock]) for lock in locks if lock in self._holders), None)

    @cached_property
    def _holders(self) -> Mapping[str, JobRecord]:
        rests = [rest for rest in resting(self._view, now=self._now) if rest.host == self._host]
        ended = [job for rest in rests if (job := self._view.jobs.find(job_number(rest.job_id)))]
        return {lock: job for job in (*ended, *self._view.jobs.with_locks(self._host)) for lock in job.locks}


def _its_queue_gives_out(rules: AgentRules, kind: Kind) -> bool:
    return rules.queues.hold(kind.queue) is None


def _its_locks_are_free(rules: AgentRules, kind: Kind) -> bool:
    return not kind.locks or rules.find_taken(kind.locks) is None


_RULES: tuple[Callable[[AgentRules, Kind], bool], ...] = (_its_queue_gives_out, _its_locks_are_free)
