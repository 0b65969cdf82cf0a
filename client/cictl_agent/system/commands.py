"""Running programs: commands of a job, whose output is passed on as it comes, and short ones for the agent itself."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from cictl.base.system import children
from cictl_agent.system.interruption import Interrupted, Interruption
from cictl_agent.system.pipes import Pipe, open_pipe
from cictl_agent.system.process_groups import JobGroups
from cictl_agent.system.processes import Processes

KILLED = -1
"""The exit code of a process that a signal ended."""

_TICK_SECONDS = 0.05
_GRACE_SECONDS = 2.0
_NEWS_SECONDS = 10.0
"""How long a command may take to hear that its work was ended elsewhere, as by `docker kill`; its exit code is that of the work."""
_QUIET_SECONDS = 0.1
_DRAIN_SECONDS = 1.0
_MOST_ANSWER = 1 << 16


class CommandResult(NamedTuple):
    """What a short command gave: its exit code, -1 if it did not start or took too long, and the start of its output."""

    code: int
    output: str


class CommandTimedOut(Exception):
    """The command took longer than its time limit.

    Attributes:
        ended: How it ended then.
    """

    def __init__(self, seconds: float, ended: Exit) -> None:
        super().__init__(f"stopped after {seconds:g} s")
        self.ended = ended


class Exit:
    """How a process ended.

    Attributes:
        code: The exit code as it is reported, which is `KILLED` after a signal.
        signal: The number of the signal that ended it; 0 if none did.
        text: The same for people.
    """

    def __init__(self, returncode: int) -> None:
        self.code = returncode if returncode >= 0 else KILLED
        self.signal = max(0, -returncode)
        self.text = f"killed by {signal_name(self.signal)}" if self.signal else f"exit status {returncode}"


@cache
def _known(program: str, path: str | None) -> str | None:
    return shutil.which(program, path=path)


def _found(program: str, path: str | None) -> str | None:
    """Return where a program is; one that has gone from where it was is looked for again."""
    known = _known(program, path)
    if known is None or not os.access(known, os.X_OK):
        _known.cache_clear()
        return _known(program, path)
    return known


def signal_name(number: int) -> str:
    """Return the name of a signal, such as `SIGKILL`; `signal 64` for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def run_command(
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    sink: Callable[[bytes], None],
    interruption: Interruption,
    processes: Processes,
    limit_seconds: float | None = None,
    script: IO[bytes] | None = None,
    on_stop: Callable[[], None] | None = None,
    on_late: Callable[[], None] | None = None,
) -> Exit:
    """Run a command to its end, and pass both its outputs to *sink*.

    The command leads a group of its own. To stop it, its group is interrupted; two seconds later every process of the
    job that is left is killed, or, at the command's own time limit, of the group alone. A background process lives until the
    job ends. What it prints after the command's end is among the leftovers of *processes*.

    Args:
        script: A file that the command reads as its input; without it the input is empty.
        on_stop: Called instead of the interrupt, where that would not reach the processes.
        on_late: The same at the command's own time limit.

    Raises:
        Interrupted: The job was stopped; the command and all that it started are gone.
        CommandTimedOut: *limit_seconds* passed; the command and its group are gone.
        OSError: The command can't be started.
    """
    with _Running(arguments, directory, environment, sink, processes, script) as running:
        deadline = None if limit_seconds is None else time.monotonic() + limit_seconds
        while running.process.poll() is None:
            if interruption.is_given:
                raise Interrupted(Exit(running.stop(on_stop)).code)
            if deadline is not None and time.monotonic() >= deadline:
                raise CommandTimedOut(limit_seconds or 0, Exit(running.stop_group(on_late)))
            running.pump(_TICK_SECONDS)
        running.settle()
        return Exit(running.process.returncode)


def ask(
    command: Sequence[str],
    *,
    limit_seconds: float,
    environment: Mapping[str, str],
    groups: JobGroups,
    directory: Path | None = None,
    ends_group: bool = False,
) -> CommandResult:
    """Run a program without input, and return its result; after *limit_seconds* its group is killed.

    However much it prints, only the start is kept, and nothing on disk.

    Args:
        ends_group: Kill what it leaves behind in its group, too.
    """
    with _Answer() as answer:
        try:
            done = children.run(
                command,
                env=environment,
                seconds=limit_seconds,
                cwd=directory,
                stdout=answer.end,
                stderr=subprocess.STDOUT,
                groups=groups,
                ends_group=ends_group,
            )
        except subprocess.TimeoutExpired:
            return CommandResult(-1, f"no answer within {limit_seconds:g} s")
        except OSError as error:
            return CommandResult(-1, error.strerror or str(error))
        return CommandResult(done.returncode, answer.text())


class _Answer:
    """A pipe for what a short command prints. A thread empties it, and keeps the start."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.end = os.fdopen(writer, "wb", buffering=0)
        self._kept = bytearray()
        self._is_over = threading.Event()
        pipe = open_pipe(os.fdopen(reader, "rb", buffering=0))
        self._thread = threading.Thread(target=self._pump, args=(pipe,), name="answer", daemon=True)
        self._thread.start()

    def __enter__(self) -> _Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end.close()
        self._is_over.set()

    def text(self) -> str:
        """Return the start of the output, after the command's end.

        A process that it left behind may keep the pipe open, so the thread waits for the end of the output but shortly.
        """
        self.end.close()
        self._is_over.set()
        self._thread.join()
        return bytes(self._kept).decode(errors="replace")

    def _pump(self, pipe: Pipe) -> None:
        deadline = None
        while pipe.is_open and (deadline is None or time.monotonic() < deadline):
            is_over = self._is_over.is_set()  # asked first: what came until then is found by the look after it
            data = pipe.read(_TICK_SECONDS)
            self._kept += data[: _MOST_ANSWER - len(self._kept)]
            if is_over:
                if not data:
                    break
                deadline = deadline or time.monotonic() + _DRAIN_SECONDS
        pipe.close()


def _await_end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Return when a process has ended, or when *seconds* have passed."""
    # `wait` with a time limit sleeps and looks, sleeps and looks: a millisecond is lost at the end of each short step.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # the handle of a process may be forbidden, as by old engines of containers
            handle = os.pidfd_open(process.pid)
            try:
                ends = select.poll()
                ends.register(handle, select.POLLIN)
                ends.poll(seconds * 1000)
            finally:
                os.close(handle)
            return
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


class _Running:
    """A command that was started; leaving the context stops it if it still runs."""

    def __init__(
        self,
        arguments: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        sink: Callable[[bytes], None],
        processes: Processes,
        script: IO[bytes] | None,
    ) -> None:
        # By this process's PATH: the command's own may lead elsewhere, or nowhere.
        executable = _found(arguments[0], os.environ.get("PATH")) if os.name == "posix" else None
        with processes.starting():
            self.process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - running the commands of jobs is what an agent is for
                arguments,
                executable=executable,
                cwd=directory,
                env=dict(environment),
                stdin=script or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                **processes.groups.of_job(),
            )
            processes.add(self.process.pid)
        assert self.process.stdout is not None
        self._pipe = processes.open_pipe(self.process.stdout)
        self._sink = sink
        self._processes = processes
        self._is_kept = False

    def __enter__(self) -> _Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.process.poll() is None:
                self._processes.kill_all()
                self.process.kill()
                self.process.wait()
        finally:
            if not self._is_kept:
                self._pipe.close()
            self._processes.forget(self.process.pid)

    def pump(self, seconds: float) -> None:
        """Pass on output for at most *seconds*; return early once some came or the process ended."""
        self._processes.tend()
        if self._pipe.is_open:
            if data := self._pipe.read(seconds):
                self._sink(data)
            return
        _await_end(self.process, seconds)

    def settle(self) -> None:
        """Pass on the rest of the output, after the command's end, until it is quiet for a moment.

        A process behind the command, such as a `tee`, needs that moment. What is held open longer is left to the job.
        """
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._pipe.is_open and time.monotonic() < deadline:
            data = self._pipe.read(_QUIET_SECONDS)
            if not data:
                break
            self._sink(data)
        if self._pipe.is_open:
            self._processes.leftovers.keep(self._pipe, self._sink)
            self._is_kept = True

    def stop(self, on_stop: Callable[[], None] | None) -> int:
        """Stop the command and every process of the job, and return the command's return code."""
        self._interrupt(on_stop)
        self._processes.kill_all()
        self.process.kill()
        self._pump_until(time.monotonic() + _TICK_SECONDS)
        return self.process.wait()

    def stop_group(self, on_late: Callable[[], None] | None) -> int:
        """Stop the command and its group, and return the command's return code. Whatever left the group lives on."""
        self._interrupt(on_late)
        self._processes.groups.kill(self.process.pid)
        code = self.process.wait()
        self.settle()
        return code

    def _interrupt(self, instead: Callable[[], None] | None) -> None:
        """Ask the group to end, or do what is to be done *instead*, and give it some time."""
        if instead:
            instead()
        else:
            self._processes.groups.interrupt(self.process.pid)
        deadline = time.monotonic() + (_NEWS_SECONDS if instead else _GRACE_SECONDS)
        while self._is_alive() and time.monotonic() < deadline:
            self.pump(_TICK_SECONDS)
            if not self._pipe.is_open and self.process.poll() is not None:
                time.sleep(_TICK_SECONDS)

    def _is_alive(self) -> bool:
        return self.process.poll() is None or self._processes.groups.is_alive(self.process.pid)

    def _pump_until(self, deadline: float) -> None:
        while self._pipe.is_open and (left := deadline - time.monotonic()) > 0:
            self.pump(left)
