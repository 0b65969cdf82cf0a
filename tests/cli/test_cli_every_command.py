"""Every command in every way: it succeeds, what it names is missing, the server is away, on a terminal, in a pipe.

A command that is added has to be added to the table here, or a test fails.
"""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from cictl_testing.files import make_repository
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import ThreadedServer

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.main import main
from cictl.cli.completion.tree import command_tree
from cictl.wire.artifacts import ArtifactData, ArtifactUpload
from cictl.wire.projects import ImportRequest
from cictl.wire.reports import TestReport, TestReportUpload
from cictl_server.app import create_app
from tests.cli.conftest import HASTE, Run

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: REPOSITORY, ref: main}
    jobs: [{id: work, steps: [{run: "true"}]}]
pipeline_chains: [{id: release, pipelines: [build]}]
"""


@dataclass(frozen=True)
class Row:
    """One command.

    Attributes:
        argv: What succeeds; `DONE`, `QUEUED`, `RUNNING` stand for jobs, `REPOSITORY` for a repository.
        missing: The same with something that is not there; empty where nothing is named.
        writes: It changes something on the server.
        shows_text: What it shows is no JSON, whatever is asked for.
    """

    argv: str
    missing: str = ""
    writes: bool = False
    shows_text: bool = False

    @property
    def path(self) -> str:
        words = self.argv.split()
        return words[0] if words[0] in ("info", "run", "api", "healthcheck") else " ".join(words[:2])


ROWS = [
    Row("healthcheck"),
    Row("info"),
    Row("run shop/build", "run shop/nothing", writes=True),
    Row("agents list"),
    Row("agents show build-1", "agents show nobody"),
    Row("agents activate build-1", "agents activate nobody", writes=True),
    Row("agents deactivate build-1", "agents deactivate nobody", writes=True),
    Row("agents refresh-tools build-1", "agents refresh-tools nobody", writes=True),
    Row("agents restart build-1", "agents restart nobody", writes=True),
    Row("agents wipe-cache build-1 --yes", "agents wipe-cache nobody --yes", writes=True),
    Row("agents flush-history build-1 --yes", "agents flush-history nobody --yes", writes=True),
    Row("agents update build-1", "agents update nobody", writes=True),
    Row("agents exec build-1 id", "agents exec nobody id", writes=True),
    Row("projects list"),
    Row("projects show shop", "projects show nothing"),
    Row("projects import REPOSITORY", writes=True),
    Row("projects reload shop", "projects reload nothing", writes=True),
    Row("projects delete shop --yes", "projects delete nothing --yes", writes=True),
    Row("pipelines list", "pipelines list --project nothing"),
    Row("pipelines show shop/build", "pipelines show nothing"),
    Row("pipelines run shop/build", "pipelines run nothing", writes=True),
    Row("pipelines preview shop/build", "pipelines preview nothing"),
    Row("pipelines source-refs shop/build", "pipelines source-refs nothing"),
    Row("pipelines eligible-agents shop/build", "pipelines eligible-agents nothing"),
    Row("pipelines version shop/build", "pipelines version nothing"),
    Row("chains list", "chains list --project nothing"),
    Row("chains show shop/release", "chains show nothing"),
    Row("chains run shop/release", "chains run nothing", writes=True),
    Row("chains preview shop/release", "chains preview nothing"),
    Row("chains source-refs shop/release", "chains source-refs nothing"),
    Row("chains eligible-agents shop/release", "chains eligible-agents nothing"),
    Row("jobs list"),
    Row("jobs show DONE", "jobs show job-9"),
    Row("jobs logs DONE", "jobs logs job-9", shows_text=True),
    Row("jobs cancel QUEUED", "jobs cancel job-9", writes=True),
    Row("jobs rerun DONE", "jobs rerun job-9", writes=True),
    Row("jobs delete QUEUED --yes", "jobs delete job-9 --yes", writes=True),
    Row("jobs clear-queue --yes", writes=True),
    Row("jobs flush-history --yes", writes=True),
    Row("jobs artifacts DONE", "jobs artifacts job-9"),
    Row("jobs download DONE app", "jobs download DONE nothing"),
    Row("jobs tests DONE", "jobs tests job-9"),
    Row("jobs explain QUEUED", "jobs explain job-9"),
    Row("jobs watch DONE", "jobs watch job-9"),
    Row("api GET agents", "api GET agents/nobody"),
]

ELSEWHERE = {
    "serve": "tests/server/test_serve.py, tests/e2e",
    "run-agent": "tests/e2e",
    "demo": "tests/cli/test_cli_run.py",
    "lint": "no server: tests/cli/test_cli_lint.py",
    "projects icon": "writes an image: tests/cli/test_cli_project_icons.py",
    "vault list": "needs a Vault: tests/cli/test_cli_vault.py",
    "vault add": "needs a Vault: tests/cli/test_cli_vault.py",
    "vault remove": "needs a Vault: tests/cli/test_cli_vault.py",
    "vault test": "needs a Vault: tests/cli/test_cli_vault.py",
    "update check": "needs an installation: tests/cli/test_cli_update.py",
    "update tags": "needs an installation: tests/cli/test_cli_update.py",
    "update status": "needs an installation: tests/cli/test_cli_update.py",
    "update apply": "needs an installation: tests/cli/test_cli_update.py",
    "update rollback": "needs an installation: tests/cli/test_cli_update.py",
    "server restart": "needs a server to restart: tests/cli/test_cli_update.py",
    "store check": "no server: tests/cli/test_cli_store.py",
    "store backup": "no server: tests/cli/test_cli_store.py",
    "store restore": "no server: tests/cli/test_cli_store.py",
    "store compact": "no server: tests/cli/test_cli_store.py",
    "store export": "no server: tests/cli/test_cli_store.py",
    "context list": "no server: tests/cli/test_cli_context.py",
    "context use": "no server: tests/cli/test_cli_context.py",
    "context set": "no server: tests/cli/test_cli_context.py",
    "context delete": "no server: tests/cli/test_cli_context.py",
    "context show": "no server: tests/cli/test_cli_context.py",
    "completion show": "no server: tests/cli/test_cli_completion.py",
    "completion install": "no server: tests/cli/test_cli_completion.py",
    "version": "no server: tests/cli/test_cli_usage.py",
    "stage": "no server: tests/installation",
    "apply-staged-update": "no server: tests/installation",
    "self-check": "no server: tests/installation",
}
"""Commands that a server with a project does not make succeed, and where their tests are."""

EVERY = [pytest.param(row, id=row.path) for row in ROWS]
MISSING = [pytest.param(row, id=row.path) for row in ROWS if row.missing]
READS = [pytest.param(row, id=row.path) for row in ROWS if not row.writes]
WRITES = [pytest.param(row, id=row.path) for row in ROWS if row.writes]


def test_every_command_is_here_or_elsewhere() -> None:
    commands = {node.path.removeprefix("cictl ") for node in command_tree() if not node.commands}
    assert {row.path for row in ROWS} | set(ELSEWHERE) == commands
    assert {row.path for row in ROWS}.isdisjoint(ELSEWHERE)


@dataclass
class Shop:
    """A server that has one of everything, and what the words of the table stand for."""

    server: RunningServer
    words: dict[str, str]

    def argv(self, text: str) -> list[str]:
        return [self.words.get(word, word) for word in text.split()]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A data directory with one of everything, to be copied, and what the words of the table stand for."""
    directory = tmp_path_factory.mktemp("every-command")
    repository = directory / "repository"
    make_repository(repository, {"cictl.yaml": FILE.replace("REPOSITORY", str(repository))})
    server = RunningServer(directory / "data")
    beat(server)
    assert server.post("/api/v1/projects/import", ImportRequest(repo_url=str(repository))).status_code == 201
    pipeline = server.services.projects.projects.list_projects()[0].pipelines[0].id
    [done] = server.run(pipeline)
    server.running("build-1")
    server.report(done, "running", "build-1", output_append="hello\n", output_offset=0)
    artifacts = ArtifactUpload(agent_id="build-1", artifacts=[ArtifactData(path="app", data_base64="aGVsbG8=")])
    tests = TestReportUpload(agent_id="build-1", report=TestReport(total=1, passed=1, failed=0, skipped=0))
    for name, upload in (("artifacts", artifacts), ("tests", tests)):
        assert server.post(f"/api/v1/jobs/{done}/{name}", upload).status_code < 300
    server.report(done, "succeeded", "build-1")
    [queued] = server.run(pipeline)
    server.close()
    return directory / "data", {"DONE": done, "QUEUED": queued, "REPOSITORY": str(repository)}


@pytest.fixture
def shop(
    template: tuple[Path, dict[str, str]], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """A running copy of the template."""
    data, words = template
    shutil.copytree(data, tmp_path / "data")
    server = RunningServer(tmp_path / "data")
    server.clock.step(1)
    beat(server)
    http = ThreadedServer(create_app(server.services))
    monkeypatch.setenv("CICTL_SERVER_URL", http.url)
    monkeypatch.chdir(tmp_path)
    yield Shop(server, words)
    server.services.core.hub.close()
    http.stop()
    server.close()


def beat(server: RunningServer) -> None:
    capabilities = {"executor": "script", "shells": "posix"}
    server.heartbeat("build-1", hostname="host", version="1.2.3", capabilities=capabilities)


@pytest.mark.parametrize("row", EVERY)
def test_success_as_json(run: Run, shop: Shop, row: Row) -> None:
    ran = run(*shop.argv(row.argv), "-o", "json")
    assert ran.code == 0, ran.err
    if not row.shows_text:
        assert isinstance(msgspec.json.decode(ran.out), dict)


@pytest.mark.parametrize("row", EVERY)
def test_success_in_a_pipe_has_no_control_sequences(run: Run, shop: Shop, row: Row) -> None:
    ran = run(*shop.argv(row.argv))
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.out + ran.err
    assert ran.out or ran.err


@pytest.mark.parametrize("row", MISSING)
def test_what_is_missing_is_5_with_a_hint(run: Run, shop: Shop, row: Row) -> None:
    ran = run(*shop.argv(row.missing))
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "") or row.path == "api"
    assert ran.code == ExitCode.NOT_FOUND
    first, second = ran.err.splitlines()[:2]
    assert first.startswith("error: ")
    assert second.startswith("try: ")


@pytest.mark.parametrize("row", EVERY)
def test_away_is_9(run: Run, dead_url: str, row: Row) -> None:
    ran = run(*row.argv.split(), "--server", dead_url, "-o", "json")
    assert ran.code == ExitCode.UNREACHABLE
    if row.path != "healthcheck":
        assert (ran.out, ran.error()["code"]) == ("", "unreachable")


@pytest.mark.parametrize("row", WRITES)
def test_readonly_refuses_it(run: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    ran = run(*shop.argv(row.argv), "-o", "json")
    assert (ran.code, ran.out, ran.error()["code"]) == (ExitCode.NOT_ALLOWED, "", "readonly")


class Terminal:
    """Both ends of a terminal: the program writes to one, and what it writes is kept."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.stream = io.TextIOWrapper(os.fdopen(slave, "wb", buffering=0), encoding="utf-8", write_through=True)
        self._parts: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> str:
        self.stream.close()
        self._reader.join()
        os.close(self._master)
        return b"".join(self._parts).decode()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65_536)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            self._parts.append(data)


@pytest.fixture
def on_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs the program on a terminal, and returns its exit code and what it wrote."""

    def run_there(*argv: str, **env: str) -> tuple[int, str]:
        terminal = Terminal()
        with monkeypatch.context() as patched:
            for name, value in {"TERM": "xterm-256color", "COLUMNS": "80", **env}.items():
                patched.setenv(name, value)
            patched.setattr("sys.stdout", terminal.stream)
            patched.setattr("sys.stderr", terminal.stream)
            code = main(argv, patience=HASTE)
        return code, terminal.close()

    return run_there


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
@pytest.mark.parametrize("row", READS)
def test_a_terminal_without_colour_gets_none(
    on_terminal: Callable[..., tuple[int, str]], shop: Shop, row: Row, env: dict[str, str]
) -> None:
    code, text = on_terminal(*shop.argv(row.argv), **env)
    assert code == 0, text
    assert "\x1b" not in text
    assert text.strip()


@pytest.mark.parametrize("row", READS)
def test_a_terminal_gets_the_cursor_back(on_terminal: Callable[..., tuple[int, str]], shop: Shop, row: Row) -> None:
    code, text = on_terminal(*shop.argv(row.argv))
    assert code == 0, text
    assert text.count("\x1b[?25l") <= text.count("\x1b[?25h")
    assert text.endswith(("\n", "\x1b[?25h")) or row.shows_text
