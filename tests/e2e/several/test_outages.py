"""Servers, their database and their bucket fail at random while people and agents work through a balancer: nothing that was
acknowledged is lost, and nothing happens twice.

The suite kills six times among ten agents. CICTL_TEST_KILLS=200, CICTL_TEST_KILLED_AGENTS=60 and CICTL_TEST_AWAY_SECONDS=30
are for a long run by hand.
"""

from __future__ import annotations

import io
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cictl_testing.files import make_repository
from cictl_testing.processes import eventually
from cictl_testing.servers.nginx import needs_nginx
from cictl_testing.servers.postgres import Postgres, own_postgres
from cictl_testing.servers.seaweed import Seaweed, own_seaweed
from cictl_testing.several.cluster import Cluster
from cictl_testing.several.people import Submitter
from cictl_testing.several.simulated import SimulatedAgent, printed

from cictl.wire.access import TokenRequest
from cictl.wire.jobs import JobExecution, JobStatus
from cictl.wire.projects import ImportRequest
from cictl_client import Client

__all__ = ["own_postgres", "own_seaweed"]

KILLS = int(os.environ.get("CICTL_TEST_KILLS", "6"))
AGENTS = int(os.environ.get("CICTL_TEST_KILLED_AGENTS", "10"))
AWAY_SECONDS = float(os.environ.get("CICTL_TEST_AWAY_SECONDS", "3"))
REAL_AGENTS = 4
LINES = 12

PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: real
    jobs:
      - id: j
        runs_on: {kind: real}
        artifacts: [out.txt]
        steps:
          - run: |
              echo "$CICTL_JOB_EXECUTION_ID" >> RAN
              for n in $(seq LINES); do echo "line $n of $CICTL_JOB_EXECUTION_ID"; sleep 0.05; done
              echo "made by $CICTL_JOB_EXECUTION_ID" > out.txt
  - id: simulated
    jobs: [{id: j, runs_on: {kind: simulated}, steps: [{run: "true"}]}]
"""


class Shift:
    """All that work through the balancer."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.ran = cluster.directory / "ran.txt"
        with Client(cluster.url) as nobody:
            self.admin = nobody.create_token(TokenRequest(name="admin", role="admin")).token
        with self.client() as client:
            text = PROJECT.replace("RAN", str(self.ran)).replace("LINES", str(LINES))
            repository = make_repository(cluster.directory / "repository", {"cictl.yaml": text})
            client.import_project(ImportRequest(repo_url=str(repository)))
            real = self._tokens(client, "real", REAL_AGENTS)
            simulated = self._tokens(client, "simulated", AGENTS)
        cluster.start_agents(real, label="kind=real")
        self.simulated = [
            SimulatedAgent(cluster.url, agent_id, token=token, capabilities={"kind": "simulated"})
            for agent_id, token in simulated.items()
        ]
        pipelines = ["shop/real", "shop/simulated", "shop/simulated"]
        self.submitter = Submitter(
            cluster.url, pipelines, token=self.admin, most_active=AGENTS + REAL_AGENTS, follow_each=5
        )
        for thread in (*self.simulated, self.submitter):
            thread.start()

    def client(self) -> Client:
        return Client(self.cluster.url, token=self.admin)

    def await_progress(self) -> None:
        """Wait until a further run was acknowledged."""
        before = len(self.submitter.acknowledged)
        eventually(lambda: len(self.submitter.acknowledged) > before, what="a new run")

    def end(self) -> None:
        """Start nothing more, and wait until everything that was started is over."""
        self.submitter.finish()
        with self.client() as client:
            eventually(lambda: not client.list_jobs(status="active").job_executions, what="the end of all jobs")
        self.stop()
        for follower in self.submitter.followers:
            follower.join()

    def stop(self) -> None:
        self.submitter.finish()
        for agent in self.simulated:
            agent.finish()
        for agent in self.simulated:
            agent.join()

    @staticmethod
    def _tokens(client: Client, kind: str, count: int) -> dict[str, str]:
        """Make a token for each agent of a kind, by its id."""
        ids = [f"{kind}-{number}" for number in range(count)]
        return {
            agent_id: client.create_token(TokenRequest(name=agent_id, role="agent", agent_id=agent_id)).token
            for agent_id in ids
        }


@pytest.fixture
def shift(own_postgres: Postgres, own_seaweed: Seaweed, tmp_path: Path) -> Iterator[Shift]:
    files = {"CICTL_FILES": own_seaweed.place(), **own_seaweed.environment()}
    cluster = Cluster(tmp_path, {"CICTL_STORE": own_postgres.url, **files})
    try:
        shift = Shift(cluster)
        try:
            yield shift
        finally:
            shift.stop()
    finally:
        cluster.close()


@needs_nginx
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_acknowledged_is_lost_or_done_twice(shift: Shift, own_postgres: Postgres, own_seaweed: Seaweed) -> None:
    chance = random.Random(KILLS)
    for number in range(KILLS):
        shift.await_progress()
        threading.Event().wait(chance.random())
        if number % 3 == 1:
            chance.choice([own_postgres.kill_backend, own_postgres.terminate_backends])()
        else:
            member = chance.choice(shift.cluster.members)
            assert member.process is not None
            member.process.kill()
            shift.cluster.begin(member)
        if number == KILLS // 2:
            own_seaweed.stop()
            threading.Event().wait(AWAY_SECONDS)
            own_seaweed.start()
    shift.end()
    check(shift, own_postgres)


def check(shift: Shift, postgres: Postgres) -> None:
    """Check all jobs that were acknowledged, each with its log and what its followers saw."""
    assert [refused for agent in shift.simulated for refused in agent.refused] == []
    began = sum((agent.begun for agent in shift.simulated), Counter(shift.ran.read_text().split()))
    assert [job_id for job_id, times in began.items() if times > 1] == []
    acknowledged = shift.submitter.acknowledged
    print(f"{len(acknowledged)} jobs, {sum(began.values())} begun, {len(shift.submitter.followers)} followed")
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        eventually(lambda: not connection.execute("SELECT FROM log_chunks").fetchall(), what="all logs in the bucket")
    with shift.client() as client:
        logs = {job_id: client.read_log(job_id).data for job_id in acknowledged}
        for job_id, pipeline in acknowledged.items():
            check_job(client, client.get_job(job_id), logs[job_id].decode(), is_real=pipeline == "shop/real")
            assert began[job_id] == 1
    for follower in shift.submitter.followers:
        assert (follower.failure, follower.data) == (None, logs[follower.job_id])


def check_job(client: Client, job: JobExecution, log: str, *, is_real: bool) -> None:
    """Check that a job ended well with every byte that its agent printed."""
    assert (job.status, job.error) == (JobStatus.SUCCEEDED, ""), job.id
    if not is_real:
        assert log == printed(job.id)
        return
    lines = [line for line in log.splitlines() if line.startswith("line ")]
    assert lines == [f"line {n} of {job.id}" for n in range(1, LINES + 1)]
    [artifact] = client.list_artifacts(job.id)
    sink = io.BytesIO()
    client.download_artifact(artifact, sink)
    assert sink.getvalue() == f"made by {job.id}\n".encode()
