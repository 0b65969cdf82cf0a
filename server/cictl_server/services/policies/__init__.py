"""What holds jobs back although an agent could take them: pauses, the share of each project, concurrency groups, and locks."""

from __future__ import annotations

import msgspec

from cictl.base.clock import Clock
from cictl_server.services.core import Core
from cictl_server.services.policies.agent_rules import AgentRules
from cictl_server.services.policies.job_rules import JobRules
from cictl_server.services.policies.pauses import PauseService
from cictl_server.services.policies.planned_rules import PlannedRules
from cictl_server.services.policies.queue_rules import QueueRules
from cictl_server.store.contract import View


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    pauses: PauseService
    max_running: int
    asks_approvals: bool
    clock: Clock

    @classmethod
    def build(cls, core: Core, *, max_running: int, asks_approvals: bool) -> Policies:
        """Make the rules.

        Args:
            max_running: How many executions of one project agents may hold; 0 for any number.
            asks_approvals: Whether jobs wait for the approvals that they ask for.
        """
        pauses = PauseService(store=core.store, hub=core.hub, clock=core.clock)
        return cls(pauses=pauses, max_running=max_running, asks_approvals=asks_approvals, clock=core.clock)

    def of_queues(self, view: View) -> QueueRules:
        """Return what the rules say of queues as of *view*."""
        return QueueRules(view, max_running=self.max_running)

    def of_agent(self, view: View, *, host: str) -> AgentRules:
        """Return what the rules say of an agent on *host*, as `host_of` names it, as of *view*."""
        return AgentRules(view, self.of_queues(view), host=host, now=self.clock())

    def of_planned(self, view: View) -> PlannedRules:
        """Return what the rules say of executions that are planned, as of *view*."""
        return PlannedRules(view, self.of_queues(view))

    def of_jobs(self, view: View) -> JobRules:
        """Return what the rules say of single executions as of *view*."""
        return JobRules(view, self.of_queues(view))
