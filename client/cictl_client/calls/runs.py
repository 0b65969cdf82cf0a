"""Runs: started by name, waited for, listed, cancelled. The calls by database id are in `pipelines`, those of one execution in `jobs`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cictl.wire.codec import encode
from cictl.wire.jobs import JobState
from cictl.wire.projects import (
    OFFLINE_CACHED,
    ChainSummary,
    Needs,
    PipelineSummary,
    ProjectSummary,
    RunRequest,
    RunResponse,
)
from cictl.wire.runs import ApprovalRequest, Run, RunList, RunRerunRequest, RunRerunResponse, RunSummary
from cictl_client.calls.calls import given
from cictl_client.calls.jobs import JobCalls
from cictl_client.calls.paths import segment
from cictl_client.calls.pipelines import PipelineCalls
from cictl_client.calls.projects import ProjectCalls
from cictl_client.errors import AmbiguousName, NotFound
from cictl_client.retry import OnReconnect

_RUNS = "/api/v1/runs"


class RunCalls(JobCalls, PipelineCalls, ProjectCalls):
    """Runs, by the names of what runs."""

    def run(
        self,
        target: str,
        *,
        ref: str = "",
        matrix: str = "",
        only: bool = False,
        agent: str = "",
        dry_run: bool = False,
        offline: bool = False,
        inputs: Mapping[str, str] | None = None,
    ) -> RunResponse:
        """Enqueue a run of what *target* names, and return it at once; `wait` waits for its end.

        Args:
            target: `PROJECT/PIPELINE`, `PROJECT/PIPELINE/JOB`, `PROJECT/CHAIN`, or the name of a pipeline or a chain alone if
                no other has it. Names are whole. Where several projects have one name, `run_pipeline` takes an id.
            ref: Branch, tag or commit instead of the pipeline's own.
            matrix: Name of the one matrix entry of the job that is to run.
            only: Leave out the jobs that the job in *target* needs; otherwise they run too.
            agent: Id of the agent that has to take every job.
            dry_run: Skip the steps that the project file marks for it.
            offline: Build the commit and version of an earlier run; the server asks no remote.
            inputs: Values of the pipeline's inputs, by name.

        Raises:
            InputRefused: The pipeline takes no such input, or not such a value, or needs another one.
            NotFound: Nothing has this name; the message tells names that are close to it.
            AmbiguousName: Several pipelines or chains have it, or several projects the name before the slash.
        """
        found = _find(self.list_projects(), target)
        if found.job:
            self._check_job(found)
        request = RunRequest(
            pipeline_job_id=found.job,
            matrix_name=matrix,
            dry_run=dry_run,
            source_ref=ref,
            agent_id=agent,
            execution_mode=OFFLINE_CACHED if offline else "",
            needs=Needs.DROP if only else Needs.ADD,
            inputs=dict(inputs or {}),
        )
        enqueue = self.run_chain if found.is_chain else self.run_pipeline
        return enqueue(found.definition.id, request)

    def wait(
        self,
        run: RunResponse | Sequence[str],
        *,
        timeout: float | None = None,
        on_state: Callable[[JobState], None] | None = None,
        on_reconnect: OnReconnect | None = None,
        poll: float = 0.5,
    ) -> list[JobState]:
        """Return the final states of a run's executions, in its order, as soon as all are over, through outages.

        Of one that the server runs again by itself, it is the state of the last attempt.

        Args:
            run: What `run` and the other calls that run something return, or the ids of executions.
            timeout: Seconds for all together; None waits without limit.
            on_state: Called with each new state of each execution.
            on_reconnect: Called with each passing error.
            poll: Seconds between two looks, where the server's events tell of no change before. Looks at many executions are
                further apart.

        Raises:
            WaitTimedOut: *timeout* passed; it names the first execution that goes on.
            NotFound: One of the executions does not exist, or was deleted.
        """
        if isinstance(run, RunResponse):
            job_ids: Sequence[str] = run.job_execution_ids
        else:
            job_ids = [run] if isinstance(run, str) else run
        return self._wait_for_all(job_ids, timeout=timeout, on_state=on_state, on_reconnect=on_reconnect, poll=poll)

    def list_runs(
        self,
        *,
        status: str | Sequence[str] = (),
        project: str = "",
        pipeline: str = "",
        branch: str = "",
        since: datetime | None = None,
        limit: int = 50,
        cursor: str = "",
    ) -> RunList:
        """Return runs, newest first, without their jobs.

        Args:
            status: One or several of `queued`, `running`, `succeeded`, `failed`, `cancelled`, `active` and `finished`.
            project: Name or id.
            pipeline: Id of a pipeline or a chain of that project.
            since: Leave out what began earlier.
            limit: 1 to 500.
            cursor: The `next_cursor` of the list before.
        """
        params = given(
            limit=limit,
            status=status if isinstance(status, str) else ",".join(status),
            project=project,
            pipeline=pipeline,
            branch=branch,
            since=since.isoformat() if since else "",
            cursor=cursor,
        )
        return self._transport.get(RunList, _RUNS, params=params)

    def get_run(self, run: str) -> Run:
        """Return a run with the newest execution of each job; *run* is a number, or the id of a run or a chain run."""
        return self._transport.get(Run, f"{_RUNS}/{segment(run)}")

    def summarize_run(self, run: str, *, max_bytes: int = 4000) -> RunSummary:
        """Return what is to be known of a run that failed, in at most *max_bytes* of JSON, 2000 to 200000."""
        params = {"max_bytes": max_bytes}
        return self._transport.get(RunSummary, f"{_RUNS}/{segment(run)}/summary", params=params)

    def cancel_run(self, run: str) -> Run:
        """Cancel all jobs of a run that are not over; `Conflict` if all are."""
        return self._mutations.post(Run, f"{_RUNS}/{segment(run)}/cancel")

    def approve_run(self, run: str, *, job: str = "", reason: str = "") -> Run:
        """Let a job of a run begin that waits for an approval, or without *job* the whole run; `Conflict` if it does not wait.

        Args:
            job: `[PIPELINE/]JOB[/ROW]`; without the row all rows that wait.
            reason: Up to 200 characters.
        """
        request = ApprovalRequest(job=job, reason=reason)
        return self._mutations.post(Run, f"{_RUNS}/{segment(run)}/approve", encode(request))

    def reject_run(self, run: str, *, job: str = "", reason: str) -> Run:
        """End what waits for an approval as failed; the arguments are those of `approve_run`."""
        request = ApprovalRequest(job=job, reason=reason)
        return self._mutations.post(Run, f"{_RUNS}/{segment(run)}/reject", encode(request))

    def rerun_run(self, run: str, *, only_failed: bool = False) -> RunRerunResponse:
        """Enqueue all jobs of a run again, or those that did not succeed; `Conflict` if there are none."""
        request = RunRerunRequest(only_failed=only_failed)
        return self._mutations.post(RunRerunResponse, f"{_RUNS}/{segment(run)}/rerun", encode(request))

    def _check_job(self, target: _Target) -> None:
        """Raise `NotFound` if the pipeline of *target* has no such job."""
        pipelines = self.get_project(target.project.id).pipelines
        jobs = [job.id for pipeline in pipelines if pipeline.id == target.definition.id for job in pipeline.jobs]
        if target.job not in jobs:
            raise _unknown(f"job of {target.project.name}/{target.name}", target.job, jobs)


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What can be run: a pipeline or a chain of a project, and perhaps one job of it."""

    project: ProjectSummary
    definition: PipelineSummary | ChainSummary
    job: str = ""

    @property
    def is_chain(self) -> bool:
        return isinstance(self.definition, ChainSummary)

    @property
    def name(self) -> str:
        return self.definition.chain_id if isinstance(self.definition, ChainSummary) else self.definition.pipeline_id

    @property
    def full_name(self) -> str:
        return f"{self.project.name}/{self.name}"

    def named(self, text: str) -> _Target | None:
        """Return this, with the job that *text* names; None if *text* names something else."""
        if text in (self.name, self.full_name):
            return self
        start, job = text[: len(self.full_name) + 1], text[len(self.full_name) + 1 :]
        if self.is_chain or start != f"{self.full_name}/" or not job:
            return None
        return _Target(project=self.project, definition=self.definition, job=job)


def _definitions(
    projects: Sequence[ProjectSummary],
) -> Iterator[tuple[ProjectSummary, PipelineSummary | ChainSummary]]:
    for project in projects:
        yield from ((project, pipeline) for pipeline in project.pipelines)
        yield from ((project, chain) for chain in project.pipeline_chains)


def _find(projects: Sequence[ProjectSummary], text: str) -> _Target:
    """Return the one pipeline or chain that *text* names.

    Raises:
        NotFound: There is none.
        AmbiguousName: There are several.
    """
    targets = [_Target(project=project, definition=definition) for project, definition in _definitions(projects)]
    found = [named for target in targets if (named := target.named(text)) is not None]
    if len(found) > 1:
        raise AmbiguousName(
            text, [f"{t.full_name} ({'chain' if t.is_chain else 'pipeline'} {t.definition.id})" for t in found]
        )
    if found:
        _check_one_project(projects, found[0], text)
        return found[0]
    raise _unknown("pipeline or chain", text, [name for t in targets for name in (t.full_name, t.name)])


def _check_one_project(projects: Sequence[ProjectSummary], found: _Target, text: str) -> None:
    """Check that no other project has the name in *text*, even one without such a pipeline: its importer chose the name.

    Raises:
        AmbiguousName: One has.
    """
    called = [project for project in projects if project.name == found.project.name]
    if len(called) > 1 and text != found.name:
        raise AmbiguousName(text, [f"project {project.name} (id {project.id})" for project in called])


def _unknown(noun: str, text: str, names: Sequence[str]) -> NotFound:
    close = difflib.get_close_matches(text, dict.fromkeys(names), n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    return NotFound(f"no {noun} has the name {text!r}{meant}", status=0)
