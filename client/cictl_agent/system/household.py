"""The jobs that one process runs at once, and whose a process is that one of them left behind."""

from __future__ import annotations

import threading
from typing import Protocol

from cictl.base.system.processes import Process


class Member(Protocol):
    """One of the jobs, as it tells its processes from others."""

    def leads(self, process: Process) -> bool:
        """Tell whether it is in the session of one of the job's commands."""

    def runs(self, pid: int) -> bool:
        """Tell whether this is a command of the job that was not waited for yet."""

    def lose_session(self, session: int) -> None:
        """Note that the session is that of another job from now on."""

    def marks(self, process: Process) -> bool:
        """Tell whether its environment names the job."""

    def houses(self, process: Process) -> bool:
        """Tell whether its working directory is in that of the job."""

    def is_older_than(self, process: Process) -> bool:
        """Tell whether it began after the job did."""


class Household:
    """The jobs that one process runs at once.

    Attributes:
        lock: Held while a command starts, until it counts as its job's, and while processes are looked for. Otherwise the
            end of one job could kill the command that another one has just started.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._members: list[Member] = []

    def enter(self, member: Member) -> None:
        with self.lock:
            self._members.append(member)

    def leave(self, member: Member) -> None:
        with self.lock:
            self._members = [other for other in self._members if other is not member]

    def give_session(self, session: int, member: Member) -> None:
        """Note that a command of *member* leads the session: the system gives an id anew once its session is empty."""
        with self.lock:
            for other in self._members:
                if other is not member:
                    other.lose_session(session)

    def runs(self, pid: int) -> bool:
        """Tell whether this is a command of one of the jobs. Call it with the lock."""
        return any(member.runs(pid) for member in self._members)

    def owns(self, member: Member, process: Process) -> bool:
        """Tell whether an adopted *process* is that of *member*, and not of another job. Call it with the lock.

        A process may have left the session of its job and the directory, and may have cleared its environment. Then it is
        the job's if no other one that runs was there when it began. What is left after that ends with the last of them.
        """
        others = [other for other in self._members if other is not member]
        if not others:
            return True
        for is_claimed in (_leads, _marks, _houses):
            claimants = [job for job in (member, *others) if is_claimed(job, process)]
            if claimants:
                return member in claimants
        return not any(other.is_older_than(process) for other in others)


def _leads(job: Member, process: Process) -> bool:
    return job.leads(process)


def _marks(job: Member, process: Process) -> bool:
    return job.marks(process)


def _houses(job: Member, process: Process) -> bool:
    return job.houses(process)
