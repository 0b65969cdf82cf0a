"""Figures, and how they are reported: one line each, all of them as JSON, and compared with an earlier run.

A figure that compares two kinds of work within one run has a ratio. Ratios hold on another machine, absolute values don't.
So figures that have a ratio are compared with an earlier run by that.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

_TARGET = re.compile(r"(?P<sign>[<>])= (?P<number>[\d,.]+)(?: (?P<unit>(?!more$)[a-zA-Z]\S*))?(?P<more> more)?")


class Untrue(Exception):
    """The scenario did not do the work that it claims to measure, so its figure would be a lie."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value.

    Attributes:
        name: What was measured; the same in every run, so that runs can be compared.
        unit: The unit of `value`, such as `/s` or `ms`.
        ratio: `value` divided by what `base` names, measured in the same run; None where nothing was compared.
        target: What is demanded, such as `>= 0.7` of the ratio, `<= 2 ms` of the value, or `<= 10 ms more` than what
            it was compared with; empty without a target.
        did: What the scenario counted, such as `1,250 jobs`.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    base: str = ""
    target: str = ""
    did: str = ""

    @property
    def measure(self) -> float:
        """The number that is compared with an earlier run's."""
        return self.value if self.ratio is None else self.ratio

    @property
    def is_missed(self) -> bool:
        """Whether there is a target, and what was measured does not reach it.

        Raises:
            ValueError: The target has another form than those above.
        """
        if not self.target:
            return False
        match = _TARGET.fullmatch(self.target)
        if match is None:
            raise ValueError(f"{self.name}: the target {self.target!r} can't be judged")
        found = self.value if match["unit"] else self.measure
        if match["more"]:
            found = self.value - self.value / (self.ratio or 1)
        most = float(match["number"].replace(",", ""))
        return found > most if match["sign"] == "<" else found < most


class Figures:
    """The figures of one scenario file; each is printed as soon as it is measured."""

    def __init__(self, *, json_file: Path | None = None, against: dict[str, float] | None = None) -> None:
        self._json_file = json_file
        self._against = against or {}
        self._figures: list[Figure] = []

    def add(self, figure: Figure) -> None:
        """Print *figure*, and write it to the file with those before it."""
        self._figures.append(figure)
        print(self._line(figure), flush=True)
        if self._json_file is not None:
            self._json_file.write_text(json.dumps([asdict(f) for f in self._figures], indent=1) + "\n")

    def _line(self, figure: Figure) -> str:
        value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.3g}"
        parts = [f"{figure.name:52} {value:>9} {figure.unit:6}"]
        if figure.ratio is not None:
            parts.append(f"{figure.ratio:6.2f} of {figure.base}")
        if figure.target:
            parts.append(f"target {figure.target}{', MISSED' if figure.is_missed else ''}")
        if figure.did:
            parts.append(figure.did)
        if figure.name in self._against:
            parts.append(f"x{figure.measure / self._against[figure.name]:.2f} of the earlier run")
        return "   ".join(parts)


def options(description: str | None, *, further: Mapping[str, str] | None = None) -> tuple[argparse.Namespace, Figures]:
    """Return the options, which are the same for every scenario file, and the figures to add to.

    Args:
        further: Options of this file alone that take text, and what each is for.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="smaller sizes and shorter rounds")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--against", type=Path, help="compare with the figures in this file")
    for name, text in (further or {}).items():
        parser.add_argument(name, help=text, default="")
    arguments = parser.parse_args()
    return arguments, Figures(json_file=arguments.json, against=read_measures(arguments.against))


def read_measures(file: Path | None) -> dict[str, float]:
    """Return the measures of an earlier run, by the names of its figures."""
    if file is None:
        return {}
    return {row["name"]: Figure(**row).measure for row in json.loads(file.read_text())}


def in_turns(first: Callable[[], float], second: Callable[[], float], *, rounds: int = 9) -> tuple[float, float, float]:
    """Return the medians of both values, and of the ratio of the second to the first.

    The two take turns, so that other load on the machine falls on both.
    """
    pairs = [(first(), second()) for _ in range(rounds)]
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(b / a for a, b in pairs)


@contextmanager
def generator_share() -> Iterator[Callable[[], float]]:
    """Yield a function that returns how much of one processor this process has used since the context began."""
    begun, used = time.monotonic(), _cpu_seconds()
    yield lambda: (_cpu_seconds() - used) / max(time.monotonic() - begun, 1e-9)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
