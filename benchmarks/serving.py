"""Servers to measure. Each runs in a process of its own, which ends with the scenario; if it dies, the scenario fails."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from figures import Untrue
from load import Connection

TOKENS = "tokens.json"
"""Where `serve_guarded` writes the tokens of its agents."""

_NO_DISK = ("tmpfs", "ramfs")


def kind_served() -> str:
    """Return what answers requests where a scenario does not choose: as `CICTL_SERVER_KIND` says, waitress else."""
    return os.environ.get("CICTL_SERVER_KIND") or "waitress"


@contextmanager
def real_disk(prefix: str) -> Iterator[Path]:
    """Yield a directory on a disk: on a file system in memory durability would look free.

    Raises:
        Untrue: The working directory is in memory, too.
    """
    with tempfile.TemporaryDirectory(prefix=prefix, dir=".") as name:
        directory = Path(name).resolve()
        if kind_of_disk(directory) in _NO_DISK:
            raise Untrue(f"{directory} is in memory: start from a directory on a disk")
        yield directory


def kind_of_disk(directory: Path) -> str:
    """Return the type of the file system that holds *directory*; empty where the system does not tell."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return ""
    rows = [line.split() for line in mounts.read_text().splitlines()]
    holding = [(len(row[1]), row[2]) for row in rows if directory.is_relative_to(row[1])]
    return max(holding)[1] if holding else ""


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


class Served:
    """A server that runs in a process of its own.

    Attributes:
        url: The URL that it answers at.
    """

    def __init__(self, url: str, process: BaseProcess, pipe: Any) -> None:
        self.url = url
        self._process = process
        self._pipe = pipe

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ask(self, message: object) -> Any:
        """Send *message* through the pipe of a server that knows more than its end, and return the answer."""
        self._pipe.send(message)
        return self._pipe.recv()

    def check(self) -> None:
        """Raise `Untrue` if the server has ended."""
        if self._process.exitcode is not None:
            raise Untrue(f"the server died with exit code {self._process.exitcode}")

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over all its labels, or over those rows that have *labels*, as `/metrics` shows it."""
        connection = Connection(self.url)
        try:
            _, body = connection.send("GET", "/metrics", expect=(200,))
        finally:
            connection.close()
        rows = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", body.decode(), re.MULTILINE)
        if not rows:
            raise Untrue(f"the server has no metric {name}")
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(float(value) for shown, value in rows if all(label in shown for label in wanted))


@contextmanager
def served(target: Any, *arguments: Any) -> Iterator[Served]:
    """Run *target* in a process of its own. It must send its URL through its pipe, and stop when anything comes back.

    Raises:
        Untrue: The process died, at its start or later.
    """
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        try:
            server = Served(mine.recv(), process, mine)
        except EOFError as error:
            process.join(5)
            raise Untrue(f"the server died at its start with exit code {process.exitcode}") from error
        yield server
        server.check()
    finally:
        if process.exitcode is None:
            mine.send("stop")
        process.join(20)
        process.kill()


def serve_null(pipe: Any) -> None:
    """Serve one endpoint that does nothing, with the falcon and waitress of a real server."""
    import falcon
    import waitress

    class Null:
        def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
            req.bounded_stream.read()
            resp.data = b"{}"

    app: falcon.App[Any, Any] = falcon.App()
    app.add_route("/null", Null())
    server = waitress.create_server(
        app, host="127.0.0.1", port=0, threads=96, connection_limit=4000, asyncore_use_poll=True
    )
    threading.Thread(target=server.run, daemon=True).start()
    pipe.send(f"http://127.0.0.1:{server.effective_port}")
    pipe.recv()


def serve_cictl(pipe: Any, directory: str, queued: int, finished: int, kind: str = "") -> None:
    """Serve a store with so many executions that wait and that are over; *kind* is what answers requests, see `kind_served`."""
    from executions import fill

    from cictl.wire.jobs import JobStatus
    from cictl_server.serve import Server, ServerConfig, ServerKind
    from cictl_server.store.tiny.store import TinyStore

    with TinyStore.open(Path(directory), is_long_lived=True) as store:
        fill(store, 0, finished, JobStatus.SUCCEEDED)
        fill(store, finished, finished + queued, JobStatus.QUEUED)
    serve(pipe, Server(ServerConfig(data_dir=Path(directory), port=0, server=ServerKind(kind or kind_served()))))


def serve_trivial(pipe: Any, directory: str, queued: int) -> None:
    """Serve a store with so many executions that wait and do nothing."""
    from executions import make_trivial_job, put_jobs

    from cictl_server.serve import Server, ServerConfig, ServerKind
    from cictl_server.store.tiny.store import TinyStore

    Path(directory).mkdir(mode=0o700)
    with TinyStore.open(Path(directory), is_long_lived=True) as store:
        put_jobs(store, map(make_trivial_job, range(queued)))
    serve(pipe, Server(ServerConfig(data_dir=Path(directory), port=0, server=ServerKind(kind_served()))))


def serve_pipeline(pipe: Any, directory: str) -> None:
    """Serve an empty store with one pipeline, number 1, of one job that any agent can run."""
    from datetime import UTC, datetime

    from cictl.project_file import parse
    from cictl_server.serve import Server, ServerConfig, ServerKind
    from cictl_server.store.contract import Transaction
    from cictl_server.store.records.projects import PipelineRecord, ProjectRecord

    text = "version: 1\nproject: {name: p}\npipelines: [{id: p, jobs: [{id: j, steps: [{run: 'true'}]}]}]"
    pipeline = parse(text, config_file="cictl.yaml").pipelines[0]
    project = ProjectRecord(
        id=1,
        name="p",
        identity="p",
        repo_url="",
        repo_ref="",
        config_file="",
        loaded_commit="",
        updated=datetime.now(UTC),
    )

    def define(tx: Transaction) -> None:
        tx.projects.put(project)
        tx.pipelines.put(PipelineRecord(id=1, project_id=1, definition=pipeline))

    server = Server(ServerConfig(data_dir=Path(directory), port=0, server=ServerKind(kind_served())))
    server.services.core.store.write(define)
    serve(pipe, server)


def serve_database(pipe: Any, directory: str, url: str, queued: int, *, first: int = 0) -> None:
    """Serve a store in PostgreSQL with so many executions that wait, numbered from *first* on."""
    from executions import fill

    from cictl.wire.jobs import JobStatus
    from cictl_server.serve import Server, ServerConfig
    from cictl_server.storage import open_storage

    store = open_storage(url, Path(directory)).store
    fill(store, first, first + queued, JobStatus.QUEUED)
    store.close()
    serve(pipe, Server(ServerConfig(data_dir=Path(directory), store=url, port=0)))


def serve_full_database(pipe: Any, directory: str, url: str, queued: int, finished: int) -> None:
    """Serve a store in PostgreSQL with so many executions that are over, and so many that wait."""
    from executions import fill_history

    from cictl_server.storage import open_storage

    store = open_storage(url, Path(directory)).store
    first = fill_history(store, url, finished)
    store.close()
    serve_database(pipe, directory, url, queued, first=first)


def serve_guarded(pipe: Any, directory: str, agents: int, store: str = "") -> None:
    """Serve an empty store that wants tokens; those of the agents `agent-0`, `agent-1` and so on are in the file `TOKENS`.

    With *store* the records are in the database at that URL.
    """
    from cictl.wire.admin.access import TokenRequest
    from cictl_server.serve import Server, ServerConfig

    server = Server(ServerConfig(data_dir=Path(directory), store=store, port=0))
    tokens = server.services.access.tokens
    tokens.create(TokenRequest(name="root", role="admin"), created_by="")
    names = [f"agent-{number}" for number in range(agents)]
    made = [tokens.create(TokenRequest(name=name, role="agent", agent_id=name), created_by="") for name in names]
    Path(directory, TOKENS).write_text(json.dumps([token.token for token in made]))
    serve(pipe, server)


def serve(pipe: Any, server: Any) -> None:
    """Let *server* answer until anything comes through the pipe, which gets its URL."""
    thread = threading.Thread(target=server.run)
    thread.start()
    pipe.send(server.url)
    pipe.recv()
    server.stop()
    thread.join()
