"""The audit of a real server: what people do there is told, also when it was killed, and tampering is found."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace
from tinydb import TinyDB
from tinydb.table import Document

FILE = """\
version: 1
project: {name: shop}
pipelines: [{id: build, vcs_source: {repo: REPOSITORY, ref: main}, jobs: [{id: work, steps: [{run: make}]}]}]
"""


class Team:
    """An admin and an operator at a server with one project.

    Attributes:
        job_id: A job that waits.
    """

    def __init__(self, workplace: Workplace) -> None:
        self.workplace = workplace
        repository = workplace.directory / "repository"
        make_repository(repository, {"cictl.yaml": FILE.replace("REPOSITORY", str(repository))})
        self.admin = workplace.ok("tokens", "create", "root", "--role", "admin").strip()
        self.olga = self.as_(self.admin, "tokens", "create", "olga", "--role", "operator").stdout.strip()
        self.as_(self.admin, "projects", "import", str(repository))
        self.as_(self.olga, "run", "shop/build")
        self.job_id = self.as_(self.olga, "jobs", "list", "-o", "name").stdout.strip()

    def as_(self, token: str, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command with a token; it must end with *code*."""
        done = self.workplace.cictl(*arguments, token=token)
        assert done.returncode == code, done.stderr
        return done

    def records(self, *options: str) -> list[dict[str, object]]:
        lines = self.as_(self.admin, "audit", "list", "-o", "jsonl", *options).stdout.splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def team(workplace: Workplace) -> Team:
    return Team(workplace)


def test_a_cancel_and_a_refusal_are_told_and_survive_a_kill(team: Team) -> None:
    follower = team.workplace.background("audit", "list", "-f", token=team.admin)
    follower.wait_for_line("run.started")
    team.as_(team.olga, "jobs", "cancel", team.job_id, "--yes")
    follower.wait_for_line("olga  job.cancelled  success  job shop/build/work")
    team.workplace.server.kill()
    team.workplace.start_server()
    team.as_(team.olga, "tokens", "list", code=6)
    follower.wait_for_line("olga  auth.refused  refused")
    follower.interrupt()
    assert follower.wait() == 0, follower.output
    assert [record["action"] for record in team.records("--actor", "olga")] == [
        "auth.refused",
        "job.cancelled",
        "run.started",
    ]
    assert "Cancelled by:  olga" in team.as_(team.olga, "jobs", "show", team.job_id).stdout
    assert "records holds" in team.as_(team.admin, "audit", "verify").stderr
    assert follower.output.count("job.cancelled") == 1


def test_tampering_with_a_stopped_servers_data_is_found(team: Team) -> None:
    data = team.workplace.data
    team.workplace.server.stop()
    assert "the chain of 4 records holds" in team.as_("", "audit", "verify", "--data-dir", str(data)).stderr
    with TinyDB(data / "state.json") as stock:  # another program writes the file: its checksum goes
        tokens = stock.table("audit")
        tokens.upsert(Document({**dict(tokens.all()[2]), "action": "job.deleted"}, doc_id=3))
    found = team.as_("", "audit", "verify", "--data-dir", str(data), code=1)
    assert found.stderr.startswith("error: the audit was tampered with: record 3: it was altered")
    team.workplace.start_server()
    assert "record 3" in team.as_(team.admin, "audit", "verify", code=1).stderr


def test_a_token_made_in_the_data_directory_is_told(team: Team) -> None:
    data = team.workplace.data
    team.workplace.server.stop()
    team.as_("", "tokens", "create", "rescue", "--role", "admin", "--data-dir", str(data))
    team.workplace.start_server()
    [newest] = team.records("--limit", "1")
    assert (newest["action"], newest["actor"]) == (
        "token.created",
        {"kind": "system", "id": "", "name": "data directory", "role": ""},
    )
    assert "the chain of 5 records holds" in team.as_(team.admin, "audit", "verify").stderr


def test_no_secret_of_the_team_is_in_its_data(team: Team) -> None:
    team.as_(team.olga, "jobs", "show", team.admin, code=5)
    team.workplace.cictl("jobs", "show", team.olga, token="cictl_u_" + "0" * 36)
    team.workplace.server.stop()
    for path in Path(team.workplace.data).rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert team.admin.encode() not in content, path
        assert team.olga.encode() not in content, path
