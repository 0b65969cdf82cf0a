"""`cictl store check|backup|restore --store URL`: what is cictl's is checked, and PostgreSQL's own tools do the rest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import psycopg
import pytest
from cictl_testing.processes import Process
from cictl_testing.servers.postgres import Postgres
from cictl_testing.servers.sharing import sharing
from cictl_testing.stores.filled import Filled

Cictl = Callable[..., CompletedProcess[str]]


@dataclass(frozen=True)
class Grown:
    """Records in a database, and files in a directory."""

    url: str
    files: Path
    cictl: Cictl

    def check(self) -> CompletedProcess[str]:
        return self.cictl("store", "check", "--store", self.url, "--files", str(self.files))

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def grown(filled: Filled, plain_cictl: Cictl, database_url: str, tmp_path: Path) -> Grown:
    directory = tmp_path / "data"
    shutil.copytree(filled.directory, directory)
    done = plain_cictl("store", "copy", "--from", str(directory), "--to", database_url)
    assert done.returncode == 0, done.stderr
    return Grown(database_url, directory, plain_cictl)


def remove_all(pattern: str) -> Callable[[Grown], None]:
    def remove(grown: Grown) -> None:
        for path in grown.files.glob(pattern):
            path.unlink()

    return remove


def executing(statement: str) -> Callable[[Grown], None]:
    return lambda grown: grown.execute(statement)


def test_a_sound_database_is_told_to_be_sound(grown: Grown) -> None:
    done = grown.check()
    assert done.returncode == 0, done.stderr
    told = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert told["Verdict"].strip() == "sound"
    assert told["Jobs"].strip() == "2 queued, 3 succeeded"
    assert told["Dangling"].strip() == "0 files, 0 B; 0 logs"


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        pytest.param(remove_all("artifacts/*/*/bin/tool"), "artifact bin/tool of job-", id="artifact"),
        pytest.param(remove_all("logs/*.log"), "has 0 of", id="finished log"),
        pytest.param(executing("DELETE FROM finished_logs"), "has 0 of", id="log of no table"),
        pytest.param(executing("UPDATE counters SET value = 9 WHERE name = 'jobs queued'"), "is 9", id="counter"),
        pytest.param(
            executing("""UPDATE audit SET document = '{"id": 2, "extra": 1}' WHERE id = 2"""),
            "audit",
            id="audit record",
        ),
        pytest.param(executing("DELETE FROM audit WHERE id = 2"), "does not follow", id="audit chain"),
        pytest.param(executing("""UPDATE jobs SET document = '{"x": 1}'"""), "a record of jobs", id="job"),
        pytest.param(executing("DROP TABLE artifacts"), "the table artifacts can't be read", id="table"),
        pytest.param(
            executing(
                """INSERT INTO settings VALUES ('unfinished_copy', '{"key": "unfinished_copy", "value": "/x"}')"""
            ),
            "a copy from /x into it was interrupted",
            id="unfinished",
        ),
    ],
)
def test_what_is_not_sound_is_named(grown: Grown, harm: Callable[[Grown], None], what: str) -> None:
    harm(grown)
    done = grown.check()
    assert (done.returncode, what in done.stderr) == (1, True), done.stderr


def test_logs_of_no_job_dangle(grown: Grown) -> None:
    grown.execute("INSERT INTO log_chunks VALUES ('job-7', 0, 0, 'x')")
    stray = grown.files / "logs" / "job-8.log"
    stray.touch()
    os.utime(stray, (0, 0))
    done = grown.cictl("store", "check", "--store", grown.url, "--files", str(grown.files), "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dangling_logs"] == ["job-7", "logs/job-8.log"]


def test_files_of_running_servers_are_not_looked_at(grown: Grown, tmp_path: Path) -> None:
    remove_all("artifacts/*/*/bin/tool")(grown)
    arguments = ("serve", "--port", "0", "--data-dir", str(grown.files), "--store", grown.url)
    server = Process(*arguments, environment={}, directory=tmp_path)
    try:
        server.wait_for_line(" serves ")
        done = grown.check()
    finally:
        server.stop()
    assert (done.returncode, "not looked at" in done.stdout) == (0, True), done.stderr


def test_a_database_of_no_server(plain_cictl: Cictl, database_url: str, tmp_path: Path) -> None:
    for command in (("check",), ("backup", str(tmp_path / "x")), ("restore", str(tmp_path / "x"), "--yes")):
        done = plain_cictl("store", *command, "--store", database_url)
        assert (done.returncode, "database of cictl" in done.stderr) == (5, True), done.stderr


def test_the_commands_that_are_told_back_up_and_restore(grown: Grown, postgres: Postgres, tmp_path: Path) -> None:
    before = lasting_rows(grown.url)
    folder = tmp_path / "backup"
    options = ("--store", grown.url, "--files", str(grown.files), "-o", "json")
    run_told(grown.cictl("store", "backup", str(folder), *options), postgres)
    grown.execute("DELETE FROM jobs")
    grown.execute("DROP TABLE audit, log_chunks")
    remove_all("artifacts/*/*/bin/tool")(grown)
    run_told(grown.cictl("store", "restore", str(folder), "--yes", *options), postgres)
    done = grown.check()
    assert done.returncode == 0, done.stderr
    assert lasting_rows(grown.url) == before


def lasting_rows(url: str) -> dict[str, list[tuple[str]]]:
    """Return the rows of each table, but of those that a crash empties."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
            " AND relkind = 'r' AND relpersistence = 'p'"
        ).fetchall()
        return {
            name: connection.execute(f"SELECT t::text FROM {name} AS t ORDER BY 1".encode()).fetchall()
            for (name,) in names
        }


def run_told(told: CompletedProcess[str], postgres: Postgres) -> None:
    """Run the commands that a command told, which has done nothing itself."""
    assert told.returncode == 1, told.stderr
    environment = {**os.environ, "PATH": f"{postgres.programs}:{os.environ['PATH']}"}
    for command in json.loads(told.stdout)["commands"]:
        done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_no_password_is_told(grown: Grown, postgres: Postgres, tmp_path: Path) -> None:
    url = grown.url.replace("cictl@", "cictl:a-password-of-ours@")
    for command in (("check",), ("backup", str(tmp_path / "x")), ("restore", str(tmp_path / "x"), "--yes")):
        done = grown.cictl("store", *command, "--store", url, "--files", str(grown.files))
        assert "a-password-of-ours" not in done.stdout + done.stderr


def test_who_lost_every_token_makes_one_in_the_database_while_its_servers_run(
    plain_cictl: Cictl, database_url: str, tmp_path: Path
) -> None:
    with sharing(database_url, tmp_path, tmp_path) as (here, there):
        here.token("admin")
        made = plain_cictl("tokens", "create", "rescue", "--role", "admin", "--store", database_url)
        assert made.returncode == 0, made.stderr
        for server in (here, there):
            assert server.ask("GET", "/api/v1/whoami", made.stdout.strip()).json["name"] == "rescue"
        assert here.audit(action="token.created")[-1].actor.name == "the database"


@pytest.mark.parametrize(
    ("place", "code", "text"),
    [((), 5, "not found"), (("--data-dir", "x"), 2, "the records are in one of both")],
    ids=["unused", "two-places"],
)
def test_a_token_needs_one_place_that_a_server_has_used(
    plain_cictl: Cictl, database_url: str, place: tuple[str, ...], code: int, text: str
) -> None:
    refused = plain_cictl("tokens", "create", "x", "--role", "admin", "--store", database_url, *place)
    assert (refused.returncode, refused.stdout, text in refused.stderr) == (code, "", True), refused.stderr
