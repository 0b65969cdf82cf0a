"""Calls about executions: their lists and states, and what changes them. Logs and artifacts have files of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cictl.wire.codec import encode
from cictl.wire.jobs import BlockedBy, JobExecution, JobResponse, JobState, PriorityRequest, RerunResponse
from cictl.wire.waiting.explain import Explanation
from cictl.wire.waiting.queue import FlushedHistory, JobList
from cictl_client.answers import Asked
from cictl_client.calls.calls import Calls, given
from cictl_client.calls.paths import job_path
from cictl_client.follow import logs as following
from cictl_client.follow.changes import JobChanges
from cictl_client.follow.events import follow_events
from cictl_client.retry import OnReconnect


class JobCalls(Calls):
    """Executions in the queue and in the history."""

    def list_jobs(
        self,
        *,
        max_jobs: int = 150,
        status: str | Sequence[str] = (),
        project: str = "",
        pipeline: str = "",
        agent: str = "",
        run: str = "",
        cursor: str = "",
        split_runs: bool = False,
    ) -> JobList:
        """Return executions, newest first.

        Args:
            max_jobs: 1 to 2000. Without any filter a run is never cut apart, so there may be less or, for one run, more.
            status: One or several of the five, `active`, `finished`, and `cancelled`, which are some of the failed ones.
            project: Name or id.
            run: Id of a pipeline run or a chain run, or the number of a run.
            cursor: The `next_cursor` of the list before. A page goes on after the execution that it names, so none is
                missed or listed twice when new ones come in between.
            split_runs: Return *max_jobs* executions even if that cuts a run apart.
        """
        statuses = status if isinstance(status, str) else ",".join(status)
        params = given(
            max=max_jobs,
            status=statuses,
            split_runs="true" if split_runs else "",
            project=project,
            pipeline=pipeline,
            agent=agent,
            run=run,
            cursor=cursor,
        )
        return self._transport.get(JobList, "/api/v1/jobs", params=params)

    def get_job(self, job_id: str) -> JobExecution:
        """Return one execution, with the last 512 KiB of its log as `output`."""
        return self._transport.get(JobResponse, job_path(job_id)).job_execution

    def get_job_state(self, job_id: str) -> JobState:
        """Return the part of an execution that changes; much smaller than the whole."""
        response = self._transport.send("GET", job_path(job_id), params={"view": "state"})
        return following.read_state(Asked(self._transport.base_url, job_path(job_id)), response)

    def cancel_job(self, job_id: str) -> JobExecution:
        """Cancel an execution; `Conflict` if it is over already."""
        return self._mutations.post(JobResponse, f"{job_path(job_id)}/cancel").job_execution

    def rerun_job(self, job_id: str) -> RerunResponse:
        """Enqueue the same work again, with what had ended because it failed; `Conflict` if it never started."""
        return self._mutations.post(RerunResponse, f"{job_path(job_id)}/rerun")

    def prioritize_job(self, job_id: str, priority: int) -> JobExecution:
        """Let an execution that waits go before those of a lower priority, -100 to 100; `Conflict` if an agent has it."""
        body = encode(PriorityRequest(priority=priority))
        return self._mutations.post(JobResponse, f"{job_path(job_id)}/priority", body).job_execution

    def delete_job(self, job_id: str) -> None:
        """Remove an execution that has not started, and end those that wait for it; `Conflict` if it has started."""
        self._mutations.delete(job_path(job_id))

    def flush_history(self) -> int:
        """Remove every execution that is over, unless its run still waits, and return how many those were."""
        return self._mutations.post(FlushedHistory, "/api/v1/jobs/flush-history").flushed

    def blocked_by(self, job_id: str) -> BlockedBy:
        """Return the execution that kept this one from running."""
        return self._transport.get(BlockedBy, f"{job_path(job_id)}/blocked-by")

    def explain_job(self, job_id: str) -> Explanation:
        """Return why an execution waits, which agents come closest to its requirements, and what would help."""
        return self._transport.get(Explanation, f"{job_path(job_id)}/explain")

    def wait_for_job(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        on_state: Callable[[JobState], None] | None = None,
        on_reconnect: OnReconnect | None = None,
        poll: float = 0.5,
    ) -> JobState:
        """Return the final state of an execution as soon as it is over, through outages of the server.

        If the server runs it again by itself, that is the state of the last attempt.

        Args:
            timeout: Seconds; None waits without limit.
            on_state: Called with each new state.
            on_reconnect: Called with each passing error.
            poll: Seconds between two requests, where the server's events tell of no change before.

        Raises:
            WaitTimedOut: *timeout* passed; the execution goes on.
            NotFound: There is no such execution, or it was deleted.
        """
        [final] = self._wait_for_all([job_id], timeout=timeout, on_state=on_state, on_reconnect=on_reconnect, poll=poll)
        return final

    def _wait_for_all(
        self,
        job_ids: Sequence[str],
        *,
        timeout: float | None,
        on_state: Callable[[JobState], None] | None,
        on_reconnect: OnReconnect | None,
        poll: float,
    ) -> list[JobState]:
        changes = JobChanges(lambda is_over: follow_events(self._transport, deadline=is_over), job_ids)
        try:
            return following.wait_for_jobs(
                self.get_job_state,
                job_ids,
                timeout=timeout,
                on_state=on_state,
                on_reconnect=on_reconnect,
                pause_for=changes.wait,
                on_repeated=changes.add,
                poll=poll,
            )
        finally:
            changes.close()
