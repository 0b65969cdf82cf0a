"""The program itself: help, version, wrong usage, laziness."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cictl import __version__
from cictl.cli.app.commands import load_command
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.main import COMMANDS, asks_for_json
from tests.cli.conftest import Run

FORBIDDEN = (
    "requests", "urllib3", "http.client", "rich", "falcon", "waitress", "tinydb", "yaml", "msgspec", "asyncio",
    "jmespath", "cictl.wire", "cictl_client", "cictl_server", "cictl_agent",
)  # fmt: skip


def imported_by(*argv: str) -> set[str]:
    """Return the modules that the program has imported when it ends."""
    code = f"import sys\nfrom cictl.cli.app.main import main\nmain({argv!r})\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.splitlines())


@pytest.mark.parametrize(
    "argv", [("--help",), ("--version",), ("version",), ("nonsense",)], ids=["help", "version option", "no-op", "typo"]
)
def test_nothing_heavy_is_imported(argv: tuple[str, ...]) -> None:
    assert imported_by(*argv).isdisjoint(FORBIDDEN)


def test_help_lists_every_command_on_stdout(run: Run) -> None:
    ran = run("--help")
    assert (ran.code, ran.err) == (0, "")
    assert all(f"  {name} " in ran.out for name, entry in COMMANDS.items() if not entry.is_technical)


def test_no_command_is_a_usage_error_that_shows_the_help(run: Run) -> None:
    ran = run()
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert "Commands:" in ran.err


@pytest.mark.parametrize("group", ["agents", "projects", "pipelines", "jobs"])
def test_a_group_alone_shows_its_commands(run: Run, group: str) -> None:
    ran = run(group)
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert "list" in ran.err


@pytest.mark.weakness("U17")
@pytest.mark.parametrize("argv", [("--version",), ("version",)])
def test_version(run: Run, argv: tuple[str, ...]) -> None:
    assert run(*argv).out == f"cictl {__version__}\n"


@pytest.mark.parametrize("argv", [("-o", "json", "version"), ("version", "-o", "json"), ("version", "-ojson")])
def test_shared_options_go_before_and_after_the_command(run: Run, argv: tuple[str, ...]) -> None:
    assert run(*argv).json()["version"] == __version__


def test_the_option_behind_the_command_wins(run: Run) -> None:
    assert run("-o", "yaml", "version", "-o", "name").out == f"{__version__}\n"


def test_output_format_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_OUTPUT", "json")
    assert run("version").json()["version"] == __version__


def test_in_a_step_that_variable_names_a_file_and_no_format(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_OUTPUT", "/work/1-output")
    monkeypatch.setenv("CICTL_JOB_EXECUTION_ID", "job-1")
    assert run("version").out == f"cictl {__version__}\n"


USAGE_ERRORS = [
    pytest.param(("verson",), "did you mean version?", id="typo of a command"),
    pytest.param(("logs",), "did you mean jobs logs?", id="verb without its noun"),
    pytest.param(("pause",), "did you mean queue pause or schedules pause?", id="verb of several nouns"),
    pytest.param(("jobs", "shwo"), "did you mean show?", id="typo of a verb"),
    pytest.param(("version", "--nonsense"), "no such option: --nonsense", id="unknown option"),
    pytest.param(("jobs", "show"), "missing argument", id="missing argument"),
    pytest.param(("version", "too", "much"), "unexpected extra argument", id="extra argument"),
    pytest.param(("version", "--query", "a["), "not a JMESPath expression", id="bad query"),
    pytest.param(("jobs", "list", "--status", "broken"), "no such status: broken", id="unknown status"),
    pytest.param(("jobs", "list", "--limit", "0"), "--limit", id="number out of range"),
    pytest.param(("jobs", "watch", "1", "--run", "2"), "name jobs, or --run", id="two things to watch"),
    pytest.param(("jobs", "logs", "1", "--tail", "2", "--offset", "3"), "exclude each other", id="tail and offset"),
    pytest.param(("jobs", "download", "1", "a", "--prefix", "b"), "exclude each other", id="path and prefix"),
    pytest.param(("info", "--server", "localhost:8112"), "not a server URL", id="bad URL"),
    pytest.param(("info", "--context", "prod"), "no context 'prod'", id="unknown context"),
]


@pytest.mark.parametrize(("argv", "text"), USAGE_ERRORS)
def test_wrong_usage_is_2_and_one_line_with_a_hint_or_json(run: Run, argv: tuple[str, ...], text: str) -> None:
    ran, data = run(*argv), run("-o", "json", *argv)
    assert (ran.code, ran.out) == (data.code, data.out) == (ExitCode.USAGE, "")
    assert ran.err.startswith("error: ")
    assert text in ran.err.splitlines()[0]
    assert len(ran.err.splitlines()) <= 2
    assert set(data.error()) == {"code", "message", "hint", "status"}
    assert data.error()["code"] == "usage"
    assert text in data.error()["message"]


def test_unknown_format_names_the_known_ones(run: Run) -> None:
    ran = run("version", "-o", "xml")
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert "'xml' is not one of table, wide, json, yaml, name" in ran.err


@pytest.mark.parametrize(
    ("argv", "asked"),
    [
        (["-o", "json"], True),
        (["-ojson"], True),
        (["--output=json"], True),
        (["-o", "json", "x", "-o", "table"], False),
        (["--", "-o", "json"], False),
        (["-o"], False),
    ],
)
def test_asks_for_json(argv: list[str], asked: bool) -> None:
    assert asks_for_json(argv, {}) is asked


def test_unexpected_exceptions_are_one_line_and_a_traceback_with_debug(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cictl.cli.commands.here.version.platform", None)
    ran = run("version", "-o", "yaml")
    assert ran.code == ExitCode.ERROR
    assert ran.err.splitlines()[0].startswith("error: unexpected AttributeError")
    assert "--debug" in ran.err.splitlines()[1]
    assert "Traceback" in run("version", "-o", "yaml", "--debug").err


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("serve", "run-agent", "demo")])
def test_every_command_has_help_that_ends_in_examples(run: Run, name: str) -> None:
    words: list[tuple[str, ...]] = [(name,)]
    words += [(name, verb) for verb in getattr(load_command(name, COMMANDS[name]), "commands", {})]
    for path in words:
        lines = run(*path, "--help").out.splitlines()
        examples = lines[lines.index("Examples:") + 1 :]
        assert examples, path
        assert all("cictl " in line for line in examples), path


def test_help_fits_into_80_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, run("run", "--help").out.splitlines())) <= 80


def test_help_uses_no_markup(run: Run) -> None:
    assert "\x1b" not in run("jobs", "list", "--help").out
