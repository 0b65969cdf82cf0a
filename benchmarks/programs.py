"""`cictl serve` and `cictl run-agent` as users start them, each a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import psutil
from figures import Untrue
from load import Connection
from serving import kind_served

CICTL = (sys.executable, "-m", "cictl")
"""The program of this tree."""

_LOOK_SECONDS = 0.002


class Program(NamedTuple):
    """A server that runs.

    Attributes:
        seconds: How long it took from its start until it said that it is ready.
    """

    url: str
    process: psutil.Process
    seconds: float


@contextmanager
def serving(data: Path, *options: str, cictl: Sequence[str] = CICTL) -> Iterator[Program]:
    """Run `cictl serve` on a free port, with its data in a directory, until it is asked to stop.

    Raises:
        Untrue: It told no address, or is not ready.
    """
    command = [*cictl, "serve", "--server", kind_served(), "--port", "0", "--data-dir", str(data), *options]
    with TemporaryFile("w+") as told:  # no pipe: nobody reads what the server tells later
        begun = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told) as process:
            try:
                url = _told_address(process, told)
                connection = Connection(url)
                connection.send("GET", "/readyz")
                seconds = time.perf_counter() - begun
                connection.close()
                yield Program(url, psutil.Process(process.pid), seconds)
            finally:
                process.terminate()


def _told_address(process: subprocess.Popen[bytes], told: IO[str]) -> str:
    """Return the address that a server tells at its start, as soon as it does."""
    text = ""
    while not (found := re.search(r" serves (http[^\s,]+)", text)):
        if process.poll() is not None:
            raise Untrue(f"the server told no address: {text}")
        time.sleep(_LOOK_SECONDS)
        told.seek(0)
        text = told.read()
    return found[1]


@contextmanager
def working_agent(
    url: str, home: Path, *, name: str = "bench", slots: int = 1, cictl: Sequence[str] = CICTL
) -> Iterator[psutil.Process]:
    """Run `cictl run-agent`, with its work below *home*, until it is asked to stop."""
    command = [
        *cictl,
        "run-agent",
        "--server",
        url,
        "--id",
        name,
        "--work-dir",
        str(home / name),
        "--slots",
        str(slots),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
