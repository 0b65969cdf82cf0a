"""What an attack does to a server: to its memory, and to those who ask it something meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cictl_testing import health_probe
from cictl_testing.processes import Workplace

MIB = 1 << 20
_MOST_TRIES = 8
_LEAST_QUIET_SECONDS = 0.002
"""A quiet time below this counts as this: Python lets a thread compute for so long before another one may answer."""


def resident(place: Workplace) -> int:
    """Return the bytes that the server holds in memory."""
    return _figure(place, "VmRSS:")


def peak(place: Workplace) -> int:
    """Return the most that the server ever held."""
    return _figure(place, "VmHWM:")


def health_p99(url: str) -> float:
    """Return the seconds in which 99 of 100 requests of `/healthz` are answered, as another process sees it."""
    program = Path(health_probe.__file__)
    return float(subprocess.run([sys.executable, str(program), url], capture_output=True, check=True).stdout)


@dataclass(frozen=True)
class Calm:
    """A server as it is when nobody attacks it."""

    place: Workplace
    p99: float
    bytes_held: int

    @classmethod
    def of(cls, place: Workplace) -> Calm:
        quiet = max(_LEAST_QUIET_SECONDS, *(health_p99(place.url) for _ in range(2)))
        return cls(place, quiet, peak(place))

    def is_undisturbed(self, attack: Callable[[], None] = lambda: None, *, more_bytes: int = 100 * MIB) -> bool:
        """Tell whether others don't notice an attack: one that is under way, or *attack*, which is made meanwhile.

        `/healthz` must be answered within five times the quiet time, at one of some tries: this machine may be busy with
        something else. The server must never have held *more_bytes* more than before.
        """
        loaded = self._p99_during(attack)
        for _ in range(_MOST_TRIES - 1):
            if loaded <= 5 * self.p99:
                break
            loaded = min(loaded, self._p99_during(attack))
        more = peak(self.place) - self.bytes_held
        print(f"p99 {loaded * 1e3:.1f} ms, quiet {self.p99 * 1e3:.1f} ms, {more / MIB:+.0f} MiB")
        return loaded <= 5 * self.p99 and more <= more_bytes

    def _p99_during(self, attack: Callable[[], None]) -> float:
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(attack)
            p99 = health_p99(self.place.url)
            done.result()
        return p99


def _figure(place: Workplace, name: str) -> int:
    status = Path(f"/proc/{place.server.process.pid}/status").read_text()
    return int(status.partition(name)[2].split()[0]) * 1024
