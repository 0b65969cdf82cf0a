"""Completion as people meet it: a real shell on a terminal, the TAB key, and Enter.

A shell that is not installed has no tests here; what checks a change before it lands sees to it that all three are.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from cictl_testing.shop import Shop, job

from cictl.wire.jobs import JobStatus
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[3]
SHELLS = [shell for shell in ("bash", "zsh", "fish") if shell == "bash" or shutil.which(shell)]
DEADLINE_SECONDS = 60.0

pytestmark = pytest.mark.shells

COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
LOADING = {
    "bash": f"source '{ROOT}/completions/cictl.bash'",
    "zsh": f"autoload -U compinit; compinit -D -u; source '{ROOT}/completions/cictl.zsh'",
    "fish": f"source '{ROOT}/completions/cictl.fish'",
}

INSTALLED = {
    "bash": "source '{home}/data/bash-completion/completions/cictl'",
    "zsh": "fpath=('{home}/data/zsh/site-functions' $fpath); autoload -U compinit && compinit -D -u",
    "fish": "set fish_complete_path '{home}/config/fish/completions' $fish_complete_path",
}
"""What the shell's start-up file does, or has to do, after `cictl completion install`."""

# Answers the shell's questions as the program does, and writes down how it was called otherwise.
PROGRAM = """#!/bin/sh
if [ "$1" = __complete ]; then exec '{python}' -m cictl "$@"; fi
printf '%s\\n' "$@" > '{record}.new' && mv '{record}.new' '{record}'
"""


class Keyboard:
    """Types into a shell, and tells what the shell ran."""

    def __init__(self, shell: str, env: dict[str, str], home: Path, *, loading: str) -> None:
        self._record = home / "called"
        command, *arguments = COMMANDS[shell]
        self._child = pexpect.spawn(
            command, arguments, env=env, cwd=str(home), dimensions=(50, 200), encoding="utf-8", timeout=DEADLINE_SECONDS
        )
        self._child.sendline(f"{loading}; echo loa''ded")
        self._child.expect_exact("loaded\r\n")

    def run(self, line: str) -> list[str]:
        """Press TAB and Enter behind *line*, and return the words that the program was called with."""
        self._record.unlink(missing_ok=True)
        self._child.send(f"{line}\t\r")
        until = time.monotonic() + DEADLINE_SECONDS
        while not self._record.exists():
            assert time.monotonic() < until, self._child.read_nonblocking(100_000, timeout=1)
            self._drain()
        return self._record.read_text().splitlines()

    def sees(self, line: str, *words: str) -> str:
        """Press TAB twice behind *line*, and return the screen once it has all *words*."""
        self._child.send(f"{line}\t\t")
        screen = ""
        while not all(word in screen for word in words):
            screen += self._child.read_nonblocking(100_000, timeout=DEADLINE_SECONDS)
        self._child.send("\x03")
        return screen

    def _drain(self) -> None:
        """Read what the shell shows, so that it never waits for us."""
        try:
            self._child.read_nonblocking(100_000, timeout=0.05)
        except pexpect.TIMEOUT:
            return

    def close(self) -> None:
        self._child.close(force=True)


OpenShell = Callable[..., Keyboard]


@pytest.fixture
def open_shell(home: Path, shop: Shop) -> Iterator[OpenShell]:
    """Opens a shell that finds the program, and the server unless told of another."""
    programs = home / "bin"
    programs.mkdir()
    program = programs / "cictl"
    program.write_text(PROGRAM.format(python=sys.executable, record=home / "called"))
    program.chmod(0o755)
    env = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "TERM": "xterm",
        "CICTL_COMPLETION_SECONDS": str(DEADLINE_SECONDS),
        "LC_ALL": "C.UTF-8",
    }
    opened: list[Keyboard] = []

    def start(shell: str, *, server: str = "", loading: str = "") -> Keyboard:
        environment = {**env, "CICTL_SERVER_URL": server or shop.url}
        opened.append(Keyboard(shell, environment, home, loading=loading or LOADING[shell]))
        return opened[-1]

    yield start
    for keyboard in opened:
        keyboard.close()


@pytest.fixture(params=SHELLS)
def keyboard(request: pytest.FixtureRequest, open_shell: OpenShell) -> Keyboard:
    return open_shell(request.param)


def test_commands_and_options(keyboard: Keyboard) -> None:
    assert keyboard.run("cictl heal") == ["healthcheck"]
    assert keyboard.run("cictl agents deact") == ["agents", "deactivate"]
    assert keyboard.run("cictl -o json jobs li") == ["-o", "json", "jobs", "list"]
    assert keyboard.run("cictl jobs list --sta") == ["jobs", "list", "--status"]


def test_words_of_options_and_arguments(keyboard: Keyboard) -> None:
    assert keyboard.run("cictl jobs list -o js") == ["jobs", "list", "-o", "json"]
    assert keyboard.run("cictl jobs list --status succ") == ["jobs", "list", "--status", "succeeded"]
    assert keyboard.run("cictl jobs list --status=succ") == ["jobs", "list", "--status=succeeded"]
    assert keyboard.run("cictl completion show fi") == ["completion", "show", "fish"]


def test_names_of_the_server(keyboard: Keyboard, shop: Shop) -> None:
    shop.put(job("job-17954", JobStatus.FAILED))
    assert keyboard.run("cictl agents show ma") == ["agents", "show", "mac"]
    assert keyboard.run("cictl projects show s") == ["projects", "show", "shop"]
    assert keyboard.run("cictl pipelines show shop/b") == ["pipelines", "show", "shop/build"]
    assert keyboard.run("cictl run --wait shop/build/c") == ["run", "--wait", "shop/build/compile"]
    assert keyboard.run("cictl chains run s") == ["chains", "run", "shop/release"]
    assert keyboard.run("cictl jobs logs -f job-") == ["jobs", "logs", "-f", "job-17954"]
    assert keyboard.run("cictl jobs list --agent ma") == ["jobs", "list", "--agent", "mac"]


def test_each_argument_has_its_own_names(keyboard: Keyboard, shop: Shop) -> None:
    shop.put(job("job-1"), job("job-2"))
    assert keyboard.run("cictl jobs watch job-1 job-2") == ["jobs", "watch", "job-1", "job-2"]
    assert keyboard.run("cictl jobs watch --timeout 5 job-1 --run r") == [
        "jobs",
        "watch",
        "--timeout",
        "5",
        "job-1",
        "--run",
        "run-1",
    ]
    assert keyboard.run("cictl agents exec mac ma") == ["agents", "exec", "mac", "ma"]


def test_several_names_are_shown(keyboard: Keyboard) -> None:
    keyboard.sees("cictl agents show ", "build-1", "build-2", "mac")


def test_a_name_with_blanks_stays_one_word_and_runs_nothing(keyboard: Keyboard, shop: Shop, home: Path) -> None:
    name = "web shop; $(touch gone) & 'more'"
    shop.rename(name)
    assert keyboard.run("cictl projects show we") == ["projects", "show", name]
    assert not (home / "gone").exists()


def test_a_name_with_a_colon(keyboard: Keyboard, shop: Shop) -> None:
    shop.beat("host:1")
    assert keyboard.run("cictl agents show ho") == ["agents", "show", "host:1"]
    assert keyboard.run("cictl agents show host:") == ["agents", "show", "host:1"]


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_is_said_when_the_server_is_away(open_shell: OpenShell, dead_url: str, home: Path, shell: str) -> None:
    (home / "makefile").touch()
    keyboard = open_shell(shell, server=dead_url)
    assert keyboard.run("cictl agents show ma") == ["agents", "show", "ma"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_server_of_the_line_is_asked(open_shell: OpenShell, dead_url: str, shop: Shop, shell: str) -> None:
    keyboard = open_shell(shell, server=dead_url)
    assert keyboard.run(f"cictl --server {shop.url} agents show ma")[-1] == "mac"


def test_names_of_files_where_there_are_no_others(keyboard: Keyboard, home: Path) -> None:
    (home / "release.yaml").touch()
    assert keyboard.run("cictl lint rel") == ["lint", "release.yaml"]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_was_installed_works(
    open_shell: OpenShell, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    assert run("completion", "install", shell).code == 0
    keyboard = open_shell(shell, loading=INSTALLED[shell].format(home=home))
    assert keyboard.run("cictl agents show ma") == ["agents", "show", "mac"]
    assert keyboard.run("cictl agents deact") == ["agents", "deactivate"]
