"""A server whose records are in PostgreSQL: how it starts, and what it does while the database is away."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests
from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace, eventually
from cictl_testing.servers.postgres import GUARDED_USER, Postgres, database_url

from cictl_server.errors import InvalidRequest
from cictl_server.serve import Server, ServerConfig

__all__ = ["database_url"]

PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    jobs:
      - {id: compile, steps: [{run: "echo made > out.txt"}], artifacts: [out.txt]}
      - {id: pack, needs: [compile], steps: [{run: "echo packed"}]}
"""


@pytest.fixture
def workplace(tmp_path: Path, database_url: str) -> Iterator[Workplace]:
    place = Workplace(tmp_path, environment={"CICTL_STORE": database_url})
    yield place
    place.close()


def test_a_real_agent_works_for_it_and_a_restart_keeps_everything(workplace: Workplace) -> None:
    workplace.start_agent()
    workplace.ok(
        "projects", "import", str(make_repository(workplace.directory / "repository", {"cictl.yaml": PROJECT}))
    )
    workplace.ok("run", "shop/build", "--wait")
    workplace.server.kill()
    workplace.start_server()
    listed = workplace.ok("jobs", "list", "-o", "json")
    assert listed.count('"status": "succeeded"') == 2
    assert "packed" in workplace.ok("jobs", "logs", "1/pack")
    assert not (workplace.data / "state.json").exists()
    assert re.search(r"^Store: +postgresql$", workplace.ok("info"), re.MULTILINE)
    assert "postgresql connections: " in workplace.ok("healthcheck", "-o", "json")
    assert 'cictl_store_connections{state="open"}' in requests.get(f"{workplace.url}/metrics", timeout=30).text


def test_while_the_database_is_away_it_lives_and_says_when_to_come_again(
    tmp_path: Path, own_postgres: Postgres
) -> None:
    place = Workplace(tmp_path, environment={"CICTL_STORE": own_postgres.url})
    try:
        own_postgres.stop()
        answer = requests.get(f"{place.url}/api/v1/jobs", timeout=60)
        assert (answer.status_code, answer.text.strip()) == (503, "the server's database does not answer")
        assert int(answer.headers["Retry-After"]) > 0
        assert requests.get(f"{place.url}/healthz", timeout=60).status_code == 200
        assert requests.get(f"{place.url}/readyz", timeout=60).status_code == 503
        own_postgres.start()
        eventually(lambda: requests.get(f"{place.url}/api/v1/jobs", timeout=60).ok, what="the database")
        assert requests.get(f"{place.url}/readyz", timeout=60).status_code == 200
        assert "maintenance failed" not in place.server.output
    finally:
        place.close()


@pytest.mark.parametrize(
    ("login", "code", "words"),
    [
        pytest.param(f"{GUARDED_USER}:wrong", 6, "refuses the log-in", id="a wrong password"),
        pytest.param("cictl:wrong", 7, "newer", id="a newer schema"),
    ],
)
def test_a_database_that_cannot_be_used_ends_the_start(
    tmp_path: Path, database_url: str, login: str, code: int, words: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE cictl_schema AS SELECT 999 AS version")
    ended = serve(tmp_path, "--store", database_url.replace("cictl@", f"{login}@"))
    assert ended.returncode == code, ended.stderr
    assert words in ended.stderr
    assert "wrong" not in ended.stderr


def serve(
    directory: Path, *options: str, program: tuple[str, ...] = ("-m", "cictl")
) -> subprocess.CompletedProcess[str]:
    """Run a server that ends by itself."""
    command = [sys.executable, *program, "serve", "--port", "0", "--data-dir", str(directory / "data"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


@pytest.mark.slow
def test_an_absent_database_is_waited_for_and_then_named(tmp_path: Path) -> None:
    ended = serve(tmp_path, "--store", "postgresql://cictl:secret@127.0.0.1:9/ci")
    assert ended.returncode == 9
    # At once, and then every five seconds of thirty: fewer if this machine lets it wait for longer.
    assert 2 <= len(re.findall(r"waiting for postgresql://cictl@127\.0\.0\.1:9/ci: ", ended.stderr)) <= 6
    assert "error: cannot reach postgresql://cictl@127.0.0.1:9/ci: " in ended.stderr
    assert "secret" not in ended.stderr


WITHOUT_PSYCOPG = """\
import sys
sys.modules["psycopg"] = None
sys.argv[0] = "cictl"
from cictl.cli.entry import main
sys.exit(main())
"""


def test_without_the_extra_its_installation_is_named(tmp_path: Path) -> None:
    ended = serve(tmp_path, "--store", "postgresql://db/ci", program=("-c", WITHOUT_PSYCOPG))
    assert ended.returncode == 1
    assert 'pip install "cictl[postgres]"' in ended.stderr


def test_a_server_without_a_database_never_imports_psycopg(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from cictl_server.serve import Server, ServerConfig;"
        f" server = Server(ServerConfig(data_dir=Path({str(tmp_path)!r}), port=0)); server.stop();"
        " print([name for name in sys.modules if name.startswith('psycopg')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=150)
    assert done.stdout == "[]\n"


def test_a_start_that_fails_late_is_no_server_for_the_others(tmp_path: Path, database_url: str) -> None:
    """It may have become the leader, and would hold up the work of all until its time is over."""
    (tmp_path / "admin.token").mkdir()
    with pytest.raises(OSError, match=r"admin\.token"):
        Server(ServerConfig(data_dir=tmp_path, port=0, host="0.0.0.0", store=database_url))
    with psycopg.connect(database_url) as connection:
        left = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("servers", "leader")]
    assert left == [(0,), (0,)]


def test_what_is_no_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="--store"):
        Server(ServerConfig(data_dir=tmp_path, port=0, store="mysql://u:secret@db/ci"))
