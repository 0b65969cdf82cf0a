"""Agents and people who work through a balancer, and what has to be true when they are done."""

from __future__ import annotations

import io
from collections import Counter

import psycopg

from cictl.wire.admin.access import TokenRequest
from cictl.wire.jobs import JobExecution, JobStatus
from cictl.wire.projects import ImportRequest
from cictl_client import Client, ClientError
from cictl_testing.files import make_repository
from cictl_testing.processes import eventually
from cictl_testing.several.cluster import Cluster
from cictl_testing.several.people import Submitter
from cictl_testing.several.simulated import SimulatedAgent, printed

LINES = 12
_FOLLOW_EACH = 5

_PROJECT = """\
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
    """All that work, each with a token: real agents, simulated ones, one who starts runs, and followers of some logs."""

    def __init__(self, cluster: Cluster, *, real: int, simulated: int) -> None:
        """Make the tokens and the project, and let everybody begin.

        Args:
            real, simulated: How many agents of each kind.
        """
        self.cluster = cluster
        self._ran = cluster.directory / "ran.txt"
        with Client(cluster.url) as nobody:
            self.admin = nobody.create_token(TokenRequest(name="admin", role="admin")).token
        with self.client() as client:
            text = _PROJECT.replace("RAN", str(self._ran)).replace("LINES", str(LINES))
            repository = make_repository(cluster.directory / "repository", {"cictl.yaml": text})
            client.import_project(ImportRequest(repo_url=str(repository)))
            cluster.start_agents(_tokens(client, "real", real), label="kind=real")
            self._simulated = [
                SimulatedAgent(cluster.url, agent_id, token=token, capabilities={"kind": "simulated"})
                for agent_id, token in _tokens(client, "simulated", simulated).items()
            ]
        pipelines = ["shop/real", "shop/simulated", "shop/simulated"]
        self._submitter = Submitter(
            cluster.url, pipelines, token=self.admin, most_active=real + simulated, follow_each=_FOLLOW_EACH
        )
        for thread in (*self._simulated, self._submitter):
            thread.start()

    @property
    def failures(self) -> list[ClientError]:
        """What who starts runs could not get done, although their client repeats what it may."""
        return self._submitter.failures

    def client(self) -> Client:
        return Client(self.cluster.url, token=self.admin)

    def await_progress(self, *, jobs: int = 1) -> None:
        """Wait until further *jobs* were acknowledged."""
        wanted = len(self._submitter.acknowledged) + jobs
        eventually(lambda: len(self._submitter.acknowledged) >= wanted, what="new runs")

    def end(self) -> None:
        """Start nothing more, and wait until everything that was started is over."""
        self._submitter.finish()
        with self.client() as client:
            eventually(lambda: not client.list_jobs(status="active").job_executions, what="the end of all jobs")
        self.stop()
        for follower in self._submitter.followers:
            follower.join()

    def stop(self) -> None:
        """Let everybody go home."""
        self._submitter.finish()
        for agent in self._simulated:
            agent.finish()
        for agent in self._simulated:
            agent.join()

    def check(self, database_url: str) -> None:
        """Check, after the `end`, that nothing that was acknowledged was lost, and that nothing happened twice.

        Args:
            database_url: Where the records are now.
        """
        assert [refused for agent in self._simulated for refused in agent.refused] == []
        begun = sum((agent.begun for agent in self._simulated), Counter(self._ran.read_text().split()))
        assert [job_id for job_id, times in begun.items() if times > 1] == []
        acknowledged, followers = self._submitter.acknowledged, self._submitter.followers
        print(f"{len(acknowledged)} jobs were acknowledged, {len(begun)} begun, {len(followers)} followed")
        _await_finished_logs(database_url)
        with self.client() as client:
            logs = {job_id: client.read_log(job_id).data for job_id in acknowledged}
            for job_id, pipeline in acknowledged.items():
                assert begun[job_id] == 1
                _check_job(client, client.get_job(job_id), logs[job_id].decode(), is_real=pipeline == "shop/real")
        for follower in followers:
            assert (follower.failure, follower.data) == (None, logs[follower.job_id])


def _tokens(client: Client, kind: str, count: int) -> dict[str, str]:
    """Make a token for each agent of a kind, by its id."""
    ids = [f"{kind}-{number}" for number in range(count)]
    return {
        agent_id: client.create_token(TokenRequest(name=agent_id, role="agent", agent_id=agent_id)).token
        for agent_id in ids
    }


def _await_finished_logs(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        eventually(lambda: not connection.execute("SELECT FROM log_chunks").fetchall(), what="all logs as blobs")


def _check_job(client: Client, job: JobExecution, log: str, *, is_real: bool) -> None:
    """Check that a job ended well, with every byte that its agent printed."""
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
