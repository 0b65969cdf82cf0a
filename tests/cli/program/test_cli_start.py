"""Starting quickly: what must not be loaded, and a short cut that shows nothing else than the long way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cictl_testing.shop import Shop

from cictl.cli import entry
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.main import main
from cictl.wire.problems import Code

HEAVY = {
    "requests",
    "urllib3",
    "rich",
    "yaml",
    "falcon",
    "waitress",
    "tinydb",
    "jmespath",
    "asyncio",
    "pydantic",
}
"""Each takes longer to load than a command that needs none of it may take."""

PROGRAM = (
    "import sys; from cictl.cli.entry import main; code = main(); print(*sys.modules, file=sys.stderr); sys.exit(code)"
)


def loaded_by(*argv: str, server: str = "http://127.0.0.1:9") -> tuple[int, set[str]]:
    """Return how `cictl ARGV` ends, and what it has loaded by then."""
    environment = {"PATH": os.environ["PATH"], "CICTL_SERVER_URL": server, "HOME": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *argv], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("argv", [("version",), ("--version",)])
def test_the_version_needs_nothing(argv: tuple[str, ...]) -> None:
    code, loaded = loaded_by(*argv)
    assert code == 0
    assert loaded.isdisjoint(HEAVY | {"typer", "msgspec", "cictl.cli.app.main"})


def test_a_health_check_needs_no_http_library(showcase: Shop) -> None:
    code, loaded = loaded_by("healthcheck", server=showcase.url)
    assert code == 0
    assert loaded.isdisjoint(HEAVY | {"typer"})


def test_a_health_check_with_options_needs_none_either(showcase: Shop) -> None:
    code, loaded = loaded_by("healthcheck", "--timeout", "50", server=showcase.url)
    assert code == 0
    assert loaded.isdisjoint(HEAVY)


def test_a_server_is_loaded_without_what_its_first_request_does_not_need() -> None:
    program = "import sys, cictl_server.serve; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert set(loaded.stdout.split()).isdisjoint({"requests", "urllib3", "yaml", "cryptography", "psycopg", "granian"})


SPELLINGS = [
    ("version",),
    ("--version",),
    ("version", "-o", "json"),
    ("version", "-o", "name"),
    ("version", "--help"),
    ("version", "extra"),
    ("--version", "--debug"),
    ("--version", "nonsense"),
    ("-o", "json", "version"),
]


@pytest.mark.parametrize("output", ["", "json", "table", "nonsense"])
@pytest.mark.parametrize("argv", SPELLINGS, ids=" ".join)
def test_the_short_cut_shows_what_the_long_way_shows(
    argv: tuple[str, ...], output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    if output:
        monkeypatch.setenv("CICTL_OUTPUT", output)
    long_way = main(argv), *capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["cictl", *argv])
    assert (entry.main(), *capsys.readouterr()) == long_way


HEALTH = {
    "healthy": {},
    "as data": {"CICTL_OUTPUT": "json"},
    "unreachable": {"CICTL_SERVER_URL": "http://127.0.0.1:9"},
    "no URL": {"CICTL_SERVER_URL": "gopher://nowhere"},
    "no context": {"CICTL_CONTEXT": "missing"},
    "no token": {"CICTL_TOKEN_FILE": "/nowhere/token"},
}


@pytest.mark.parametrize("settings", HEALTH.values(), ids=list(HEALTH))
def test_the_short_cut_to_health_shows_what_the_long_way_shows(
    settings: dict[str, str],
    showcase: Shop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    home: Path,
) -> None:
    for name, value in {"CICTL_SERVER_URL": showcase.url, **settings}.items():
        monkeypatch.setenv(name, value)
    long_way = main(["healthcheck"]), *capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["cictl", "healthcheck"])
    assert (entry.main(), *capsys.readouterr()) == long_way


def test_the_short_cut_to_health_shows_a_refusal_too(
    showcase: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    monkeypatch.setenv("CICTL_SERVER_URL", showcase.url)
    monkeypatch.setattr(sys, "argv", ["cictl", "healthcheck"])
    showcase.gate.refuse("GET /api/v1/runtime-state", 401, Code.UNAUTHENTICATED, "a token is needed")
    assert entry.main() == ExitCode.NOT_ALLOWED
    assert "cictl login" in capsys.readouterr().err


def test_a_reader_that_is_gone_is_told_the_same_way() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cictl", "version"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == ExitCode.BROKEN_PIPE
