from __future__ import annotations

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, Seen, problem, refusal, reply

from cictl.wire.jobs import JobState, JobStateResponse, JobStatus
from cictl.wire.problems import Code
from cictl_client import (
    Client,
    ForeignAnswer,
    NotFound,
    StoreFull,
    Unauthenticated,
    Unreachable,
    WaitTimedOut,
)

JOB = "GET /api/v1/jobs/job-1"
POLL = 0.005


def state(status: JobStatus, **fields: str) -> JobState:
    return JobState(id="job-1", status=status, log_size=0, **fields)  # type: ignore[arg-type]


def answer(status: JobStatus, **fields: str) -> Reply:
    return reply(JobStateResponse(job_execution=state(status, **fields)))


def test_wait_returns_the_final_state(client: Client, server: AnsweringServer) -> None:
    server.on(JOB, answer(JobStatus.QUEUED), answer(JobStatus.FAILED, error="exit status 3"))
    assert client.wait_for_job("job-1", poll=POLL) == state(JobStatus.FAILED, error="exit status 3")


def test_wait_tells_each_new_state_once(client: Client, server: AnsweringServer) -> None:
    queued, running = answer(JobStatus.QUEUED), answer(JobStatus.RUNNING, current_step="compile")
    server.on(JOB, queued, queued, running, running, answer(JobStatus.SUCCEEDED))
    told: list[JobState] = []
    client.wait_for_job("job-1", poll=POLL, on_state=told.append)
    assert told == [
        state(JobStatus.QUEUED),
        state(JobStatus.RUNNING, current_step="compile"),
        state(JobStatus.SUCCEEDED),
    ]


def test_wait_goes_on_through_a_restart(client: Client, server: AnsweringServer) -> None:
    server.on(JOB, answer(JobStatus.RUNNING), answer(JobStatus.SUCCEEDED))
    lost: list[Exception] = []

    def start_again(error: Exception) -> None:
        lost.append(error)
        server.start()

    final = client.wait_for_job("job-1", poll=POLL, on_state=lambda _: server.stop(), on_reconnect=start_again)
    assert final.status is JobStatus.SUCCEEDED
    assert [type(error) for error in lost] == [Unreachable]


def test_wait_goes_on_through_faults_of_the_server(client: Client, server: AnsweringServer) -> None:
    server.on(JOB, refusal(502, "a"), problem(507, Code.STORE_FULL, "full"), answer(JobStatus.SUCCEEDED))
    lost: list[Exception] = []
    client.wait_for_job("job-1", poll=POLL, on_reconnect=lost.append)
    assert [type(error) for error in lost] == [ForeignAnswer, StoreFull]


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        pytest.param(refusal(404, "job not found"), NotFound, id="deleted"),
        pytest.param(problem(401, Code.UNAUTHENTICATED, "token?"), Unauthenticated, id="token"),
    ],
)
def test_wait_gives_up_where_it_is_of_no_use(
    client: Client, server: AnsweringServer, refused: Reply, kind: type[Exception]
) -> None:
    server.on(JOB, answer(JobStatus.RUNNING), refused)
    with pytest.raises(kind):
        client.wait_for_job("job-1", poll=POLL)


@pytest.mark.parametrize("timeout", [0, 0.05])
def test_wait_ends_when_its_time_is_up(client: Client, server: AnsweringServer, timeout: float) -> None:
    server.on(JOB, answer(JobStatus.RUNNING))
    with pytest.raises(WaitTimedOut, match=f"job-1 is not over after {timeout:g} s; it goes on"):
        client.wait_for_job("job-1", timeout=timeout, poll=POLL)


def test_wait_ends_when_its_time_is_up_though_the_poll_is_long(client: Client, server: AnsweringServer) -> None:
    server.on(JOB, answer(JobStatus.RUNNING))
    with pytest.raises(WaitTimedOut):
        client.wait_for_job("job-1", timeout=0.05, poll=10_000)


def test_wait_ends_when_its_time_is_up_in_an_outage(dead_url: str) -> None:
    with Client(dead_url, retries=0) as client, pytest.raises(WaitTimedOut):
        client.wait_for_job("job-1", timeout=0.3)


def test_look_at_the_last_moment_counts(client: Client, server: AnsweringServer) -> None:
    """With no time at all there still is one look."""
    server.on(JOB, answer(JobStatus.SUCCEEDED))
    assert client.wait_for_job("job-1", timeout=0).status is JobStatus.SUCCEEDED


def test_wait_asks_for_the_small_view(client: Client, server: AnsweringServer) -> None:
    def checked(seen: Seen) -> Reply:
        assert seen.query == {"view": "state"}
        return answer(JobStatus.SUCCEEDED)

    server.on(JOB, checked)
    client.wait_for_job("job-1")
