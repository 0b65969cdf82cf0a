"""Two real servers on one PostgreSQL share the logs of their agents, and neither stores a secret that the other handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from cictl_testing.files import make_repository
from cictl_testing.processes import Process, Workplace, eventually
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE, OpenBao, own_openbao
from cictl_testing.servers.postgres import Postgres, database_url, own_postgres, postgres

from cictl.wire.agents import LeaseRequest, StatusRequest
from cictl.wire.jobs import JobExecution, JobStatus
from cictl_client import Client, LogGap, Unavailable

__all__ = ["database_url", "own_openbao", "own_postgres", "postgres"]

VALUE = "s3cr3t-of-two-servers"
HIDDEN = "*" * len(VALUE)

PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: count
    jobs: [{id: j, steps: [{run: "for i in $(seq 1 300); do echo line $i; sleep 0.01; done"}]}]
  - id: own
    jobs: [{id: j, steps: [{run: x, env: {TOKEN: "{{ secret.deploy }}"}}]}]
  - id: vault
    jobs:
      - id: j
        steps:
          - run: x
            env: {TOKEN: "{{ secret.new }}"}
            vault: {connection: pantry, secrets: [{name: new, path: shared, key: k}]}
"""


class Pair:
    """Two servers on one database and one directory of files; an agent of the test speaks to either.

    Attributes:
        place: The first server, and its shell.
        other: The URL of the second one.
    """

    def __init__(self, place: Workplace) -> None:
        self.place = place
        second = place.background("serve", "--port", "0", "--data-dir", str(place.data))
        self.other = second.wait_for_line(" serves ").partition(" serves ")[2].split(",")[0]
        repository = make_repository(place.directory / "repository", {"cictl.yaml": PROJECT})
        place.ok("projects", "import", str(repository))
        self.one, self.two = Client(place.url), Client(self.other)

    def leased(self, pipeline: str) -> JobExecution:
        """Run a pipeline, and lease its job from the first server."""
        self.place.ok("run", f"shop/{pipeline}")
        job = self.one.lease(LeaseRequest(agent_id="a")).job_execution
        assert job is not None
        return job

    def logs(self, job_id: str) -> set[str]:
        """Return the log as each server shows it."""
        return {self.place.ok("--server", url, "jobs", "logs", job_id, "--raw") for url in (self.place.url, self.other)}

    def follower(self, url: str, job_id: str) -> Process:
        return self.place.background("--server", url, "jobs", "logs", "-f", job_id, "--raw")

    def close(self) -> None:
        self.one.close()
        self.two.close()
        self.place.close()


@pytest.fixture
def pair(tmp_path: Path, database_url: str) -> Iterator[Pair]:
    pair = Pair(Workplace(tmp_path, environment={"CICTL_STORE": database_url, VARIABLE: SECRET_ID}))
    yield pair
    pair.close()


def say(client: Client, job: JobExecution, text: str, *, offset: int, status: str = "running") -> None:
    report = StatusRequest(agent_id="a", status=status, output_append=text, output_offset=offset)
    client.report_status(job.id, report, minimal=True)


def assert_nowhere(pair: Pair, postgres: Postgres, database_url: str, value: str) -> None:
    files = [path.read_bytes() for path in pair.place.data.rglob("*") if path.is_file()]
    assert value.encode() not in b"".join([*files, postgres.dump(database_url)])


def test_followers_at_both_servers_see_every_line_once(pair: Pair) -> None:
    pair.place.start_agent()
    pair.place.ok("run", "shop/count")
    [job_id] = pair.place.ok("jobs", "list", "-o", "name").split()
    followers = [pair.follower(url, job_id) for url in (pair.place.url, pair.other)]
    for follower in followers:
        assert follower.wait() == 0, follower.output
        lines = [line for line in follower.output.splitlines() if line.startswith("line ")]
        assert lines == [f"line {number}" for number in range(1, 301)]


def test_parts_of_one_log_may_go_to_two_servers(pair: Pair, database_url: str) -> None:
    job = pair.leased("count")
    pieces = [f"piece {number}\n" for number in range(40)]
    offset = 0
    for number, piece in enumerate(pieces):
        say((pair.one, pair.two)[number % 2], job, piece, offset=offset)
        offset += len(piece)
    with pytest.raises(LogGap) as gap:
        say(pair.two, job, "x", offset=offset + 5)
    assert gap.value.log_size == offset
    say(pair.two, job, "", offset=offset, status=JobStatus.SUCCEEDED)
    assert pair.logs(job.id) == {"".join(pieces)}
    with psycopg.connect(database_url, autocommit=True) as connection:
        eventually(lambda: not connection.execute("SELECT FROM log_chunks").fetchall(), what="the blob")
    assert pair.logs(job.id) == {"".join(pieces)}
    assert (pair.place.data / "logs" / f"{job.id}.log").read_text() == "".join(pieces)


def test_a_server_masks_the_secret_that_the_other_handed_out(pair: Pair, postgres: Postgres, database_url: str) -> None:
    (pair.place.directory / "value").write_text(VALUE)
    pair.place.ok("secrets", "set", "deploy", "--from-file", str(pair.place.directory / "value"))
    job = pair.leased("own")
    say(pair.two, job, f"say {VALUE} and {VALUE[:7]}", offset=0)
    assert {log.rstrip("\n") for log in pair.logs(job.id)} == {f"say {HIDDEN} and "}, "the end may begin a secret"
    offset = len(f"say {VALUE} and ")
    with pytest.raises(LogGap) as gap:
        say(pair.one, job, VALUE[7:], offset=offset + 7)
    rest = f"say {VALUE} and {VALUE}\n"[gap.value.log_size :]
    say(pair.one, job, rest, offset=gap.value.log_size)
    assert pair.logs(job.id) == {f"say {HIDDEN} and {HIDDEN}\n"}
    assert_nowhere(pair, postgres, database_url, VALUE)


def test_a_server_that_cannot_read_the_vault_stores_nothing(
    pair: Pair, own_openbao: OpenBao, postgres: Postgres, database_url: str
) -> None:
    own_openbao.put("shared", k=VALUE)
    role = own_openbao.connection().role_id or ""
    options = ["--url", own_openbao.url, "--role-id", role, "--secret-id-env", VARIABLE]
    pair.place.ok("vault", "add", "pantry", *options)
    job = pair.leased("vault")
    own_openbao.seal()
    with pytest.raises(Unavailable, match="before its secrets can be masked"):
        say(pair.two, job, f"{VALUE}\n", offset=0)
    say(pair.one, job, f"{VALUE}\n", offset=0)
    own_openbao.unseal()
    eventually(lambda: is_taken(pair.two, job, f"{VALUE}\n", offset=len(VALUE) + 1), what="the second server")
    assert pair.logs(job.id) == {f"{HIDDEN}\n{HIDDEN}\n"}
    assert_nowhere(pair, postgres, database_url, VALUE)


def is_taken(client: Client, job: JobExecution, text: str, *, offset: int) -> bool:
    """Send a piece as agents do: again while it can't be taken, and from where the server says."""
    whole = f"{VALUE}\n" * 2
    try:
        say(client, job, text, offset=offset)
    except Unavailable:
        return False
    except LogGap as gap:
        return is_taken(client, job, whole[gap.log_size :], offset=gap.log_size)
    return True


@pytest.mark.slow
def test_a_log_is_whole_after_crashes_of_database_and_server(tmp_path: Path, own_postgres: Postgres) -> None:
    """What PostgreSQL had not written when it crashed, the agent sends again."""
    place = Workplace(tmp_path, environment={"CICTL_STORE": own_postgres.url})

    def crash_database() -> None:
        own_postgres.stop()
        own_postgres.start()

    def crash_server() -> None:
        place.server.kill()
        place.start_server()

    crashes: list[Callable[[], object]] = [own_postgres.terminate_backends, crash_database, crash_server]
    try:
        define_counting(place, rounds=len(crashes) + 1)
        place.start_agent()
        run = place.background("run", "shop/count", "--wait")
        [job_id] = eventually(lambda: place.cictl("jobs", "list", "-o", "name").stdout.split(), what="the job")
        for number, crash in enumerate(crashes, start=1):
            place.wait_for_log(job_id, f"round {number}")
            crash()
            (place.directory / f"gate-{number}").touch()
        assert run.wait() == 0, run.output
        expected = [f"line {line}" for line in range(1, 100 * (len(crashes) + 1) + 1)]
        assert [line for line in log(place, job_id).splitlines() if line.startswith("line ")] == expected
    finally:
        place.close()


def define_counting(place: Workplace, *, rounds: int) -> None:
    """Import a project whose job counts to a hundred in each round, and then waits for that round's gate."""
    steps = [
        f"for i in $(seq {100 * number - 99} {100 * number}); do echo line $i; done; echo round {number}; "
        + (f"while [ ! -e {place.directory}/gate-{number} ]; do sleep 0.05; done" if number < rounds else "true")
        for number in range(1, rounds + 1)
    ]
    jobs = f"[{{id: j, steps: [{{run: '{'; '.join(steps)}'}}]}}]"
    text = f"version: 1\nproject: {{name: shop}}\npipelines: [{{id: count, jobs: {jobs}}}]\n"
    place.ok("projects", "import", str(make_repository(place.directory / "repository", {"cictl.yaml": text})))


def log(place: Workplace, job_id: str) -> str:
    return place.cictl("jobs", "logs", job_id, "--raw").stdout
