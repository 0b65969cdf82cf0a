"""`cictl store copy`, there and back, with real servers at both ends."""

from __future__ import annotations

import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from cictl_testing.processes import Process
from cictl_testing.servers.postgres import Postgres
from cictl_testing.servers.seaweed import Seaweed
from cictl_testing.servers.walk import Answer, Walk
from cictl_testing.stores.filled import Filled

from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database

Cictl = Callable[..., CompletedProcess[str]]


@pytest.fixture
def source(filled: Filled, tmp_path: Path) -> Filled:
    """A copy of its own of the filled directory."""
    directory = tmp_path / "source"
    shutil.copytree(filled.directory, directory)
    return Filled(directory, filled.token)


@pytest.fixture
def bucket(seaweed: Seaweed) -> str:
    return seaweed.place()


@contextmanager
def serving(directory: Path, seaweed: Seaweed, *arguments: str) -> Iterator[str]:
    """Start a server, and yield its URL."""
    home = directory.parent
    server = Process("serve", "--port", "0", *arguments, environment=seaweed.environment(), directory=home)
    try:
        yield server.wait_for_line(" serves ").partition(" serves ")[2].split(",")[0]
    finally:
        server.stop()


def answers(filled: Filled, seaweed: Seaweed, *arguments: str) -> dict[str, Answer]:
    """Return what a real server on a copy of the data says to everything that can be asked."""
    with serving(filled.directory, seaweed, *arguments) as url:
        return Walk(url, filled.token).answers()


def content(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def differing(one: dict[str, Answer], other: dict[str, Answer]) -> dict[str, tuple[object, object]]:
    return {path: (one.get(path), other.get(path)) for path in one.keys() | other if one.get(path) != other.get(path)}


def test_there_and_back_every_get_answers_the_same(
    source: Filled, cictl: Cictl, seaweed: Seaweed, bucket: str, database_url: str, tmp_path: Path
) -> None:
    before = content(source.directory)
    there = cictl("store", "copy", "--from", str(source.directory), "--to", database_url, "--files", bucket)
    assert there.returncode == 0, there.stderr
    assert content(source.directory) == before, "the source stays as it is"
    back = tmp_path / "back"
    again = cictl("store", "copy", "--from", database_url, "--files", bucket, "--to", str(back))
    assert again.returncode == 0, again.stderr
    original = answers(source, seaweed, "--data-dir", str(source.directory))
    assert len([answer for answer in original.values() if answer.status == 200]) > 60
    beside = str(tmp_path / "beside")
    on_database = answers(source, seaweed, "--data-dir", beside, "--store", database_url, "--files", bucket)
    assert differing(original, on_database) == {}
    assert differing(original, answers(source, seaweed, "--data-dir", str(back))) == {}


def test_an_interrupted_copy_goes_on_and_no_server_starts_before(
    source: Filled, cictl: Cictl, seaweed: Seaweed, bucket: str, database_url: str, tmp_path: Path
) -> None:
    there = ("store", "copy", "--from", str(source.directory), "--to", database_url, "--files", bucket)
    kill_at_each_step(there, seaweed, tmp_path)
    refused = cictl("serve", "--port", "0", "--data-dir", str(tmp_path / "beside"), "--store", database_url)
    assert (refused.returncode, "was interrupted" in refused.stderr) == (1, True), refused.stderr
    other = cictl("store", "copy", "--from", database_url, "--files", bucket, "--to", str(tmp_path / "other"))
    assert (other.returncode, "was interrupted" in other.stderr) == (1, True), other.stderr
    done = cictl(*there)
    assert done.returncode == 0, done.stderr
    back = ("store", "copy", "--from", database_url, "--files", bucket, "--to", str(tmp_path / "back"))
    kill_at_each_step(back, seaweed, tmp_path)
    done = cictl(*back)
    assert done.returncode == 0, done.stderr
    assert (
        differing(
            answers(source, seaweed, "--data-dir", str(source.directory)),
            answers(source, seaweed, "--data-dir", str(tmp_path / "back")),
        )
        == {}
    )


KILLED = """
import os, signal, sys
from cictl.cli.entry import main

class Last:
    def __init__(self, stream, step):
        self.stream, self.step, self.told = stream, step, ""

    def write(self, text):
        self.told += text
        if self.step in self.told:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)

sys.stderr = Last(sys.stderr, sys.argv.pop(1))
main()
"""
"""Runs a command of cictl until it tells of a step on stderr, and kills it there: a kill from elsewhere may come too late."""


def kill_at_each_step(command: tuple[str, ...], seaweed: Seaweed, directory: Path) -> None:
    """Start a copy several times, and kill each as it tells of one step or another, in any order."""
    steps = ["of settings", "of projects", "of audit", "of jobs", "of artifacts"]
    random.shuffle(steps)
    for step in steps:
        environment = {
            **seaweed.environment(),
            "TMPDIR": str(directory),
        }  # what is left there by the killed goes with the test
        program = (sys.executable, "-c", KILLED)
        copying = Process(step, *command, environment=environment, directory=directory, command=program)
        code = copying.wait()
        copying.stop()
        assert code == -signal.SIGKILL, copying.output


def test_files_that_stay_are_not_copied(
    source: Filled, cictl: Cictl, seaweed: Seaweed, database_url: str, tmp_path: Path
) -> None:
    """The servers on the database go on with the files in the data directory."""
    original = answers(source, seaweed, "--data-dir", str(source.directory))
    before = content(source.directory / "artifacts") | content(source.directory / "logs")
    done = cictl("store", "copy", "--from", str(source.directory), "--to", database_url, "-o", "json")
    assert done.returncode == 0, done.stderr
    assert '"files_stayed": true' in done.stdout
    assert content(source.directory / "artifacts") | content(source.directory / "logs") == before
    data = str(source.directory)
    assert differing(original, answers(source, seaweed, "--data-dir", data, "--store", database_url)) == {}


@pytest.mark.parametrize(
    ("fill", "what"),
    [
        pytest.param("records", "records of settings", id="records"),
        pytest.param("files", "logs/job-1.log", id="files"),
    ],
)
def test_a_target_that_holds_something_is_refused(
    fill: str,
    what: str,
    source: Filled,
    cictl: Cictl,
    seaweed: Seaweed,
    bucket: str,
    database_url: str,
    postgres: Postgres,
    tmp_path: Path,
) -> None:
    arguments = ("--to", database_url, "--files", bucket)
    if fill == "files":
        with (tmp_path / "file").open("w+b") as file:
            seaweed.blobs(bucket).put("logs/job-1.log", file)
    else:
        assert cictl("store", "copy", "--from", str(source.directory), *arguments).returncode == 0
    before = postgres.dump(database_url)
    refused = cictl("store", "copy", "--from", str(source.directory), *arguments)
    assert (refused.returncode, what in refused.stderr) == (7, True), refused.stderr
    if fill == "records":
        assert postgres.dump(database_url) == before


def test_a_running_server_at_either_end_is_refused(
    source: Filled, cictl: Cictl, seaweed: Seaweed, database_url: str, tmp_path: Path
) -> None:
    there = ("store", "copy", "--from", str(source.directory), "--to", database_url)
    with serving(source.directory, seaweed, "--data-dir", str(source.directory)):
        refused = cictl(*there)
        assert (refused.returncode, "in use by another server" in refused.stderr) == (7, True), refused.stderr
    assert cictl(*there).returncode == 0
    back = ("store", "copy", "--from", database_url, "--files", str(source.directory), "--to", str(tmp_path / "back"))
    with serving(source.directory, seaweed, "--data-dir", str(source.directory), "--store", database_url):
        refused = cictl(*back)
        assert (refused.returncode, "is in use by" in refused.stderr) == (7, True), refused.stderr
    done = cictl(*back)
    assert done.returncode == 0, done.stderr


def test_a_second_copy_into_one_database_is_refused(source: Filled, plain_cictl: Cictl, database_url: str) -> None:
    arguments = ("store", "copy", "--from", str(source.directory), "--to", database_url)
    database = Database.open(DatabaseAddress.parse(database_url))
    with database.connect() as first:
        first.execute("SELECT pg_advisory_lock(%s)", (database.lock_key("copy"),))
        refused = plain_cictl(*arguments)
    database.close()
    assert (refused.returncode, "in use by another copy" in refused.stderr) == (7, True), refused.stderr
    assert plain_cictl(*arguments).returncode == 0


@pytest.mark.parametrize(
    ("ends", "code", "what"),
    [
        pytest.param(("NONE", "URL"), 5, "database in", id="no data"),
        pytest.param(("URL", "NONE"), 5, "database of cictl in the schema", id="no tables"),
        pytest.param(("NONE", "NONE"), 2, "from a data directory to a database", id="two directories"),
        pytest.param(("URL", "URL"), 2, "from a data directory to a database", id="two databases"),
        pytest.param(("mysql://x", "NONE"), 2, "neither a folder nor a URL", id="another database"),
    ],
)
def test_ends_that_are_no_ends(
    ends: tuple[str, str], code: int, what: str, cictl: Cictl, database_url: str, tmp_path: Path
) -> None:
    source, target = ({"NONE": str(tmp_path / "none"), "URL": database_url}.get(end, end) for end in ends)
    refused = cictl("store", "copy", "--from", source, "--to", target)
    assert (refused.returncode, what in refused.stderr) == (code, True), refused.stderr
