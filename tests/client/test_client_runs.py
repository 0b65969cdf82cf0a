"""Running by name and waiting for the run, against the server that the client is made for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.processes import DEADLINE_SECONDS
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import LocalServer

from cictl.wire.jobs import JobState, JobStatus
from cictl_client import AmbiguousName, Client, NotFound, WaitTimedOut
from cictl_server.app import create_app

SHOP = """
pipelines:
  - id: build
    jobs:
      - {id: compile, steps: [{run: x}]}
      - {id: test, needs: [compile], steps: [{run: x}]}
  - {id: publish, depends_on: [build], jobs: [{id: push, steps: [{run: x}]}]}
pipeline_chains: [{id: ship, pipelines: [build, publish]}]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data")
    running.heartbeat()
    yield running
    running.close()


@pytest.fixture
def client(rules: RunningServer) -> Iterator[Client]:
    http = LocalServer(create_app(rules.services))
    http.start()
    with Client(http.url) as connected:
        yield connected
    rules.services.core.hub.close()
    http.close()


def names(rules: RunningServer, job_ids: list[str]) -> list[str]:
    return [rules.job(job_id).facts.pipeline_job_id for job_id in job_ids]


def test_a_run_is_begun_by_name_and_waited_for(rules: RunningServer, client: Client) -> None:
    """The server's events end the wait, long before the next look."""
    rules.define_project(SHOP)
    run = client.run("shop/build")
    assert names(rules, run.job_execution_ids) == ["compile", "test"]
    agent = threading.Thread(target=lambda: [rules.finish(status) for status in ("succeeded", "failed")])
    told: list[JobState] = []

    def tell(state: JobState) -> None:
        told.append(state)
        if len(told) == 2:
            agent.start()

    final = client.wait(run, timeout=DEADLINE_SECONDS, poll=DEADLINE_SECONDS, on_state=tell)
    agent.join(DEADLINE_SECONDS)
    assert [(state.id, state.status) for state in final] == list(
        zip(run.job_execution_ids, (JobStatus.SUCCEEDED, JobStatus.FAILED), strict=True)
    )
    assert all(state in told for state in final)


@pytest.mark.parametrize(
    ("target", "only", "expected"),
    [
        pytest.param("ship", False, ["compile", "test", "push"], id="alone"),
        pytest.param("shop/build/test", False, ["compile", "test"], id="job"),
        pytest.param("shop/build/test", True, ["test"], id="job-only"),
        pytest.param("shop/ship", False, ["compile", "test", "push"], id="chain"),
    ],
)
def test_names_of_what_runs(rules: RunningServer, client: Client, target: str, only: bool, expected: list[str]) -> None:
    rules.define_project(SHOP)
    assert names(rules, client.run(target, only=only).job_execution_ids) == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param(
            "shop/biuld", "no pipeline or chain has the name 'shop/biuld'; did you mean shop/build", id="close"
        ),
        pytest.param("zzz", "no pipeline or chain has the name 'zzz'$", id="far"),
        pytest.param("shop/bui", "no pipeline or chain has", id="prefix"),
        pytest.param("shop/build/", "no pipeline or chain has", id="empty-job"),
        pytest.param("shop/ship/test", "no pipeline or chain has", id="job-of-a-chain"),
        pytest.param("shop/build/tset", "no job of shop/build has the name 'tset'; did you mean test?", id="job"),
    ],
)
def test_an_unknown_name_is_not_found(rules: RunningServer, client: Client, target: str, message: str) -> None:
    rules.define_project(SHOP)
    with pytest.raises(NotFound, match=message):
        client.run(target)
    assert client.list_jobs().job_executions == []


def test_an_ambiguous_name_lists_what_has_it(rules: RunningServer, client: Client) -> None:
    ids = [rules.define_project(SHOP)["build"] for _ in range(2)]
    with pytest.raises(AmbiguousName, match="'build' is ambiguous: shop/build ") as caught:
        client.run("build")
    assert caught.value.candidates == tuple(f"shop/build (pipeline {number})" for number in ids)


def test_a_name_of_two_projects_names_no_pipeline_of_one_of_them(rules: RunningServer, client: Client) -> None:
    rules.define_project(SHOP)
    rules.define_project("pipelines: [{id: deploy, jobs: [{id: j, steps: [{run: x}]}]}]")
    with pytest.raises(AmbiguousName) as caught:
        client.run("shop/deploy")
    assert caught.value.candidates == ("project shop (id 1)", "project shop (id 2)")
    assert client.list_jobs().job_executions == []


def test_a_wait_goes_on_with_the_execution_that_repeats_a_job(rules: RunningServer, client: Client) -> None:
    [job_id] = rules.run(rules.define("[{id: make, retry: {limit: 1, on: [exit: 75]}, steps: [{run: x}]}]"))
    first = rules.running()
    told: list[JobState] = []

    def tell(state: JobState) -> None:
        told.append(state)
        match len(told):
            case 1:
                rules.report(first.id, "failed", exit_code=75)
            case 2:
                rules.finish("succeeded")

    [final] = client.wait([job_id], timeout=DEADLINE_SECONDS, poll=0.01, on_state=tell)
    assert (final.id, final.status) == (rules.job(job_id).retried_by, JobStatus.SUCCEEDED)


def test_a_wait_that_is_too_long_names_what_goes_on(rules: RunningServer, client: Client) -> None:
    rules.define_project(SHOP)
    job_ids = client.run("shop/build").job_execution_ids
    rules.finish("succeeded")
    with pytest.raises(WaitTimedOut) as caught:
        client.wait(job_ids, timeout=0.01, poll=0.001)
    assert caught.value.job_id == job_ids[1]


def test_nothing_to_wait_for_is_over(client: Client) -> None:
    assert client.wait([]) == []


def test_an_interpreter_offers_what_is_for_users(client: Client) -> None:
    offered = dir(client)
    assert {"run", "wait", "list_jobs", "base_url"} <= set(offered)
    assert offered == sorted(offered)
    assert [name for name in offered if name.startswith("_")] == []


def test_a_client_shows_its_server_without_user_info() -> None:
    with Client("https://me:secret@ci.example.test/x/") as client:
        assert repr(client) == "Client('https://ci.example.test/x')"
