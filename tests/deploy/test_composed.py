"""What `deploy/` says works: its servers, its balancer and its agents as processes of this machine, without images.

Other than in containers, each server has a port of its own, nginx is told all of them instead of asking Docker's resolver, and comes from 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from cictl_testing.files import make_repository
from cictl_testing.installs.wheels import SOURCE
from cictl_testing.ports import free_port
from cictl_testing.processes import Process, cictl_command, eventually
from cictl_testing.servers.nginx import RunningNginx, needs_nginx
from cictl_testing.servers.postgres import database_url, postgres
from cictl_testing.servers.seaweed import Seaweed, seaweed

from cictl_client import Client

__all__ = ["database_url", "postgres", "seaweed"]

pytestmark = [needs_nginx, pytest.mark.slow]

DEPLOY = SOURCE / "deploy"
SERVER: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["server"]
AGENT: dict[str, Any] = next(
    one
    for one in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    if (one["kind"], one["metadata"]["name"]) == ("Deployment", "cictl-agent")
)
PROJECT = """\
version: 1
project: {name: tea}
pipelines:
  - id: build
    jobs: [{id: j, steps: [{run: "echo warm > kettle"}], artifacts: [kettle]}]
"""


def of_compose(text: str, given: dict[str, str]) -> str:
    """Return *text* as compose makes it of `${NAME:-default}` and `$$`."""
    filled = re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: given.get(found[1], found[2] or ""), text)
    return filled.replace("$$", "$")


class Composed:
    """Three servers and nginx as compose starts them; agents as Kubernetes does."""

    def __init__(self, directory: Path, store: str, given: dict[str, str]) -> None:
        self.directory = directory
        self.url = f"http://localhost:{free_port()}"
        (directory / "store-url").write_text(store)
        self._program(directory / "bin" / "cictl")
        self._given = given
        self._children = ExitStack()
        self.ports = [free_port() for _ in range(SERVER["deploy"]["replicas"])]

    def start(self) -> None:
        servers = [self._start_server(port) for port in self.ports]
        for server in servers:
            server.wait_for_line(" serves ")
        port = int(self.url.rpartition(":")[2])
        nginx = RunningNginx(self.directory / "nginx", self._balancer(port), port=port)
        self._children.callback(nginx.stop)

    def start_agent(self, name: str, token: Path) -> None:
        [container] = AGENT["spec"]["template"]["spec"]["containers"]
        own = {
            "CICTL_SERVER_URL": self.url,
            "CICTL_AGENT_ID": name,
            "CICTL_AGENT_WORKDIR": str(self.directory / name),
            "CICTL_ENROLL_TOKEN_FILE": str(token),
        }
        assert {variable["name"] for variable in container["env"]} == own.keys()
        self._spawn([str(self.directory / "bin" / "cictl"), *container["args"]], own).wait_for_line(" polling ")

    def admin_token(self) -> str:
        """Return that which the first server has made."""
        found = list(self.directory.glob("data-*/admin.token"))
        assert len(found) == 1
        return found[0].read_text().strip()

    def close(self) -> None:
        self._children.close()

    def _start_server(self, port: int) -> Process:
        variables = {name: of_compose(str(value), self._given) for name, value in SERVER["environment"].items()}
        variables = {name: value for name, value in variables.items() if value}
        # Where the containers have addresses and folders of their own.
        here = {
            "CICTL_PORT": str(port),
            "CICTL_DATA_DIR": str(self.directory / f"data-{port}"),
            "CICTL_TRUSTED_PROXIES": "127.0.0.1/32",
        }
        *shell, script = (of_compose(part, {}) for part in SERVER["entrypoint"])
        script = script.replace("/run/secrets", str(self.directory))
        return self._spawn([*shell, script], {**self._given, **variables, **here})

    def _spawn(self, command: list[str], variables: dict[str, str]) -> Process:
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}"
        child = Process(environment={"PATH": path, **variables}, directory=self.directory, command=command)
        self._children.callback(child.stop)
        return child

    def _balancer(self, port: int) -> str:
        """Return the blocks of `deploy/nginx.conf`, with what differs here."""
        blocks = (DEPLOY / "nginx.conf").read_text().partition("upstream")
        text = f"upstream{blocks[2].rstrip().removesuffix('}')}"
        [line] = re.findall(r"^ *server server:8112 resolve (.*)$", text, re.MULTILINE)
        members = "\n".join(f"server 127.0.0.1:{member} {line}" for member in self.ports)
        text = re.sub(r"^ *server server:8112 .*$", members, text, flags=re.MULTILINE)
        return text.replace("listen 8112;", f"listen 127.0.0.1:{port};")

    def _program(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_text(f'#!/bin/sh\nexec {sys.executable} -m cictl "$@"\n')
        path.chmod(0o755)


@pytest.fixture
def composed(database_url: str, seaweed: Seaweed, tmp_path: Path) -> Iterator[Composed]:
    given = {"CICTL_FILES": seaweed.place(), **seaweed.environment()}
    found = Composed(tmp_path, database_url, given)
    try:
        found.start()
        yield found
    finally:
        found.close()


def test_a_job_runs_through_the_balancer_on_an_agent_that_enrolled(composed: Composed, tmp_path: Path) -> None:
    cictl = cictl_command(tmp_path, {"CICTL_SERVER_URL": composed.url, "CICTL_TOKEN": composed.admin_token()})
    token = tmp_path / "enrolment-token"
    token.write_text(cictl("agents", "enroll", "--uses", "100", "--ttl", "7d").stdout)
    for name in ("pod-a", "pod-b"):
        composed.start_agent(name, token)
    imported = cictl("projects", "import", str(make_repository(tmp_path / "repository", {"cictl.yaml": PROJECT})))
    assert imported.returncode == 0, imported.stderr
    runs = [cictl("run", "tea/build", "--wait", "-o", "name") for _ in range(2)]
    assert [run.returncode for run in runs] == [0] * 2, runs[0].stderr
    with Client(composed.url, token=composed.admin_token()) as client:
        jobs = client.list_jobs().job_executions
        assert {job.leased_by_agent_id for job in jobs} <= {"pod-a", "pod-b"}
        assert eventually(lambda: len(client.servers().servers) == len(composed.ports), what="all servers")
    for job in jobs:
        got = cictl("jobs", "download", job.id, "kettle", "-O", job.id)
        assert got.returncode == 0, got.stderr
        assert (tmp_path / job.id / "kettle").read_text() == "warm\n"
