"""What a token reaches: jobs and projects. What it does not reach is not found, as if it were not there."""

from __future__ import annotations

import msgspec

from cictl.wire.jobs import JobStatus
from cictl.wire.projects import JobTokens
from cictl.wire.words import DEPENDENCY_JOB_ID, DEPENDENCY_JOB_IDS
from cictl_server.errors import Forbidden, NotFound
from cictl_server.services.access.principal import Principal
from cictl_server.services.core.ids import job_number
from cictl_server.services.core.names import find_run_called
from cictl_server.store.contract import Store, View
from cictl_server.store.records.jobs import JobRecord

DEEPEST_START = 10
"""How many starts by jobs may follow from one by a person: a pipeline that starts itself ends there."""


class ReachService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store

    def check_held(self, principal: Principal, job_id: str) -> None:
        """Return if the agent of *principal* has the execution, or was the last to have it, or may have been.

        The second matters at the end: a repeated report finds out that the first one arrived, and one that comes too late
        finds out that the job was cancelled. The third is an execution whose lease ran out: it is queued again, and nobody
        has it. Whose lease it was is told by the token of the lease, which the report brings.

        Raises:
            NotFound: Another agent has it, or nobody.
        """
        job = self._find_job(job_id)
        if job is None or (job.agent_id != principal.agent_id and not _is_lease_over(job)):
            raise NotFound("job")

    def check_needed(self, principal: Principal, job_id: str) -> None:
        """Return if the agent of *principal* has the execution, or has one of its project now that depends on its artifacts.

        The project matters because a project file can name any execution in the variable that tells the dependencies.

        Raises:
            NotFound: Neither is so.
        """
        job = self._find_job(job_id)
        active = self.store.look(lambda view: view.jobs.active_of_agent(principal.agent_id))
        if job is None or (job.agent_id != principal.agent_id and not any(_needs(one, job) for one in active)):
            raise NotFound("job")

    def check_own(self, principal: Principal, job_id: str) -> None:
        """Return if the token is that of the execution itself; else raise NotFound."""
        if principal.job is None or principal.job.id != job_id:
            raise NotFound("job")

    def check_run_or_needed(self, principal: Principal, job_id: str) -> None:
        """Return if the job of *principal* sees the execution, or depends on its artifacts; else raise NotFound."""
        job, own = self._find_job(job_id), principal.job
        if job is None or own is None or not (principal.sees_job(job) or _needs(own, job)):
            raise NotFound("job")

    def check_job(self, principal: Principal, job_id: str) -> None:
        """Return if *principal* sees the execution.

        Raises:
            NotFound: It does not, or there is no such execution.
        """
        job = self._find_job(job_id)
        if job is None or not principal.sees_job(job):
            raise NotFound("job")

    def check_run(self, principal: Principal, text: str) -> None:
        """Return if *principal* sees the run with the number or id *text*.

        Raises:
            NotFound: It does not, or there is no such run.
        """
        with self.store.read() as view:
            run = find_run_called(view, text)
        if run is None or not principal.sees_run(run):
            raise NotFound("run")

    def reaches_job(self, principal: Principal, job_id: str) -> bool:
        """Tell whether the execution is there, and *principal* sees it; one who is not bound sees all."""
        if not (principal.projects or principal.job):
            return True
        job = self._find_job(job_id)
        return job is not None and principal.sees_job(job)

    def reaches_project(self, principal: Principal, project_id: int) -> bool:
        """Tell whether the project is there, and *principal* sees it."""
        try:
            self.check_project(principal, project_id)
        except NotFound:
            return False
        return True

    def check_starts(self, job: JobRecord) -> None:
        """Return if the token of *job* may start runs of its project.

        Raises:
            Forbidden: The project does not allow it, or too many such starts, each in a run of the one before, led to the job.
        """
        project_id = int(job.facts.project_id or 0)
        project = self.store.look(lambda view: view.projects.find(project_id))
        if project is None or project.job_tokens is not JobTokens.START:
            name = job.facts.project
            raise Forbidden(
                f"the project {name} does not let its jobs start runs",
                hint=f"an operator allows it: `cictl projects set {name} --job-tokens start`",
            )
        if job.start_depth >= DEEPEST_START:
            raise Forbidden(f"{DEEPEST_START} starts by jobs led to this one, and no further one is allowed")

    def check_project(self, principal: Principal, project_id: int) -> None:
        """Return if *principal* reaches the project.

        Raises:
            NotFound: It does not, or there is no such project.
        """
        self.store.look(lambda view: _check_project(view, principal, project_id, noun="project"))

    def check_pipeline(self, principal: Principal, pipeline_db_id: int) -> None:
        """Return if *principal* reaches the project of the pipeline; else raise NotFound."""
        with self.store.read() as view:
            pipeline = view.pipelines.find(pipeline_db_id)
            _check_project(view, principal, pipeline.project_id if pipeline else 0, noun="pipeline")

    def check_chain(self, principal: Principal, chain_db_id: int) -> None:
        """Return if *principal* reaches the project of the chain; else raise NotFound."""
        with self.store.read() as view:
            chain = view.chains.find(chain_db_id)
            _check_project(view, principal, chain.project_id if chain else 0, noun="pipeline chain")

    def _find_job(self, job_id: str) -> JobRecord | None:
        """Return the execution; None if there is none. Agents report all the time, so it is looked up at the least cost."""
        try:
            number = job_number(job_id)
        except NotFound:
            return None
        return self.store.look(lambda view: view.jobs.find(number))


def _check_project(view: View, principal: Principal, project_id: int, *, noun: str) -> None:
    project = view.projects.find(project_id)
    if project is None or not principal.sees_project(project.id, project.name):
        raise NotFound(noun)


def _is_lease_over(job: JobRecord) -> bool:
    return job.status is JobStatus.QUEUED and not job.agent_id and bool(job.lease_hash)


def _needs(job: JobRecord, other: JobRecord) -> bool:
    """Tell whether *job* gets the artifacts of *other*, which is of the same project."""
    listed = job.env.get(DEPENDENCY_JOB_IDS, "").split(",")
    named = {name.strip() for name in (*listed, job.env.get(DEPENDENCY_JOB_ID, ""))}
    return other.id in named and other.facts.project_id == job.facts.project_id
