"""What an attack does to a server: to its memory, and to those who ask it something meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from cictl_testing import health_probe
from cictl_testing.processes import Workplace

MIB = 1 << 20
_MOST_TRIES = 8
_MOST_TIMES = 5
_LEAST_QUIET_SECONDS = 0.002
"""A quiet time below this counts as this: Python lets a thread compute for so long before another one may answer."""


def resident(place: Workplace) -> int:
    """Return the bytes that the server holds in memory."""
    return _figure(place, "VmRSS:")


def peak(place: Workplace) -> int:
    """Return the most that the server ever held."""
    return _figure(place, "VmHWM:")


def health_p99(*urls: str) -> list[float]:
    """Return for each server the seconds in which 99 of 100 requests of `/healthz` are answered, as another process sees it."""
    command = [sys.executable, str(Path(health_probe.__file__)), *urls]
    return [float(line) for line in subprocess.run(command, capture_output=True, check=True).stdout.split()]


@dataclass(frozen=True)
class Calm:
    """A server as it is when nobody attacks it.

    Attributes:
        quiet: URL of another one that nobody ever attacks. Whatever else this machine is busy with slows both down.
    """

    place: Workplace
    quiet: str
    bytes_held: int

    @classmethod
    def of(cls, place: Workplace) -> Calm:
        quiet = _quiet_ones.get(place) or _quiet_ones.setdefault(place, _start_quiet_one(place))
        return cls(place, quiet, peak(place))

    def is_undisturbed(self, attack: Callable[[], None] = lambda: None, *, more_bytes: int = 100 * MIB) -> bool:
        """Tell whether others don't notice an attack: one that is under way, or *attack*, which is made meanwhile.

        `/healthz` must be answered within five times what the quiet server takes at the same time, at one of some tries: a single
        answer may be late by chance. The server must never have held *more_bytes* more than before.
        """
        times = self._times_during(attack)
        for _ in range(_MOST_TRIES - 1):
            if times <= _MOST_TIMES:
                break
            times = min(times, self._times_during(attack))
        more = peak(self.place) - self.bytes_held
        print(f"p99 {times:.1f} times that of a quiet server, {more / MIB:+.0f} MiB")
        return times <= _MOST_TIMES and more <= more_bytes

    def _times_during(self, attack: Callable[[], None]) -> float:
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(attack)
            attacked, quiet = health_p99(self.place.url, self.quiet)
            done.result()
        return attacked / max(_LEAST_QUIET_SECONDS, quiet)


_quiet_ones: WeakKeyDictionary[Workplace, str] = WeakKeyDictionary()


def _start_quiet_one(place: Workplace) -> str:
    server = place.background("serve", "--port", "0", "--data-dir", str(place.directory / "quiet"))
    return server.wait_for_line(" serves ").partition(" serves ")[2].split(",")[0]


def _figure(place: Workplace, name: str) -> int:
    status = Path(f"/proc/{place.server.process.pid}/status").read_text()
    return int(status.partition(name)[2].split()[0]) * 1024
