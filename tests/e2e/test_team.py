"""A server with tokens: the commands of the page "Operations", and what an agent can do with a token of its own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.ports import free_port
from cictl_testing.processes import Process, Workplace, eventually

from cictl.wire.admin.access import EnrolmentRequest
from cictl_client import Client

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: REPOSITORY, ref: main}
    jobs:
      - id: make
        artifacts: [out.txt]
        steps:
          - run: env; echo made > out.txt
          - test: {name: unit, command: cp report.xml r.xml, format: junit-xml, report: r.xml}
  - id: deploy
    depends_on: [build]
    vcs_source: {repo: REPOSITORY, ref: main}
    jobs: [{id: ship, steps: [{run: cat out.txt}]}]
pipeline_chains: [{id: all, pipelines: [build, deploy]}]
"""
REPORT = '<testsuite name="s"><testcase name="good"/></testsuite>'


def commands(title: str) -> list[str]:
    """Return the commands of a section of the page, in their order."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = section.split("```sh\n")[1:]
    return [line for block in blocks for line in block.partition("```")[0].splitlines()]


class Team:
    """Runs the page's commands as they are, but for the port and the folders."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._children: list[Process] = []

    def follow(self, command: str) -> str:
        """Run one command; those that go on stay in the background. Return what it writes to stdout."""
        command = command.replace("/var/lib/", f"{self.directory}/").replace("8112", str(self.port))
        words = command.split()
        if words[1] in ("serve", "run-agent"):
            more = ["--port", str(self.port)] if words[1] == "serve" else []
            child = Process(*words[1:], *more, environment=self.environment, directory=self.directory)
            self._children.append(child)
            child.wait_for_line(" serves " if words[1] == "serve" else " polling ")
            return ""
        done = subprocess.run(
            command, shell=True, env=self.environment, cwd=self.directory, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("CICTL_", "CIWI_"))}
        path = f"{Path(sys.executable).parent}:{clean['PATH']}"
        return {**clean, "PATH": path, "XDG_CONFIG_HOME": str(self.directory / "config"), "NO_COLOR": "1"}

    def secret(self, name: str) -> str:
        return (self.directory / name).read_text().strip()

    def stop(self) -> None:
        for child in reversed(self._children):
            child.stop()
        self._children.clear()


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    made = Team(tmp_path)
    yield made
    made.stop()


def test_the_way_from_a_laptop_to_a_team(team: Team) -> None:
    repository = team.directory / "repository"
    files = {"cictl.yaml": FILE.replace("REPOSITORY", str(repository)), "report.xml": REPORT}
    make_repository(repository, files)
    laptop = f"cictl serve --data-dir {team.directory}/cictl"
    team.follow(laptop)
    team.follow(f"cictl projects import {repository} --server {team.url}")
    team.stop()

    *most, rotate, revoke = commands("From a laptop to a team")
    for command in most:
        team.follow(command)
    assert not (team.directory / "cictl" / "admin.token").exists()
    own = team.directory / "cictl-agent" / "agent.token"
    eventually(lambda: "builder-1" in team.follow("cictl agents list -o name"), what="the agent")
    assert stat.S_IMODE(own.stat().st_mode) == 0o600

    with Client(team.url, token=team.secret("anna.token")) as anna:
        anna.wait(anna.run("shop/all"))
        jobs = {job.facts.pipeline_job_id: job for job in anna.list_jobs().job_executions}
        logs = {name: anna.read_log(job.id).data.decode() for name, job in jobs.items()}
        assert {job.status for job in jobs.values()} == {"succeeded"}, logs
        assert "made" in logs["ship"], "the artifact of a job that it depends on"
        assert anna.get_test_report(jobs["make"].id).total == 1
    secrets = [own.read_text().strip(), team.secret("anna.token"), team.secret("enrolment.token")]
    assert not [secret for secret in secrets if any(secret in log for log in logs.values())]
    assert "CICTL_ENROLL" not in logs["make"]

    team.follow(rotate)
    team.follow(revoke)
    listed = json.loads(team.follow("cictl tokens list -o json"))["tokens"]
    assert [t["name"] for t in listed if "revoked_utc" in t] == ["shop-dashboard"]
    stored = b"".join(path.read_bytes() for path in (team.directory / "cictl").rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret.encode() in stored]

    team.stop()
    [rescue] = commands("When tokens are lost")
    team.follow(rescue)
    team.follow(laptop)
    assert "rescue" in team.follow(f"CICTL_TOKEN_FILE=rescue.token cictl whoami --server {team.url}")


class TestEnrolment:
    @pytest.fixture
    def admin(self, workplace: Workplace) -> Iterator[Client]:
        secret = workplace.ok("tokens", "create", "root", "--role", "admin").strip()
        with Client(workplace.url, token=secret) as client:
            yield client

    def enroll(self, workplace: Workplace, admin: Client) -> Path:
        file = workplace.directory / "enrolment.token"
        file.write_text(admin.create_enrolment(EnrolmentRequest()).token)
        return file

    def start(self, workplace: Workplace, *options: str) -> Process:
        work = str(workplace.directory / "work")
        return workplace.background("run-agent", "--server", workplace.url, "--id", "a", "--work-dir", work, *options)

    def test_a_restarted_agent_uses_the_token_that_it_has(self, workplace: Workplace, admin: Client) -> None:
        file = self.enroll(workplace, admin)
        first = self.start(workplace, "--enroll-token-file", str(file))
        eventually(lambda: [a.agent_id for a in admin.list_agents()] == ["a"], what="the agent")
        first.stop()
        started = admin.get_agent("a").last_seen_utc
        file.unlink()
        self.start(workplace, "--enroll-token-file", str(file))
        eventually(lambda: admin.get_agent("a").last_seen_utc > started, what="the agent")
        assert [t.role for t in admin.list_tokens()] == ["admin", "enrolment", "agent"]

    def test_an_agent_whose_token_was_revoked_is_enrolled_anew(self, workplace: Workplace, admin: Client) -> None:
        self.start(workplace, "--enroll-token-file", str(self.enroll(workplace, admin))).wait_for_line(" polling ")
        own = workplace.directory / "work" / "agent.token"
        before = eventually(lambda: own.exists() and own.read_text(), what="the agent's token")
        workplace.close()
        workplace.start_server()
        admin.revoke_token(admin.list_tokens()[-1].id)
        self.start(workplace, "--enroll-token-file", str(self.enroll(workplace, admin))).wait_for_line(" polling ")
        assert own.read_text() != before

    def test_a_refused_agent_says_why_and_ends(self, workplace: Workplace, admin: Client) -> None:
        file = self.enroll(workplace, admin)
        admin.enroll(file.read_text(), "other")
        refused = self.start(workplace, "--enroll-token-file", str(file))
        assert refused.wait() == 1
        refused.wait_for_line("cannot enrol a: the enrolment token is wrong, used up or expired")
        assert not (workplace.directory / "work" / "agent.token").exists()
