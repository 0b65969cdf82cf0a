"""Ad-hoc scripts: one execution for one agent, without a project."""

from __future__ import annotations

import msgspec

from cictl.base.clock import Clock
from cictl.base.text.sizes import size_text
from cictl.wire.agents import AgentActionRequest, QueuedScript
from cictl.wire.audit.records import TargetKind
from cictl.wire.jobs import JobSpec
from cictl.wire.metadata import JobMetadata
from cictl.wire.waiting.requirements import meets
from cictl_server.errors import InvalidRequest, TooLarge
from cictl_server.services.core.deeds import actor_name, note_made
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.core.limits.disk import Disk
from cictl_server.services.fleet.lookup import get_agent_record
from cictl_server.services.history.run_book import new_run, next_run_number, numbered
from cictl_server.services.history.run_limits import RunLimits
from cictl_server.services.history.settling import Settler
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.jobs import JobRecord

DEFAULT_TIMEOUT_SECONDS = 600
_LONGEST_SCRIPT = 256 << 10


class ScriptService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    settler: Settler
    numbers: NumberSource
    clock: Clock
    disk: Disk
    limits: RunLimits

    def enqueue(self, agent_id: str, request: AgentActionRequest) -> QueuedScript:
        """Queue the script for that agent. It waits while the agent is deactivated.

        Raises:
            InvalidRequest: No script, no shell, or one that the agent can't run.
            NotFound: No such agent.
            DiskLow: There is no room for new work.
            TooLarge, LimitReached: The script is too long, or too many wait for the agent.
        """
        script, shell = request.script.strip(), request.shell.strip().lower()
        if not script:
            raise InvalidRequest("script is required")
        if len(script.encode()) > _LONGEST_SCRIPT:
            raise TooLarge(f"script has more than {size_text(_LONGEST_SCRIPT)}", hint="let it fetch what it needs")
        if not shell:
            raise InvalidRequest("shell is required")
        self.disk.check_room("script")
        timeout = request.timeout_seconds if request.timeout_seconds > 0 else DEFAULT_TIMEOUT_SECONDS
        spec = JobSpec(
            script=script,
            required_capabilities={"agent_id": agent_id, "executor": "script", "shell": shell},
            timeout_seconds=timeout,
            metadata=JobMetadata.entries(
                JobMetadata.adhoc(True), JobMetadata.adhoc_agent_id(agent_id), JobMetadata.adhoc_shell(shell)
            ),
        )
        job = JobRecord.queued(spec, number=self.numbers.next(), created=self.clock(), started_by=actor_name())

        def enqueue(tx: Transaction) -> int:
            _check_ability(get_agent_record(tx, agent_id), shell)
            self.limits.check_room(tx, job)
            run_number = next_run_number(tx)
            enqueued = numbered(job, run_number)
            self.settler.put(tx, enqueued)
            tx.runs.put(new_run([enqueued]))
            note_made(TargetKind.JOB, job.id, shell=shell)
            return run_number

        run_number = self.store.write(enqueue)
        return QueuedScript(
            queued=True,
            agent_id=agent_id,
            job_execution_id=job.id,
            shell=shell,
            timeout_seconds=timeout,
            run_number=run_number,
        )


def _check_ability(agent: AgentRecord, shell: str) -> None:
    if not meets("executor", "script", agent.capabilities):
        raise InvalidRequest("agent does not advertise script executor support")
    if not meets("shell", shell, agent.capabilities):
        shells = agent.capabilities.get("shells", "") or "none"
        raise InvalidRequest("agent does not support requested shell", hint=f"it has: {shells}")
