"""The same server, to which people say yes and no, whose agents drain, or can't begin what they are given."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cictl.base.job_parts import ApprovalSpec
from cictl.wire.jobs import Cause
from cictl_server.store.records.jobs import JobRecord
from cictl_testing.agents.model import Fate
from cictl_testing.state_machine.machine import ServerMachine, counted, fates, names, picked, picks


class ApprovalMachine(ServerMachine):
    @rule(pick=picks, verb=st.sampled_from(["approve", "approve", "approve", "reject"]), whole=st.booleans())
    @counted
    def somebody_decides(self, pick: int, verb: str, whole: bool) -> None:
        """What was decided is decided."""
        waiting = [job for job in self.jobs() if job.awaited_approval]
        if not waiting:
            return
        job = picked(waiting, pick)
        assert [self.decide(job, verb, whole=whole) for _ in range(2)] == [200, 409]

    @rule(pick=picks, seconds=st.sampled_from([60, 1000]))
    @counted
    def a_run_is_held(self, pick: int, seconds: int) -> None:
        approval = ApprovalSpec(roles=["operator"], timeout_seconds=seconds)
        self.job_ids += self.server.run_held(picked(self.pipelines, pick), approval)

    @rule(name=names)
    @counted
    def an_agent_drains(self, name: str) -> None:
        """It ends what it has, and gets nothing more."""
        self.expect(self.server.drain(name), 200, 404)
        agent = self.agents[name]
        before = self.held_by(name)
        agent.lease(Fate.ANSWERED, is_named=True)
        assert self.held_by(name) <= before

    @rule(name=names, fate=fates)
    @counted
    def an_agent_can_not_begin(self, name: str, fate: Fate) -> None:
        agent = self.at_work(name)
        if agent is not None and not (agent.work.spool or agent.work.ending):
            agent.append(Fate.ANSWERED, overlap=0)
            if agent.job_id:
                agent.finish("failed", fate, characters=0, cause=Cause.START_FAILED)

    def help_along(self) -> None:
        for job in self.jobs():
            if job.awaited_approval:
                # Those of a run that waits as a whole are approved by the first of them.
                assert self.decide(job, "approve", whole=False) in (200, 409)

    def decide(self, job: JobRecord, verb: str, *, whole: bool) -> int:
        """Decide about *job*, or about all rows of its job if *whole*; about its run, if that waits."""
        facts = job.facts
        is_run = facts.run_approval_blocked
        name = "" if is_run else f"{facts.pipeline_id}/{facts.pipeline_job_id}" if whole else job.id
        if whole and not facts.chain_run_id:
            name = name.partition("/")[2]
        answer = self.server.post(f"/api/v1/runs/{facts.run_number}/{verb}", {"job": name, "reason": "because"})
        return answer.status_code

    def held_by(self, agent_id: str) -> set[str]:
        with self.server.store.read() as view:
            return {job.id for job in view.jobs.active_of_agent(agent_id)}
