"""The client: one method per endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from cictl.wire.agents import (
    Agent,
    AgentActionRequest,
    AgentActionResponse,
    AgentList,
    AgentResponse,
    QueuedScript,
)
from cictl.wire.artifacts import Artifact, ArtifactList
from cictl.wire.codec import encode
from cictl.wire.explain import Explanation
from cictl.wire.jobs import (
    BlockedBy,
    ClearedQueue,
    FlushedHistory,
    JobExecution,
    JobList,
    JobResponse,
    JobState,
    JobSteps,
    LoggedStep,
)
from cictl.wire.projects import (
    EligibleAgents,
    ImportRequest,
    ImportResponse,
    PreviewRequest,
    PreviewResponse,
    ProjectDetail,
    ProjectList,
    ProjectResponse,
    ProjectSummary,
    RunRequest,
    RunResponse,
    SourceRefs,
)
from cictl.wire.reports import TestReport, TestReportResponse
from cictl.wire.server import Health, RuntimeState, ServerInfo
from cictl_client import downloading
from cictl_client.calls.agent_protocol import AgentCalls
from cictl_client.calls.updates import UpdateCalls
from cictl_client.calls.vault import VaultCalls
from cictl_client.errors import UnexpectedAnswer
from cictl_client.follow import logs as following
from cictl_client.follow import versions
from cictl_client.follow.events import ServerEvent, follow_events
from cictl_client.follow.logs import LogChunk, OnReconnect
from cictl_client.follow.versions import VersionEvent
from cictl_client.paths import actions_path, artifact_path, chain_path, job_path, pipeline_path, segment
from cictl_client.repeating import Mutations
from cictl_client.transport import RawResponse, Transport

_BLOCK = 1 << 18
_IMAGES = "image/*, application/problem+json"
_GIT_SECONDS = 150.0
"""The server asks remotes: two minutes at most for a whole project, less for a run."""

Progress = Callable[[int], None]


class Client(AgentCalls, UpdateCalls, VaultCalls):
    """A connection to one server; usable from several threads, and as a context manager.

    ```python
    from cictl_client import Client

    with Client("http://127.0.0.1:8112") as client:
        for job in client.list_jobs(status="failed").job_executions:
            print(job.id, job.error)
    ```

    Every method raises `Unreachable` when no answer comes, `UnexpectedAnswer` when it is not a cictl server's, and a
    subclass of `ApiError` when the server refuses. Job ids are texts such as `job-1795417944657170849`.
    """

    def __init__(self, base_url: str, *, token: str | None = None, timeout: float = 30.0, retries: int = 3) -> None:
        """Connect lazily.

        Args:
            base_url: Such as `http://127.0.0.1:8112`; user info becomes Basic authentication.
            token: Sent as a bearer token; wins over user info.
            timeout: Seconds for connecting and for each wait for bytes.
            retries: Repeats of GET and DELETE after a broken connection or 502, 503, 504. Unless it is 0, what changes
                something is repeated too, for a quarter of a minute, when its answer was lost and the server keeps it from being
                done twice; what agents send is not.

        Raises:
            Unreachable: *base_url* is not an http or https URL.
            Unauthenticated: No header can carry *token*.
        """
        self._transport = Transport(base_url, token=token, timeout=timeout, retries=retries)
        self._mutations = Mutations(self._transport, repeats=retries > 0)

    @property
    def base_url(self) -> str:
        """The server's address, without user info and without a slash at its end."""
        return self._transport.base_url

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The server

    def health(self) -> Health:
        return self._transport.get(Health, "/healthz")

    def server_info(self) -> ServerInfo:
        return self._transport.get(ServerInfo, "/api/v1/server-info")

    def runtime_state(self) -> RuntimeState:
        return self._transport.get(RuntimeState, "/api/v1/runtime-state")

    def events(
        self,
        *,
        last_id: str = "",
        on_reconnect: OnReconnect | None = None,
        deadline: Callable[[], bool] | None = None,
    ) -> Iterator[ServerEvent]:
        """Yield what happens on the server from now on, or after the event *last_id*, for ever; goes on through outages.

        Args:
            on_reconnect: Called with each passing error, before the next attempt.
            deadline: Asked at each sign of life of the server, which gives one at least every 15 s; the iterator ends
                once it says yes.

        Raises:
            NotFound: The server has no such stream.

        ```python
        from cictl_client import Client

        with Client("http://127.0.0.1:8112") as client:
            for event in client.events():
                if event.job and event.job.state and event.job.state.status.is_terminal:
                    print(event.job.id, event.job.state.status)
                    break
        ```
        """
        return follow_events(self._transport, last_id=last_id, on_reconnect=on_reconnect, deadline=deadline)

    # Agents

    def list_agents(self) -> list[Agent]:
        """Return every agent the server knows, by id."""
        return self._transport.get(AgentList, "/api/v1/agents").agents

    def get_agent(self, agent_id: str) -> Agent:
        """Return one agent; `NotFound` if the server does not know it."""
        return self._transport.get(AgentResponse, f"/api/v1/agents/{segment(agent_id)}").agent

    def agent_action(self, agent_id: str, action: str) -> AgentActionResponse:
        """Order something of an agent.

        Args:
            action: `activate`, `deactivate`, `refresh-tools`, `restart`, `wipe-cache`, `flush-job-history` or `update`.
        """
        request = AgentActionRequest(action=action)
        return self._mutations.post(AgentActionResponse, actions_path(agent_id), encode(request))

    def run_script(self, agent_id: str, script: str, *, shell: str, timeout_seconds: int = 0) -> QueuedScript:
        """Queue a script for an agent; without a limit it gets ten minutes."""
        request = AgentActionRequest(action="run-script", script=script, shell=shell, timeout_seconds=timeout_seconds)
        return self._mutations.post(QueuedScript, actions_path(agent_id), encode(request))

    # Projects and runs

    def list_projects(self) -> list[ProjectSummary]:
        """Return all projects by name."""
        return self._transport.get(ProjectList, "/api/v1/projects").projects

    def get_project(self, project_id: int) -> ProjectDetail:
        return self._transport.get(ProjectResponse, f"/api/v1/projects/{project_id}").project

    def import_project(self, request: ImportRequest) -> ImportResponse:
        """Import a repository; `InvalidProject` says what is wrong with its file, `GitFailed` why it can't be read."""
        return self._mutations.post(ImportResponse, "/api/v1/projects/import", encode(request), timeout=_GIT_SECONDS)

    def reload_project(self, project_id: int) -> ImportResponse:
        return self._mutations.post(ImportResponse, f"/api/v1/projects/{project_id}/reload", timeout=_GIT_SECONDS)

    def delete_project(self, project_id: int) -> None:
        self._mutations.delete(f"/api/v1/projects/{project_id}")

    def get_project_icon(self, project_id: int) -> RawResponse:
        """Return the image of a project as it came, its kind in the headers; `NotFound` if there is none."""
        return self._transport.send("GET", f"/api/v1/projects/{project_id}/icon", headers={"Accept": _IMAGES})

    def run_pipeline(self, pipeline_db_id: int, request: RunRequest) -> RunResponse:
        """Enqueue a run of a pipeline, or of a part of it."""
        path = f"{pipeline_path(pipeline_db_id)}/run-selection"
        return self._mutations.post(RunResponse, path, encode(request), timeout=_GIT_SECONDS)

    def run_chain(self, chain_db_id: int, request: RunRequest) -> RunResponse:
        """Enqueue a run of a pipeline chain."""
        path = f"{chain_path(chain_db_id)}/run"
        return self._mutations.post(RunResponse, path, encode(request), timeout=_GIT_SECONDS)

    def preview_pipeline(self, pipeline_db_id: int, request: PreviewRequest) -> PreviewResponse:
        """Return what a dry run of a pipeline would enqueue, and who could take it; nothing is stored."""
        path = f"{pipeline_path(pipeline_db_id)}/dry-run-preview"
        return self._transport.post(PreviewResponse, path, encode(request), timeout=_GIT_SECONDS)

    def preview_chain(self, chain_db_id: int, request: PreviewRequest) -> PreviewResponse:
        """Return what a dry run of a chain would enqueue, and who could take it; nothing is stored."""
        path = f"{chain_path(chain_db_id)}/dry-run-preview"
        return self._transport.post(PreviewResponse, path, encode(request), timeout=_GIT_SECONDS)

    def eligible_agents_for_pipeline(self, pipeline_db_id: int, request: RunRequest) -> EligibleAgents:
        """Return which agents could take every execution of a run."""
        path = f"{pipeline_path(pipeline_db_id)}/eligible-agents"
        return self._transport.post(EligibleAgents, path, encode(request), timeout=_GIT_SECONDS)

    def eligible_agents_for_chain(self, chain_db_id: int, request: RunRequest) -> EligibleAgents:
        """Return which agents could take every execution of a chain run."""
        path = f"{chain_path(chain_db_id)}/eligible-agents"
        return self._transport.post(EligibleAgents, path, encode(request), timeout=_GIT_SECONDS)

    def source_refs_of_pipeline(self, pipeline_db_id: int) -> SourceRefs:
        """Return the branches that a pipeline could be run from; none for a pipeline without a repository."""
        return self._transport.get(SourceRefs, f"{pipeline_path(pipeline_db_id)}/source-refs")

    def source_refs_of_chain(self, chain_db_id: int) -> SourceRefs:
        """Return the branches that a chain could be run from: those of its first pipeline."""
        return self._transport.get(SourceRefs, f"{chain_path(chain_db_id)}/source-refs")

    def resolve_version(self, pipeline_db_id: int) -> Iterator[VersionEvent]:
        """Let the server resolve a pipeline's version, and yield each step as it happens.

        The last one has `step` done: a `VersionResolved`, or a `VersionStep` whose `status` is error.

        Raises:
            NotFound: There is no such pipeline.
            Unreachable: The connection broke before the last step.
        """
        return versions.resolve_version(self._transport, f"{pipeline_path(pipeline_db_id)}/version-resolve")

    # Jobs

    def list_jobs(
        self,
        *,
        max_jobs: int = 150,
        status: str = "",
        project: str = "",
        pipeline: str = "",
        agent: str = "",
        run: str = "",
        cursor: str = "",
    ) -> JobList:
        """Return executions, newest first; `cursor` takes the `next_cursor` of the list before."""
        filters = {"status": status, "project": project, "pipeline": pipeline, "agent": agent, "run": run}
        params = {"max": max_jobs, **{k: v for k, v in {**filters, "cursor": cursor}.items() if v}}
        return self._transport.get(JobList, "/api/v1/jobs", params=params)

    def get_job(self, job_id: str) -> JobExecution:
        """Return one execution, with the last 512 KiB of its log as `output`."""
        return self._transport.get(JobResponse, job_path(job_id)).job_execution

    def get_job_state(self, job_id: str) -> JobState:
        """Return the part of an execution that changes; cheap."""
        response = self._transport.send("GET", job_path(job_id), params={"view": "state"})
        return following.read_state(response, self.base_url + job_path(job_id))

    def cancel_job(self, job_id: str) -> JobExecution:
        """Cancel an execution; `Conflict` if it is over already."""
        return self._mutations.post(JobResponse, f"{job_path(job_id)}/cancel").job_execution

    def rerun_job(self, job_id: str) -> JobExecution:
        """Enqueue the same work again, and return the new execution; `Conflict` if the old one never started."""
        return self._mutations.post(JobResponse, f"{job_path(job_id)}/rerun").job_execution

    def delete_job(self, job_id: str) -> None:
        """Remove an execution that has not started; what waits for it ends. `Conflict` if it has."""
        self._mutations.delete(job_path(job_id))

    def clear_queue(self) -> int:
        """Remove all that is queued or leased, and return how many executions those were."""
        return self._mutations.post(ClearedQueue, "/api/v1/jobs/clear-queue").cleared

    def flush_history(self) -> int:
        """Remove what is over, except where its run still waits, and return how many executions those were."""
        return self._mutations.post(FlushedHistory, "/api/v1/jobs/flush-history").flushed

    def blocked_by(self, job_id: str) -> BlockedBy:
        """Return which execution kept this one from ever running."""
        return self._transport.get(BlockedBy, f"{job_path(job_id)}/blocked-by")

    def explain_job(self, job_id: str) -> Explanation:
        """Return why an execution waits, which agents come nearest, and what would help."""
        return self._transport.get(Explanation, f"{job_path(job_id)}/explain")

    def get_test_report(self, job_id: str) -> TestReport:
        return self._transport.get(TestReportResponse, f"{job_path(job_id)}/tests").report

    def wait_for_job(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        on_state: Callable[[JobState], None] | None = None,
        on_reconnect: OnReconnect | None = None,
        poll: float = 0.5,
    ) -> JobState:
        """Return the final state of an execution, through outages of the server.

        Args:
            timeout: Seconds; None waits for ever.
            on_state: Called with each new state.
            on_reconnect: Called with each passing error.
            poll: Seconds between two looks.

        Raises:
            WaitTimedOut: The execution goes on.
            NotFound: There is no such execution, or it was deleted.
        """
        return following.wait_for_job(
            lambda: self.get_job_state(job_id),
            job_id,
            timeout=timeout,
            on_state=on_state,
            on_reconnect=on_reconnect,
            poll=poll,
        )

    # Logs

    def read_log(
        self, job_id: str, *, offset: int = 0, limit: int | None = None, since: datetime | None = None
    ) -> LogChunk:
        """Return a piece of the log; without *limit* as much as the server gives at once (8 MiB).

        With *since* it begins, at *offset* or later, with what came to the server since that instant.
        """
        wanted = {"limit": limit, "since": since.isoformat() if since else None}
        params = {"offset": offset, **{key: value for key, value in wanted.items() if value is not None}}
        response = self._transport.send("GET", f"{job_path(job_id)}/log", params=params)
        size = response.headers.get("X-Log-Size", "")
        if not size.isdigit():
            raise UnexpectedAnswer(self.base_url, "no X-Log-Size")
        is_complete = response.headers.get("X-Log-Complete") == "true"
        begin = response.headers.get("X-Log-Offset", "")
        offset = int(begin) if begin.isdigit() else offset
        return LogChunk(data=response.body, offset=offset, size=int(size), complete=is_complete)

    def list_steps(self, job_id: str) -> list[LoggedStep]:
        """Return the steps of an execution that have begun, and where their parts of the log begin."""
        return self._transport.get(JobSteps, f"{job_path(job_id)}/steps").steps

    def follow_log(
        self,
        job_id: str,
        *,
        offset: int = 0,
        times: bool = False,
        on_reconnect: OnReconnect | None = None,
        deadline: Callable[[], bool] | None = None,
    ) -> Iterator[LogChunk]:
        """Yield the log as it grows, until the execution is over; each byte exactly once, through outages.

        Args:
            offset: Byte to begin with.
            times: Let each chunk have its `received_utc`; that makes many small ones.
            on_reconnect: Called with each passing error, before the next attempt.
            deadline: Asked at each sign of life of the server, which gives one at least every 15 s; the iterator ends
                once it says yes.

        Raises:
            NotFound: There is no such execution, or it was deleted.
            UnexpectedAnswer: The server leaves bytes out, also when asked again.

        ```python
        import sys

        from cictl_client import Client

        with Client("http://127.0.0.1:8112") as client:
            for chunk in client.follow_log("job-1795417944657170849"):
                sys.stdout.buffer.write(chunk.data)
        ```
        """
        return following.follow_log(
            self._transport, job_id, offset=offset, times=times, on_reconnect=on_reconnect, deadline=deadline
        )

    # Artifacts

    def list_artifacts(self, job_id: str) -> list[Artifact]:
        return self._transport.get(ArtifactList, f"{job_path(job_id)}/artifacts").artifacts or []

    def download_artifact(self, artifact: Artifact, sink: IO[bytes], *, progress: Progress | None = None) -> int:
        """Write a file into *sink*, block by block, and return its bytes; *progress* gets the bytes so far.

        When the connection breaks, `Unreachable` is raised, and *sink* holds the beginning.
        """
        return self._download(artifact_path(artifact), sink, progress=progress)

    def fetch_artifact(
        self,
        artifact: Artifact,
        target: Path | str,
        *,
        progress: Progress | None = None,
        on_reconnect: OnReconnect | None = None,
    ) -> int:
        """Download a file to *target*, through broken connections, and return its bytes.

        A download that was interrupted, also one of another process, is taken up where it broke off: what has come is
        kept beside *target* in a file ending in `.part`, until the file is whole.

        Args:
            progress: Gets the bytes so far.
            on_reconnect: Called with each passing error, before the next attempt.

        Raises:
            Unreachable: Six attempts in a row brought nothing.
            UnexpectedAnswer: The file has another size than the list of artifacts says.
        """
        return downloading.download(
            self._transport,
            artifact_path(artifact),
            Path(target),
            size=artifact.size_bytes,
            progress=progress,
            on_reconnect=on_reconnect,
        )

    def download_all(self, job_id: str, sink: IO[bytes], *, progress: Progress | None = None) -> int:
        """Write a zip of all artifacts into *sink*, and return its bytes."""
        return self._download(f"{job_path(job_id)}/artifacts/download-all", sink, progress=progress)

    # Anything else

    def request(
        self, method: str, path: str, *, json_body: bytes | None = None, params: Mapping[str, Any] | None = None
    ) -> RawResponse:
        """Send any request, and return the answer as it came; a refusal raises what the other methods raise.

        ```python
        from cictl_client import Client

        with Client("http://127.0.0.1:8112") as client:
            print(client.request("GET", "/api/v1/jobs", params={"view": "summary"}).body.decode())
        ```
        """
        with self.stream_request(method, path, json_body=json_body, params=params) as (head, blocks):
            return replace(head, body=b"".join(blocks))

    @contextmanager
    def stream_request(
        self,
        method: str,
        path: str,
        *,
        json_body: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Iterator[tuple[RawResponse, Iterator[bytes]]]:
        """Send any request, and yield its answer without its body, and the body in pieces as they come.

        Args:
            timeout: Seconds for each wait for bytes, instead of the client's own.
        """
        headers = {} if json_body is None else {"Content-Type": "application/json"}
        path = path if "://" in path else "/" + path.lstrip("/")
        with self._transport.open(
            method.upper(), path, body=json_body, params=params, headers=headers, timeout=timeout
        ) as response:
            head = RawResponse(status=response.status_code, headers=response.headers)
            yield head, response.iter_content(None)

    def _download(self, path: str, sink: IO[bytes], *, progress: Progress | None) -> int:
        written = 0
        with self._transport.open("GET", path) as response:
            for block in response.iter_content(_BLOCK):
                sink.write(block)
                written += len(block)
                if progress is not None:
                    progress(written)
        return written
