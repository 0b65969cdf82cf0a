"""The shells of this machine: the command line of each, what it puts before a script, and how it takes a long one."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Protocol

LONGEST_ARGUMENT = (1 << 17) - 1
"""The longest argument that Linux takes: MAX_ARG_STRLEN, 32 pages of 4 KiB, less the NUL at the end."""
FROM_INPUT = 'eval "$(cat)" < /dev/null'
"""Runs its input as the script. The script itself has an empty input, as it does when it is short."""

_LONGEST_WINDOWS_LINE = 32_000
"""CreateProcess takes 32,767 characters; this leaves room for the program and the quoting."""

_CMD_SCRIPT = "ciwi-job-script.cmd"
_UTF8_CODE_PAGE = "@chcp 65001>nul"
_POWERSHELL_UTF8 = "try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding $false } catch { }"


class Invocation(NamedTuple):
    """How to run one script: the command line, and the file that it reads as its input, if any."""

    arguments: list[str]
    script: IO[bytes] | None = None


class Interpreter(Protocol):
    """One shell."""

    def invocation(self, script: str, *, is_traced: bool, scratch_dir: Path) -> AbstractContextManager[Invocation]:
        """Prepare a script; files written for it are deleted when the context ends.

        Args:
            is_traced: Whether the shell prints each command.
            scratch_dir: A directory that only the agent uses.

        Raises:
            ValueError: The script holds a NUL.
        """


@dataclass(frozen=True)
class PosixShell:
    """A shell that takes its script by `-c`. A long one comes as input from a file without a name, which nobody else can open.

    Attributes:
        program: Its name on PATH.
        options: What `set` is given before each script.
    """

    program: str
    options: str

    @contextmanager
    def invocation(self, script: str, *, is_traced: bool, scratch_dir: Path) -> Iterator[Invocation]:
        whole = self.prefix(is_traced=is_traced) + script
        if len(whole.encode()) <= LONGEST_ARGUMENT:
            yield Invocation([self.program, "-c", whole])
            return
        with staged(whole, scratch_dir) as file:
            yield Invocation([self.program, "-c", FROM_INPUT], file)

    def prefix(self, *, is_traced: bool) -> str:
        """Return what is put before a script, on this machine or in a container."""
        return f"set {self.options}\n" + ("set -x\n" if is_traced else "")


SH = PosixShell("sh", "-e")
BASH = PosixShell("bash", "-eo pipefail")
"""A pipe fails with any of its commands."""


class Cmd:
    """`cmd.exe /d /c` with a batch file. cmd has no `set -e`: the script itself decides with which code it ends.

    The file is UTF-8. Its second line, `chcp 65001`, tells cmd so, which else reads it in the machine's own code page. A
    byte order mark would not do: cmd takes it for a part of the first command.
    """

    @contextmanager
    def invocation(self, script: str, *, is_traced: bool, scratch_dir: Path) -> Iterator[Invocation]:
        _refuse_nul(script)
        with tempfile.TemporaryDirectory(dir=scratch_dir, prefix="script-", ignore_cleanup_errors=True) as directory:
            file = Path(directory) / _CMD_SCRIPT
            lines = ["@echo on" if is_traced else "@echo off", _UTF8_CODE_PAGE, *re.split(r"\r\n|\r|\n", script)]
            file.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
            yield Invocation(["cmd.exe", "/d", "/c", str(file)])


class PowerShell:
    """Windows PowerShell, else `pwsh`. A long script is read from a file as a script block, which no policy forbids."""

    @contextmanager
    def invocation(self, script: str, *, is_traced: bool, scratch_dir: Path) -> Iterator[Invocation]:
        _refuse_nul(script)
        whole = self._prefix(is_traced=is_traced) + script
        if len(whole) <= _LONGEST_WINDOWS_LINE:
            yield Invocation([*self._command(), whole])
            return
        with tempfile.TemporaryDirectory(dir=scratch_dir, prefix="script-", ignore_cleanup_errors=True) as directory:
            file = Path(directory) / "ciwi-job-script.ps1"
            file.write_bytes(whole.encode())
            text = f"[IO.File]::ReadAllText({quoted_for_powershell(str(file))}, [Text.Encoding]::UTF8)"
            yield Invocation([*self._command(), f". ([ScriptBlock]::Create({text}))"])

    def _command(self) -> list[str]:
        program = "powershell" if shutil.which("powershell") or not shutil.which("pwsh") else "pwsh"
        return [program, "-NoProfile", "-NonInteractive", "-Command"]

    def _prefix(self, *, is_traced: bool) -> str:
        lines = [_POWERSHELL_UTF8, "$ErrorActionPreference='Stop'", *(["Set-PSDebug -Trace 1"] if is_traced else [])]
        return "".join(f"{line}\n" for line in lines)


def quoted_for_powershell(text: str) -> str:
    """Return *text* as a literal string of PowerShell."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def staged(script: str, directory: Path) -> Iterator[IO[bytes]]:
    """Yield a file without a name that holds *script*; only this user can read it.

    It is in memory where the system has `memfd_create`: a container's variables come this way, and its secrets belong on
    no disk.
    """
    _refuse_nul(script)
    with _nameless(directory) as file:
        file.write(script.encode())
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        yield file


def _nameless(directory: Path) -> IO[bytes]:
    if not hasattr(os, "memfd_create"):  # other systems, and Pythons that were built for an old C library
        return tempfile.TemporaryFile(dir=directory)
    return os.fdopen(os.memfd_create("script"), "w+b")


def _refuse_nul(script: str) -> None:
    if "\0" in script:
        raise ValueError("embedded null byte")
