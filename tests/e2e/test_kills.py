"""Servers and agents that are killed again and again while people start runs: nothing that was acknowledged is lost.

The suite kills ten times among four agents. CICTL_TEST_KILLS=200 and CICTL_TEST_KILLED_AGENTS=20 are for a long run by hand; with
CICTL_TEST_STORE=postgresql the records are in a database.
"""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.processes import Process, Workplace, eventually
from cictl_testing.servers.postgres import database_url, postgres
from cictl_testing.stores.chosen import chosen_kind

from cictl.wire.jobs import Cause, JobExecution, JobStatus
from cictl_client import Client, ClientError
from tests.e2e.test_pipeline import define

__all__ = ["database_url", "postgres"]

KILLS = int(os.environ.get("CICTL_TEST_KILLS", "10"))
AGENTS = int(os.environ.get("CICTL_TEST_KILLED_AGENTS", "4"))
MOST_WAITING = 2 * AGENTS


@pytest.fixture
def workplace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workplace]:
    """One whose server has the chosen store."""
    on_database = chosen_kind() == "postgresql"
    store = {"CICTL_STORE": request.getfixturevalue("database_url")} if on_database else {}
    place = Workplace(
        tmp_path, environment={"TMPDIR": str(tmp_path), **store}
    )  # what the killed leave goes with the test
    yield place
    place.close()


class Submitter(threading.Thread):
    """Starts runs until it is told to stop, and remembers the jobs that the server acknowledged."""

    def __init__(self, url: str) -> None:
        super().__init__(name="submitter")
        self.acknowledged: list[str] = []
        self._url = url
        self._is_over = threading.Event()

    def run(self) -> None:
        with Client(self._url, retries=0) as client:
            while not self._is_over.wait(0.05):
                try:
                    if len(client.list_jobs(status="active").job_executions) < MOST_WAITING:
                        self.acknowledged += client.run("shop/build").job_execution_ids
                except ClientError:
                    continue  # the server was killed meanwhile

    def finish(self) -> list[str]:
        self._is_over.set()
        self.join()
        return self.acknowledged


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_acknowledged_is_lost_however_often_they_are_killed(workplace: Workplace) -> None:
    chance = random.Random(KILLS)
    copies = workplace.directory / "copies"
    copies.mkdir()
    # What is printed is in the copy before, so that a step may be killed between both.
    line, copy = '\\"line $n of $CICTL_JOB_EXECUTION_ID\\"', f"{copies}/$CICTL_JOB_EXECUTION_ID"
    script = f"for n in 1 2 3 4 5 6 7 8; do echo {line} >> {copy}; echo {line}; sleep 0.05; done"
    define(workplace, f'      - id: work\n        steps: [{{run: "{script}"}}]\n')
    agents: dict[str, Process] = {f"a{number}": workplace.start_agent(f"a{number}") for number in range(AGENTS)}
    submitter = Submitter(workplace.url)
    submitter.start()
    for number in range(KILLS):
        before = len(submitter.acknowledged)
        eventually(lambda before=before: len(submitter.acknowledged) > before, what="a new run")  # type: ignore[misc]
        threading.Event().wait(chance.random())
        if number % 2:
            agent_id = chance.choice(sorted(agents))
            agents[agent_id].kill()
            agents[agent_id] = workplace.start_agent(agent_id)
        else:
            workplace.server.kill()
            workplace.ok("store", "check", "--data-dir", str(workplace.data))
            workplace.start_server()
    acknowledged = submitter.finish()
    with Client(workplace.url) as client:
        eventually(lambda: not client.list_jobs(status="active").job_executions, what="the end of all jobs")
        jobs = [client.get_job(job_id) for job_id in acknowledged]
        for job in jobs:
            check(job, client.read_log(job.id).data.decode(), copies / job.id)
    lost = [job for job in jobs if job.status is not JobStatus.SUCCEEDED]
    assert len(lost) <= KILLS // 2, "an agent that is killed loses the job that it has, and a server none"
    workplace.ok("store", "check", "--data-dir", str(workplace.data))


def check(job: JobExecution, log: str, copy: Path) -> None:
    """Check that the job ended once, as its agent reported, with the log that was printed."""
    logged = re.findall(rf"^line \d of {job.id}$", log, re.MULTILINE)
    if job.status is JobStatus.SUCCEEDED:
        assert logged == copy.read_text().splitlines()
        assert len(logged) == 8
    else:
        assert job.cause is Cause.AGENT_LOST or "agent" in job.error, job.error
        assert copy.read_text().startswith("".join(f"{line}\n" for line in logged)) if logged else True
