"""Every command in every way: it succeeds, what it names is missing, the server is away, on a terminal, in a pipe.

A command that is added has to be added to the table here, or a test fails.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import pytest
from cictl_testing.shop import UPDATES, Shop

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.main import main
from cictl.cli.completion.tree import command_tree
from cictl.wire.admin.vault import VAULT_AUTH_OK, VaultTestResponse
from tests.cli.conftest import HASTE, Ran, Run


@dataclass(frozen=True)
class Row:
    """One command.

    Attributes:
        argv: What succeeds; job-1 is over, job-2 waits, `REPOSITORY` stands for a repository.
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
        if words[0] in ("info", "run", "api", "healthcheck", "whoami"):
            return words[0]
        return " ".join(words[: 3 if words[:2] == ["projects", "hook"] else 2])


ROWS = [
    Row("healthcheck"),
    Row("info"),
    Row("run shop/build", "run shop/nothing", writes=True),
    Row("agents list"),
    Row("agents show build-1", "agents show nobody"),
    Row("agents activate build-1", "agents activate nobody", writes=True),
    Row("agents deactivate build-1", "agents deactivate nobody", writes=True),
    Row("agents drain build-1 --reason x", "agents drain nobody --reason x", writes=True),
    Row("agents refresh-tools build-1", "agents refresh-tools nobody", writes=True),
    Row("agents restart build-1", "agents restart nobody", writes=True),
    Row("agents wipe-cache build-1 --yes", "agents wipe-cache nobody --yes", writes=True),
    Row("agents flush-history build-1 --yes", "agents flush-history nobody --yes", writes=True),
    Row("agents remove build-1 --force --yes", "agents remove nobody --yes", writes=True),
    Row("agents update build-1", "agents update nobody", writes=True),
    Row("agents exec build-1 id", "agents exec nobody id", writes=True),
    Row("projects list"),
    Row("projects show shop", "projects show nothing"),
    Row("projects import REPOSITORY", writes=True),
    Row("projects reload shop", "projects reload nothing", writes=True),
    Row("projects check shop", "projects check nothing", writes=True),
    Row("projects hook show shop", "projects hook show nothing"),
    Row("projects hook rotate shop", "projects hook rotate nothing", writes=True),
    Row("projects set shop --job-tokens start", "projects set nothing --job-tokens start", writes=True),
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
    Row("jobs show job-1", "jobs show job-9"),
    Row("jobs logs job-1", "jobs logs job-9", shows_text=True),
    Row("jobs cancel job-2", "jobs cancel job-9", writes=True),
    Row("jobs rerun job-1", "jobs rerun job-9", writes=True),
    Row("jobs prioritize job-2 5", "jobs prioritize job-9 5", writes=True),
    Row("jobs delete job-2 --yes", "jobs delete job-9 --yes", writes=True),
    Row("jobs clear-queue --yes", writes=True),
    Row("jobs flush-history --yes", writes=True),
    Row("jobs artifacts job-1", "jobs artifacts job-9"),
    Row("jobs download job-1 app", "jobs download job-1 nothing"),
    Row("jobs tests job-1", "jobs tests job-9"),
    Row("jobs explain job-2", "jobs explain job-9"),
    Row("jobs watch job-1", "jobs watch job-9"),
    Row("runs list", "runs list --pipeline nothing"),
    Row("queue show"),
    Row("queue pause --reason x", "queue pause --project nothing --reason x", writes=True),
    Row("queue resume", "queue resume --project nothing", writes=True),
    Row("schedules list", "schedules list --project nothing"),
    Row("schedules next shop/build", "schedules next shop/nothing"),
    Row("schedules pause shop/build --reason x", "schedules pause shop/nothing --reason x", writes=True),
    Row("schedules resume shop/build#1", "schedules resume shop/build#2", writes=True),
    Row("schedules run shop/build#1", "schedules run shop/build#2", writes=True),
    Row("runs pin @last", "runs pin nothing", writes=True),
    Row("runs unpin @last", "runs unpin nothing", writes=True),
    Row("notifications list", "notifications list --project nothing"),
    Row("tests list", "tests list --project nothing"),
    Row("tests flaky", "tests flaky --pipeline nothing"),
    Row("tests slow", "tests slow --project nothing"),
    Row("insight pipelines", "insight pipelines --project nothing"),
    Row("insight branches", "insight branches --pipeline nothing"),
    Row("insight agents"),
    Row("retention show"),
    Row("retention set --project shop --keep-runs 5", "retention set --project nothing --keep-runs 5", writes=True),
    Row("retention preview"),
    Row("retention run --yes", writes=True),
    Row("secrets list"),
    Row("secrets rotate-key", writes=True),
    Row("whoami"),
    Row("tokens list"),
    Row("tokens create anna --role admin", writes=True),
    Row("audit list"),
    Row("audit verify"),
    Row("vault list"),
    Row("vault add pantry --kv-mount x", writes=True),
    Row("vault delete pantry --yes", "vault delete nothing --yes", writes=True),
    Row("vault test pantry", "vault test nothing"),
    Row("update check"),
    Row("update tags"),
    Row("update status"),
    Row("update apply --yes", writes=True),
    Row("update rollback --yes", writes=True),
    Row("server restart --yes", writes=True),
    Row("api GET agents", "api GET agents/nobody"),
    Row("api POST agents/build-1/actions -d action=activate", writes=True),
]

ELSEWHERE = {
    "tests show": "needs a report: tests/cli/nouns/test_cli_tests.py",
    **{
        f"runs {verb}": "needs a run: tests/cli/nouns/test_cli_runs.py"
        for verb in ("show", "summary", "watch", "approve", "reject", "cancel", "rerun")
    },
    "notifications test": "needs a receiver: tests/cli/nouns/test_cli_notifications.py",
    "serve": "tests/server/about/test_serve.py, tests/e2e",
    "run-agent": "tests/e2e",
    "demo": "no server: .ci/run",
    "init": "no server: tests/cli/here/test_cli_init.py",
    "convert": "no server: tests/cli/here/test_cli_convert.py",
    "open": "opens a browser: tests/cli/here/test_cli_open.py",
    "lint": "no server: tests/cli/here/test_cli_lint.py",
    "secrets set": "reads a value: tests/cli/nouns/test_cli_secrets.py",
    "secrets remove": "needs a secret: tests/cli/nouns/test_cli_secrets.py",
    "login": "needs tokens: tests/cli/nouns/test_cli_tokens.py",
    "logout": "no server: tests/cli/nouns/test_cli_tokens.py",
    "tokens revoke": "needs tokens: tests/cli/nouns/test_cli_tokens.py",
    "tokens rotate": "needs tokens: tests/cli/nouns/test_cli_tokens.py",
    "agents enroll": "needs tokens: tests/cli/nouns/test_cli_tokens.py",
    **{
        f"projects forge {verb}": "needs a forge: tests/cli/nouns/test_cli_forge.py"
        for verb in ("set", "show", "test", "remove")
    },
    "projects icon": "writes an image: tests/cli/nouns/test_cli_project_icons.py",
    "store check": "no server: tests/cli/nouns/test_cli_store.py",
    "store backup": "no server: tests/cli/nouns/test_cli_store.py",
    "store restore": "no server: tests/cli/nouns/test_cli_store.py",
    "store copy": "two ends without a server: tests/transfer/test_store_copy.py",
    "store compact": "no server: tests/cli/nouns/test_cli_store.py",
    "store export": "no server: tests/cli/nouns/test_cli_store.py",
    "context list": "no server: tests/cli/program/test_cli_context.py",
    "context use": "no server: tests/cli/program/test_cli_context.py",
    "context set": "no server: tests/cli/program/test_cli_context.py",
    "context delete": "no server: tests/cli/program/test_cli_context.py",
    "context show": "no server: tests/cli/program/test_cli_context.py",
    "completion show": "no server: tests/cli/program/test_cli_completion.py",
    "completion install": "no server: tests/cli/program/test_cli_completion.py",
    "version": "no server: tests/cli/program/test_cli_usage.py",
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


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads go elsewhere than into the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def any_shop(request: pytest.FixtureRequest, row: Row) -> Shop:
    """A shop with one of everything: of its own for a row that writes, else the one of all."""
    shop: Shop = request.getfixturevalue("shop" if row.writes else "showcase")
    if row.writes:
        shop.stock()
    shop.gate.answers(UPDATES)
    shop.gate.answer("POST /api/v1/vault/connections/3/test", VaultTestResponse(ok=True, message=VAULT_AUTH_OK))
    return shop


@pytest.fixture
def succeed(run: Run, any_shop: Shop, row: Row, monkeypatch: pytest.MonkeyPatch) -> partial[Ran]:
    """Runs the row as it succeeds, with more words behind it; what only reads does so although nothing may be written."""
    monkeypatch.setenv("CICTL_SERVER_URL", any_shop.url)
    monkeypatch.setenv("CICTL_READONLY", "" if row.writes else "1")
    return partial(run, *words(any_shop, row.argv))


def words(shop: Shop, text: str) -> list[str]:
    return [str(shop.repository) if word == "REPOSITORY" else word for word in text.split()]


@pytest.mark.parametrize("row", EVERY)
def test_success_as_json(succeed: Run, row: Row) -> None:
    ran = succeed("-o", "json")
    assert ran.code == 0, ran.err
    if not row.shows_text:
        assert isinstance(msgspec.json.decode(ran.out), dict)


@pytest.mark.parametrize("row", EVERY)
def test_success_in_a_pipe_has_no_control_sequences(succeed: Run, row: Row) -> None:
    ran = succeed()
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.out + ran.err
    assert ran.out or ran.err


@pytest.mark.parametrize("row", MISSING)
def test_what_is_missing_is_5_with_a_hint(shown: Run, row: Row) -> None:
    argv = row.missing.split()
    text, data = shown(*argv), shown(*argv, "-o", "json")
    assert text.code == data.code == ExitCode.NOT_FOUND
    assert (text.out, data.out) == ("", "") or row.path == "api"
    assert data.error()["code"] == "not_found"
    first, second = text.err.splitlines()[:2]
    assert first.startswith("error: ")
    assert second.startswith("try: ")


@pytest.mark.parametrize("row", EVERY)
def test_away_is_9(run: Run, dead_url: str, row: Row) -> None:
    argv = [*row.argv.split(), "--server", dead_url]
    text, data = run(*argv), run(*argv, "-o", "json")
    assert text.code == data.code == ExitCode.UNREACHABLE
    if row.path != "healthcheck":
        assert (text.out, data.out, data.error()["code"]) == ("", "", "unreachable")
        first, second = text.err.splitlines()[:2]
        assert dead_url in first
        assert second.startswith("try: ")


@pytest.mark.parametrize("row", WRITES)
def test_readonly_refuses_it(shown: Run, showcase: Shop, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    argv = words(showcase, row.argv)
    text, data = shown(*argv), shown(*argv, "-o", "json")
    assert (text.code, data.code, text.out, data.out) == (ExitCode.NOT_ALLOWED, ExitCode.NOT_ALLOWED, "", "")
    assert "CICTL_READONLY is set" in text.err
    assert data.error()["code"] == "readonly"
    assert showcase.gate.requests == []


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
def on_terminal(succeed: partial[Ran], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs the row on a terminal, and returns its exit code and what it wrote."""

    def run_there(**env: str) -> tuple[int, str]:
        terminal = Terminal()
        with monkeypatch.context() as patched:
            for name, value in {"TERM": "xterm-256color", "COLUMNS": "80", **env}.items():
                patched.setenv(name, value)
            patched.setattr("sys.stdout", terminal.stream)
            patched.setattr("sys.stderr", terminal.stream)
            code = main(succeed.args, patience=HASTE)
        return code, terminal.close()

    return run_there


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
@pytest.mark.parametrize("row", READS)
def test_a_terminal_without_colour_gets_none(
    on_terminal: Callable[..., tuple[int, str]], row: Row, env: dict[str, str]
) -> None:
    code, text = on_terminal(**env)
    assert code == 0, text
    assert "\x1b" not in text
    assert text.strip()


@pytest.mark.parametrize("row", READS)
def test_a_terminal_gets_the_cursor_back(on_terminal: Callable[..., tuple[int, str]], row: Row) -> None:
    code, text = on_terminal()
    assert code == 0, text
    assert text.count("\x1b[?25l") <= text.count("\x1b[?25h")
    assert text.endswith(("\n", "\x1b[?25h")) or row.shows_text
