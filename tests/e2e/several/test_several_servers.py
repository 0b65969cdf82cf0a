"""Real servers and agents that share a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest
import requests
from cictl_testing.files import make_repository
from cictl_testing.processes import Process, Workplace, eventually
from cictl_testing.servers.postgres import Postgres, postgres

from cictl.wire.projects import RunRequest
from cictl_client import Client

__all__ = ["postgres"]

PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: quick
    jobs: [{id: j, steps: [{run: "echo $CICTL_JOB_EXECUTION_ID >> RAN"}]}]
  - id: long
    jobs: [{id: j, steps: [{run: "sleep 600"}]}]
"""

POLL_SECONDS = 5
"""How soon a waiting agent would look without a notification, at the latest."""


class Servers:
    """Servers with one directory of files. The first is that of the workplace."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.ran = place.directory / "ran.txt"
        self.processes: dict[str, Process] = {place.url: place.server}

    def start(self) -> str:
        """Start another one and return its URL."""
        process = self.place.background("serve", "--port", "0", "--data-dir", str(self.place.data))
        url = process.wait_for_line(" serves ").partition(" serves ")[2].split(",")[0]
        self.processes[url] = process
        return url

    def start_agent(self, agent_id: str, url: str) -> None:
        """Start an agent that knows one of the servers alone, and wait until that knows it."""
        work = self.place.directory / f"work-{agent_id}"
        self.place.background("run-agent", "--server", url, "--id", agent_id, "--work-dir", str(work))
        with Client(url) as client:
            eventually(lambda: [a for a in client.list_agents() if a.agent_id == agent_id], what=agent_id)

    def define(self) -> dict[str, int]:
        """Import the project, and return the ids of its pipelines."""
        repository = make_repository(
            self.place.directory / "repository", {"cictl.yaml": PROJECT.replace("RAN", str(self.ran))}
        )
        self.place.ok("projects", "import", str(repository))
        with Client(self.place.url) as client:
            [project] = client.list_projects()
            return {pipeline.pipeline_id: pipeline.id for pipeline in client.get_project(project.id).pipelines}


@contextmanager
def serving(postgres: Postgres, directory: Path) -> Iterator[Servers]:
    with postgres.schema() as url:
        place = Workplace(directory, environment={"CICTL_STORE": url})
        try:
            yield Servers(place)
        finally:
            place.close()


@pytest.fixture
def servers(postgres: Postgres, tmp_path: Path) -> Iterator[Servers]:
    with serving(postgres, tmp_path) as started:
        yield started


def run(url: str, pipeline: int) -> str:
    with Client(url) as client:
        [job_id] = client.run_pipeline(pipeline, RunRequest()).job_execution_ids
    return job_id


def waited(url: str, pipeline: int) -> float:
    """Run a pipeline at *url*, and return how many seconds its job waited for the agent."""
    with Client(url) as client:
        job_id = run(url, pipeline)
        client.wait_for_job(job_id)
        job = client.get_job(job_id)
    assert job.status == "succeeded"
    assert job.leased_utc is not None
    return (job.leased_utc - job.created_utc) / timedelta(seconds=1)


def leaders(url: str) -> list[str]:
    with Client(url) as client:
        return [server.instance_id for server in client.servers().servers if server.leads]


def instance_id(url: str) -> str:
    with Client(url) as client:
        return client.server_info().instance_id


def test_an_idle_agent_starts_what_another_server_enqueued_as_soon_as_its_own(servers: Servers) -> None:
    here, there = servers.place.url, servers.start()
    pipelines = servers.define()
    servers.start_agent("a", here)
    # In turns: what keeps this machine busy meanwhile slows both down.
    pairs = [(waited(here, pipelines["quick"]), waited(there, pipelines["quick"])) for _ in range(9)]
    later = median(other - own for own, other in pairs)
    print(f"waited {later * 1000:.0f} ms longer for an idle agent at the other server than at its own")
    assert later < POLL_SECONDS / 20
    metrics = requests.get(f"{there}/metrics", timeout=30).text
    assert "\ncictl_servers 2.0\n" in metrics
    assert "\ncictl_notification_lag_seconds " in metrics


def test_what_is_cancelled_at_one_server_ends_on_the_agent_of_another(servers: Servers) -> None:
    here, there = servers.place.url, servers.start()
    pipelines = servers.define()
    servers.start_agent("a", there)
    job_id = run(here, pipelines["long"])
    with Client(here) as client:
        eventually(lambda: client.get_job(job_id).status == "running", what="the agent to begin")
        client.cancel_job(job_id)
        client.wait_for_job(job_id)
        assert client.get_job(job_id).cause == "cancelled"
    assert waited(here, pipelines["quick"]) >= 0, "the agent is free again"


def test_three_servers_and_agents_run_each_job_once_though_the_leader_is_killed(servers: Servers) -> None:
    first, second, third = servers.place.url, servers.start(), servers.start()
    pipelines = servers.define()
    assert leaders(third) == [instance_id(first)]
    for agent_id, url in (("a", second), ("b", third)):
        servers.start_agent(agent_id, url)
    jobs = [run(url, pipelines["quick"]) for url in (first, second, third) * 2]
    servers.processes[first].kill()
    jobs += [run(url, pipelines["quick"]) for url in (second, third) * 2]
    with Client(second) as client:
        assert {client.wait_for_job(job_id).status for job_id in jobs} == {"succeeded"}
    ran = servers.ran.read_text().split()
    assert sorted(ran) == sorted(jobs)
    new = eventually(lambda: set(leaders(second)) - {instance_id_of_dead(servers)}, what="another leader")
    assert new <= {instance_id(second), instance_id(third)}


def instance_id_of_dead(servers: Servers) -> str:
    """Return the id of the server that was started first."""
    with Client(list(servers.processes)[1]) as client:
        return client.servers().servers[0].instance_id
