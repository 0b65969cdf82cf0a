"""The processes of a job: finding and ending all of them, also those that left their group.

They are found in the system's table of processes: by their session, their ancestors, or the execution's id in their
environment. Windows has no such sessions, and its table costs too much; there the tree of each command is killed.
Signalling one group is the business of `process_groups`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from cictl.base.system.children import running as children_of_ours
from cictl.base.system.processes import Process, sessions, table, uptime
from cictl_agent.system.household import Household
from cictl_agent.system.pipes import Leftovers, Pipe, SelectedPipe, ThreadedPipe
from cictl_agent.system.process_groups import JobGroups, PosixGroups, TaskkillGroups

JOB_VARIABLE = "CICTL_JOB_EXECUTION_ID"
"""Set in the environment of every process of a job, so that strays are found by it."""

_PR_SET_DUMPABLE = 4  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_KILL_SECONDS = 5.0
_FOREIGN_KILL_SECONDS = 1.0
"""For processes of other accounts, which can't be told to end; they may end with those that can."""
_TICK_SECONDS = 0.01
_TEND_SECONDS = 0.05
_SLACK_SECONDS = 1.0  # starts are told in ticks
_TICKS_SECONDS = 0.05  # several of them
_NO_SESSION = 0  # of the kernel's own threads; the agent's session holds none of the job's either: each command left it


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose parent ends, so that none gets out of reach; tell whether that worked.

    Only for a process that is nothing but an agent.
    """
    # A Linux subreaper takes the place of init for its descendants: a daemon that forks twice and clears its environment
    # becomes our child, and is found by that. It must then be waited for here. In a program that has other children of
    # its own, an orphan of a job could not be told from them.
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def hide_memory() -> None:
    """Let no other process of this account, such as a step, read this one's memory and environment. Only Linux can."""
    # What it starts is not hidden: that ends with the program that a child becomes. Root can read everything.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def reset_ignored_signals() -> None:
    """Let the processes of jobs be told to hang up or to quit, also where this one was started to ignore that (`nohup`, `&`).

    What ignores a signal passes that on to all it starts. A handler is not passed on, so one that does nothing serves.
    """
    for name in ("SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)


class Killed(NamedTuple):
    """What a process was that `kill_all` has killed, as far as the system tells: the name of its program, and its command line."""

    name: str
    arguments: tuple[str, ...]


class Processes(Protocol):
    """The processes of one job."""

    @property
    def groups(self) -> JobGroups: ...

    @property
    def leftovers(self) -> Leftovers:
        """The outputs that are still open although their commands have ended."""

    @property
    def killed(self) -> Mapping[int, Killed]:
        """The processes that `kill_all` has killed, by process id."""

    def open_pipe(self, output: IO[bytes]) -> Pipe:
        """Return a reader for the output of a command."""

    def starting(self) -> AbstractContextManager[object]:
        """Return the context in which a command must be started and added, so that no other job takes it for its own."""

    def add(self, leader: int) -> None:
        """Count the command with this process id, and all that it starts, as the job's."""

    def forget(self, leader: int) -> None:
        """Note that the command was waited for: from now on the system may give its id to another process."""

    def tend(self) -> None:
        """Look after what commands left behind; call it again and again while a command runs.

        Their output is passed on, and the dead are waited for: a script that waits for one, by `kill -0`, would else find it
        for ever.
        """

    def kill_all(self) -> None:
        """Kill every process of the job, and return when they are gone.

        What does not end, such as one that waits for a dead disk, is waited for five seconds; what this account may not kill, a second.
        """

    def close(self) -> None:
        """Note that the job is over, after `kill_all`, and end what only a job that is over can have left."""


class JobProcesses:
    """The processes of a job where signals exist; each command of the job leads a session of its own."""

    def __init__(
        self,
        job_id: str,
        *,
        adopts_orphans: bool = False,
        household: Household | None = None,
        directory: Path | None = None,
    ) -> None:
        """Begin without processes.

        Args:
            adopts_orphans: Whether `adopt_orphans` succeeded. Then every child of this process that is not in its own
                session is that of one of the jobs in the household.
            household: The jobs that this process runs at once; by default this one alone.
            directory: The job's own directory.
        """
        self.groups: JobGroups = PosixGroups()
        self.leftovers = Leftovers()
        self.killed: dict[int, Killed] = {}
        self._job_id = job_id
        self._adopts_orphans = adopts_orphans
        self._leaders: set[int] = set()
        self._left_sessions: set[int] = set()
        self._begun = uptime()
        self._has_commands = False
        self._is_empty = False
        """Whether nothing was left at the last look, and no command began since."""
        self._next_look = 0.0
        self._directory = directory
        self._household = household or Household()
        self._household.enter(self)

    def open_pipe(self, output: IO[bytes]) -> Pipe:
        return SelectedPipe(output)

    def starting(self) -> AbstractContextManager[object]:
        return self._household.lock

    def add(self, leader: int) -> None:
        self._is_empty = False
        self._leaders.add(leader)
        self._has_commands = True
        self._household.give_session(leader, self)

    def forget(self, leader: int) -> None:
        """Keep the id only as that of a session, and only until the session is empty: then Linux may reuse it."""
        self._leaders.discard(leader)
        if not self._adopts_orphans:
            self._left_sessions.add(leader)
            self._forget_empty_sessions()

    def tend(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _TEND_SECONDS
        self.leftovers.drain()
        self._forget_empty_sessions()
        if self._adopts_orphans and _has_children(dead=True):
            self._bury()

    def kill_all(self) -> None:
        if self._is_empty:
            return
        begun = None
        while found := self._find():
            for process in found:
                if process.pid not in self.killed:
                    seen = Killed(process.name(), process.arguments())
                    if process.is_alive():  # else it has ended by itself, and perhaps before it could be looked at
                        self.killed[process.pid] = seen
            are_told = _told_to_end(found)
            # On a busy machine a look alone may take long, so the time counts from when they were told to end.
            begun = begun or time.monotonic()
            if time.monotonic() - begun > (_KILL_SECONDS if are_told else _FOREIGN_KILL_SECONDS):
                return
            time.sleep(_TICK_SECONDS)

    def close(self) -> None:
        self._household.leave(self)
        if self._adopts_orphans:
            self.kill_all()

    def leads(self, process: Process) -> bool:
        return process.session in self._leaders or process.session in self._left_sessions

    def runs(self, pid: int) -> bool:
        return pid in self._leaders

    def lose_session(self, session: int) -> None:
        self._leaders.discard(session)
        self._left_sessions.discard(session)

    def marks(self, process: Process) -> bool:
        return process.environment().get(JOB_VARIABLE) == self._job_id

    def houses(self, process: Process) -> bool:
        place = process.directory() if self._directory else None
        return place is not None and self._directory in (place, *place.parents)

    def is_older_than(self, process: Process) -> bool:
        started = process.started()
        return started is None or self._begun is None or self._begun <= started + _TICKS_SECONDS

    def _forget_empty_sessions(self) -> None:
        """Forget the sessions of ended commands in which nothing runs any more.

        A process that has the id of an ended command is a stranger: the system gives an id anew once its session is empty.
        """
        if self._left_sessions:
            running = sessions()
            self._left_sessions -= running.keys()
            self._left_sessions &= set(running.values())

    def _bury(self) -> None:
        """Wait for the dead processes that were adopted. Whoever started another child here waits for it itself."""
        with self._household.lock:  # else the command that another job starts now could be waited for here
            for pid in _children():
                with contextlib.suppress(ChildProcessError, ProcessLookupError):
                    if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) and self._is_adopted(pid):
                        os.waitpid(pid, os.WNOHANG)

    def _is_adopted(self, pid: int) -> bool:
        return _is_apart(pid) and not (self._household.runs(pid) or self.runs(pid) or pid in children_of_ours())

    def _find(self) -> list[Process]:
        with self._household.lock:
            found = self._find_now()
            # To look through all processes of the system costs ten milliseconds. Where orphans are adopted it costs nothing, and
            # there the end of another job may leave some to this one.
            self._is_empty = not found and not self._adopts_orphans
            return found

    def _find_now(self) -> list[Process]:
        """Return the living processes of the job, and wait for the dead ones that we adopted."""
        if self._adopts_orphans and not (_has_children() and self._has_own()):
            return []
        self._forget_empty_sessions()
        processes = table(since=self._earliest_start(), besides=(_NO_SESSION, os.getsid(0)))
        found = self._with_descendants(processes)
        for pid in [pid for pid in found if processes[pid].is_zombie]:
            found.discard(pid)
            if pid not in self._leaders:  # a leader is waited for by whoever started it
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
        return [processes[pid] for pid in sorted(found)]

    def _has_own(self) -> bool:
        """Tell whether this process has a child that may be the job's, and is no command of another job."""
        # While other jobs run their commands are children of this process too, so there are some at the end of nearly every job.
        others = _children() - children_of_ours()
        return any(self.runs(pid) or not self._household.runs(pid) for pid in others if _is_apart(pid))

    def _earliest_start(self) -> float | None:
        """Return an `uptime` before which none of the job's processes started; None if there is no such limit.

        Looking at a process is expensive, and most of a system's are older than the job. Two kinds of processes that must
        be found may be older than this object: those that a killed agent left, where no leader was added here, and
        orphans that survived the job before.
        """
        if self._adopts_orphans or not self._has_commands or self._begun is None:
            return None
        return self._begun - _SLACK_SECONDS

    def _with_descendants(self, processes: dict[int, Process]) -> set[int]:
        children: dict[int, list[int]] = {}
        for process in processes.values():
            children.setdefault(process.parent, []).append(process.pid)
        found: set[int] = set()
        ours = children_of_ours()  # asked after the table was made, so that what it shows is known by now
        left = [process.pid for process in processes.values() if process.pid not in ours and self._is_root(process)]
        while left:
            pid = left.pop()
            if pid not in found:
                found.add(pid)
                left += children.get(pid, ())
        return found

    def _is_root(self, process: Process) -> bool:
        """Tell whether it is the job's by its session, by the id in its environment, or because it was adopted."""
        if process.pid == os.getpid():
            return False
        if self._adopts_orphans:  # none gets out of reach, so no stranger's environment need be read, which costs most
            is_adopted = process.parent == os.getpid() and process.session != os.getsid(0)
            return is_adopted and self._household.owns(self, process)
        return self.leads(process) or self.marks(process)


class TreeProcesses:
    """The processes of a job on Windows: the tree of each command, as long as the command itself lives."""

    def __init__(self, groups: TaskkillGroups) -> None:
        self.groups: JobGroups = groups
        self.leftovers = Leftovers()
        self.killed: dict[int, Killed] = {}
        self._leaders: set[int] = set()

    def open_pipe(self, output: IO[bytes]) -> Pipe:
        return ThreadedPipe(output)

    def starting(self) -> AbstractContextManager[object]:
        return contextlib.nullcontext()

    def add(self, leader: int) -> None:
        self._leaders.add(leader)

    def forget(self, leader: int) -> None:
        self._leaders.discard(leader)

    def tend(self) -> None:
        self.leftovers.drain()

    def kill_all(self) -> None:
        for leader in sorted(self._leaders):
            self.groups.kill(leader)

    def close(self) -> None:
        """Do nothing: what outlives its command is out of reach."""


def _told_to_end(found: Iterable[Process]) -> bool:
    """Kill processes, and tell whether there was one that may be killed."""
    are_told = False
    # All are stopped first: a shell that still runs could start another process while its siblings die.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)
                are_told = True
    return are_told


def _has_children(*, dead: bool = False) -> bool:
    """Tell whether this process has children; with *dead*, whether one has ended and was not waited for."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return found is not None or not dead


def _is_apart(pid: int) -> bool:
    """Tell whether a process is in another session than this one: what this one starts for itself is not."""
    try:
        return os.getsid(pid) != os.getsid(0)
    except ProcessLookupError:
        return False


def _children() -> set[int]:
    """Return the process ids of this process's children, on Linux."""
    # The system may leave one out where another one is waited for meanwhile. Then the next list is another one.
    found = _listed_children()
    while (again := _listed_children()) != found:
        found = again
    return found


def _listed_children() -> set[int]:
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended
            found.update(map(int, (thread / "children").read_text().split()))
    return found
