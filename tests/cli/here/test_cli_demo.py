"""What `cictl demo` says at its end. The demo itself is run by `.ci/run`, with the wheel."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest
from cictl_testing.processes import Process

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.main import main
from cictl.cli.commands.here.local import demo

OWN = Path(sys.executable).with_name("cictl")


@pytest.mark.parametrize(
    ("path", "program"),
    [
        pytest.param(f"{OWN.parent}{os.pathsep}/usr/bin", "cictl", id="found"),
        pytest.param("/usr/bin", str(OWN), id="not found"),
    ],
)
def test_the_last_lines_can_be_typed(
    path: str, program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", path)
    demo._tell_what_to_try()
    lines = [line.partition(" # ")[0] for line in capsys.readouterr().err.splitlines() if " # " in line]
    assert len(lines) == 3
    for line in lines:
        named, *words = shlex.split(line)
        assert named == program
        assert main([*words, "--help"]) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_whatever_ends_it_leaves_nothing_behind(number: int, tmp_path: Path) -> None:
    program = Process("demo", environment={"TMPDIR": str(tmp_path)}, directory=tmp_path)
    try:
        program.wait_for_line("$ cictl projects import")
        assert list(tmp_path.iterdir())
        program.process.send_signal(number)
        assert program.wait() == ExitCode.INTERRUPTED, program.output
        assert list(tmp_path.iterdir()) == []
    finally:
        program.stop()
