"""Whom a request comes from."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.wire.admin.access import Role, WhoAmI
from cictl.wire.short_ids import short_id_of
from cictl_server.errors import Forbidden
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.records.settings import TokenRecord


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The holder of a token.

    Attributes:
        token_id: 0 for `EVERYBODY`, and for a job.
        digest: That of the secret that it came with; a token that was rotated has another.
        session: The digest of the id of the browser's session; empty if the token itself was sent.
        agent_id: With the role agent, the only agent that it may be; with the role job, the agent that has the job.
        projects: Names of the only projects that it reaches; empty for all.
        job: With the role job, the execution as it was when the token came.
        is_guest: It reads without a token, as `--public-read` allows.
    """

    role: Role
    token_id: int = 0
    digest: str = ""
    session: str = ""
    name: str = ""
    agent_id: str = ""
    projects: frozenset[str] = frozenset()
    expires: datetime | None = None
    job: JobRecord | None = None
    is_guest: bool = False

    @classmethod
    def of(cls, token: TokenRecord) -> Principal:
        return cls(
            role=token.role,
            token_id=token.id,
            digest=token.digest,
            name=token.name,
            agent_id=token.agent_id,
            projects=frozenset(token.projects),
            expires=token.expires,
        )

    @classmethod
    def of_job(cls, job: JobRecord) -> Principal:
        return cls(
            role=Role.JOB,
            digest=job.job_token_hash,
            name=short_id_of(job.facts) or job.id,
            agent_id=job.agent_id,
            job=job,
        )

    @property
    def is_everybody(self) -> bool:
        """Whether the server asks nobody who they are. Then everybody may do everything, also as any agent."""
        return not self.digest

    @property
    def caller(self) -> str:
        """What tells it from all others, whatever they are called."""
        return self.job.id if self.job else f"token {self.token_id}"

    def sees_job(self, job: JobRecord) -> bool:
        """Tell whether it may read *job*.

        With the role job these are the executions of its run and chain run, and of the runs that it started; else those of its projects.
        """
        if self.job:
            return _is_same_run(self.job, job) or job.started_by_job == self.job.id
        return self.reaches_project(job.facts.project)

    def sees_run(self, run: RunRecord) -> bool:
        """Tell whether it may read *run*; the rules are those of executions."""
        if self.job:
            return self.job.facts.run_number == str(run.number) or run.started_by_job == self.job.id
        return self.reaches_project(run.project)

    def sees_project(self, project_id: int, name: str) -> bool:
        """Tell whether it may read the definition of the project: with the role job that of its own, whatever others are called so."""
        if self.job:
            return self.job.facts.project_id == str(project_id)
        return self.reaches_project(name)

    def reaches_project(self, name: str) -> bool:
        """Tell whether it may see and touch the project *name*; an empty one stands for what belongs to no project."""
        return not self.projects or name in self.projects

    def check_role(self, needed: Role) -> None:
        """Return if it may do what *needed* may.

        Raises:
            Forbidden: It may not; the text names both roles.
        """
        if not self.is_everybody and not self.role.includes(needed):
            raise Forbidden(f"this needs the role {needed}; the token {self.name} has the role {self.role}")

    def check_agent(self, agent_id: str) -> None:
        """Return if it may act as the agent *agent_id*.

        Raises:
            Forbidden: It is the token of another agent.
        """
        if not self.is_everybody and agent_id != self.agent_id:
            raise Forbidden(
                f"the token {self.name} is for the agent {self.agent_id}",
                hint="each agent has a token of its own: `cictl agents enroll`",
            )

    def shown(self) -> WhoAmI:
        return WhoAmI(
            authentication=not self.is_everybody,
            role=self.role,
            id=self.token_id,
            name=self.name,
            agent_id=self.agent_id,
            projects=sorted(self.projects),
            expires_utc=self.expires,
            job_execution_id=self.job.id if self.job else "",
        )


EVERYBODY = Principal(role=Role.ADMIN)
GUEST = Principal(role=Role.VIEWER, digest="guest", name="guest", is_guest=True)


def _is_same_run(job: JobRecord, other: JobRecord) -> bool:
    if job.number == other.number:
        return True
    return job.facts.project_id == other.facts.project_id and not _runs(job).isdisjoint(_runs(other))


def _runs(job: JobRecord) -> set[str]:
    return {run for run in (job.facts.pipeline_run_id, job.facts.chain_run_id) if run}
