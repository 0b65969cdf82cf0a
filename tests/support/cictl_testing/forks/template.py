"""A process that has imported cictl, and forks for each message on the socket whose descriptor it is told.

A fork is a process like any other, of its own session, environment, folder and standard streams, which runs `cictl` as
`python -m cictl` would. Only what Linux shows of its command line and of the environment that it began with is the template's.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

MESSAGE_BYTES = 1 << 20
DESCRIPTORS = 4
"""Of each message: stdin, stdout and stderr of the fork, and a socket on which its id and its exit code are told."""

_MODULES = (
    "cictl.cli.entry",
    "cictl.cli.app.main",
    "cictl_server.serve",
    "cictl_agent.agent",
    # What they import when they first need it.
    "cictl.base.web.session",
    "cictl.base.log_output",
    "encodings.idna",
    "importlib.metadata",
    "sseclient",
)
_PACKAGES = ("cictl.cli.commands", "cictl.cli.commands.here")


@dataclass(frozen=True)
class Wanted:
    """What is to run, and where."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str
    descriptors: list[int]

    def become(self) -> None:
        """Make this process, which was just forked, the one that is wanted."""
        os.setsid()
        os.chdir(self.directory)
        os.environ.clear()
        os.environ.update(self.environment)
        for number, descriptor in enumerate(self.descriptors[:3]):
            os.dup2(descriptor, number)
        for descriptor in self.descriptors:
            os.close(descriptor)
        is_unbuffered = bool(self.environment.get("PYTHONUNBUFFERED"))
        sys.stdin = sys.__stdin__ = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors, closefd=False)  # type: ignore[misc]  # noqa: SIM115
        sys.stdout = sys.__stdout__ = _writer(1, sys.stdout, is_unbuffered=is_unbuffered)  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = _writer(2, sys.stderr, is_unbuffered=True)  # type: ignore[misc]
        sys.argv = ["cictl", *self.arguments]
        sys.orig_argv = [sys.executable, "-m", "cictl", *self.arguments]
        sys.path[0] = self.directory


class Template:
    """Forks for who asks, and tells how the forks ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._told: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> Wanted:
        """Fork for each message; return in each fork. Without whoever sends messages this process ends.

        Raises:
            SystemExit: Nobody is left who could ask.
        """
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._control:
                    self._end(key.fd, key.data)
                elif (wanted := self._fork()) is not None:
                    return wanted

    def _fork(self) -> Wanted | None:
        message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, DESCRIPTORS)
        if not message:
            sys.exit()
        pid = os.fork()
        if pid == 0:
            self._forget()
            return Wanted(**json.loads(message), descriptors=descriptors)
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        told = socket.socket(fileno=descriptors[3])
        told.send(str(pid).encode())
        ending = os.pidfd_open(pid)
        self._told[ending] = told
        self._selector.register(ending, selectors.EVENT_READ, pid)
        return None

    def _end(self, ending: int, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        self._selector.unregister(ending)
        os.close(ending)
        with self._told.pop(ending) as told, suppress(OSError):  # nobody waits for it any more
            told.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _forget(self) -> None:
        """Close in a fork what belongs to the template."""
        self._selector.close()
        self._control.close()
        for ending, told in self._told.items():
            os.close(ending)
            told.close()


def _writer(number: int, like: TextIO, *, is_unbuffered: bool) -> io.TextIOWrapper:
    device = open(number, "wb", buffering=0 if is_unbuffered else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        device,
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=is_unbuffered,
        write_through=is_unbuffered,
    )


def _import_all() -> None:
    for name in _MODULES:
        importlib.import_module(name)
    for package in _PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(module.name)


def _end_at_once(ended: SystemExit) -> None:
    """End as Python does, but leave the modules as they are: to take them apart touches every page that the template shares."""
    if ended.code is not None and not isinstance(ended.code, int):
        raise ended
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((ended.code or 0) & 0xFF)


if __name__ == "__main__":
    _import_all()
    gc.freeze()
    Template(socket.socket(fileno=int(sys.argv[1]))).serve().become()
    try:
        runpy.run_module("cictl", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        _end_at_once(ended)
