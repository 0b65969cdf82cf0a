"""Real servers on one database, each with a directory of its own, as on several machines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from cictl_testing.files import make_repository
from cictl_testing.processes import Process, eventually
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE, OpenBao, own_openbao
from cictl_testing.servers.postgres import database_url, postgres

from cictl.wire.agents import LeaseRequest, LeaseResponse, StatusRequest
from cictl.wire.audit.records import AuditFilter
from cictl.wire.projects import ImportRequest, RunRequest
from cictl_client import Client, ClientError

__all__ = ["database_url", "own_openbao", "postgres"]

PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    jobs:
      - id: j
        steps:
          - {run: "true", env: {T: "{{ secret.t }}"}, vault: {connection: pantry, secrets: [{name: t, path: p, key: k}]}}
"""


@dataclass
class Machine:
    """A place for a server; `data` is its directory."""

    data: Path
    environment: dict[str, str]
    url: str = ""
    processes: list[Process] = field(default_factory=list)

    def start(self, *options: str) -> Process:
        """Begin to start the server; `wait` for it."""
        command = ("serve", "--port", "0", "--data-dir", str(self.data), *options)
        process = Process(*command, environment=self.environment, directory=self.data)
        self.processes.append(process)
        return process

    def wait(self) -> str:
        """Wait until the server serves, and return its URL."""
        self.url = self.processes[-1].wait_for_line(" serves ").partition(" serves ")[2].split(",")[0]
        return self.url


@pytest.fixture
def machines(database_url: str, tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    environment = {"CICTL_STORE": database_url, VARIABLE: SECRET_ID}
    both = Machine(tmp_path / "one", environment), Machine(tmp_path / "two", environment)
    for machine in both:
        machine.data.mkdir()
    yield both
    for machine in both:
        for process in machine.processes:
            process.stop()


def test_servers_that_start_together_make_one_admin(machines: tuple[Machine, Machine]) -> None:
    for machine in machines:
        machine.start("--host", "0.0.0.0")
    for machine in machines:
        machine.wait()
    files = [path for machine in machines for path in machine.data.glob("admin.token*")]
    assert [path.name for path in files] == ["admin.token"]
    for machine in machines:
        port = machine.url.rpartition(":")[2]
        with Client(f"http://127.0.0.1:{port}", token=files[0].read_text().strip()) as client:
            assert [token.name for token in client.list_tokens()] == ["admin"]


def test_projects_are_reloaded_once_after_an_update(
    machines: tuple[Machine, Machine], database_url: str, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", {"cictl.yaml": PROJECT})
    for machine in machines:
        machine.start()
        machine.wait()
    with Client(machines[1].url) as client:
        client.import_project(ImportRequest(repo_url=str(repository)))
        pending = '{"key": "update_reload_projects_pending", "value": "1"}'
        with psycopg.connect(database_url) as connection:
            connection.execute("INSERT INTO settings VALUES ('update_reload_projects_pending', %s)", (pending,))
        eventually(lambda: client.get_update_status()["update_reload_projects_pending"] == "0", what="the reload")
        assert len(client.list_audit(AuditFilter(action="project.reloaded")).records) == 1
        shown = Process("update", "status", environment={"CICTL_SERVER_URL": machines[1].url}, directory=tmp_path)
        machines[1].processes.append(shown)
        shown.wait_for_line("Other servers:")


def test_a_server_that_is_set_differently_says_so(machines: tuple[Machine, Machine]) -> None:
    one, two = machines
    one.start()
    one.wait()
    two.start("--agent-timeout", "30")
    two.processes[-1].wait_for_line("servers are set differently: --agent-timeout is 30 s here, and 60 s at ")
    with Client(two.wait()) as client:
        assert [server.differs for server in client.servers().servers] == [["--agent-timeout"], []]
    shown = Process("info", environment={"CICTL_SERVER_URL": two.url}, directory=two.data)
    two.processes.append(shown)
    shown.wait_for_line(", leads background, differs in --agent-timeout)")


def lease(url: str, answers: list[LeaseResponse]) -> LeaseResponse | None:
    """Ask for work as an agent that repeats its request; None if it is told to come again, or the server died."""
    with Client(url, retries=0) as client:
        try:
            answer = client.lease(LeaseRequest(agent_id="a", request_id="r"))
        except ClientError:
            return None
    answers.append(answer)
    return answer if answer.assigned else None


def test_a_lease_is_given_again_when_a_server_dies_while_it_reads_the_secrets(
    machines: tuple[Machine, Machine], own_openbao: OpenBao, tmp_path: Path
) -> None:
    own_openbao.put("p", k="value")
    one, two = machines
    for machine in machines:
        machine.start()
        machine.wait()
    repository = make_repository(tmp_path / "repository", {"cictl.yaml": PROJECT})
    with Client(two.url) as client:
        client.save_vault_connection(own_openbao.connection())
        project = client.import_project(ImportRequest(repo_url=str(repository)))
        [pipeline] = client.get_project(project.project_id).pipelines
        [job_id] = client.run_pipeline(pipeline.id, RunRequest()).job_execution_ids
        own_openbao.freeze()
        answers: list[LeaseResponse] = []
        first = threading.Thread(target=lease, args=(one.url, answers))
        first.start()
        eventually(lambda: client.get_job(job_id).status == "leased", what="the claim")
        one.processes[-1].kill()
        first.join()
        own_openbao.thaw()
        given = eventually(lambda: lease(two.url, answers), what="the lease given again")
        assert [answer.assigned for answer in answers] == [False] * (len(answers) - 1) + [True]
        assert given.job_execution is not None
        assert given.job_execution.sensitive_values == ["value"]
        client.report_status(job_id, StatusRequest(agent_id="a", status="succeeded"))
        assert client.get_job(job_id).status == "succeeded"
