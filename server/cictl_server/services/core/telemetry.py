"""Counts and durations of what the server does, in memory. Noting one costs about a microsecond: every request pays it.

Knows no format: `metrics` says what is counted, and shows it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

Labels = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One metric: all its series, which differ in their labels.

    Attributes:
        name: As scraped; counters end in `_total`, units are seconds and bytes.
        labels: Their names. The values must come from a small set: states, routes, causes, never ids.
        bounds: For a histogram, the upper limits of its buckets, ascending; a last one without limit is added.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Distribution:
    """What a series of a histogram holds: values up to each bound (the last one has no limit), and their sum."""

    cumulative: tuple[int, ...]
    total: float


class _Series:
    def __init__(self, size: int) -> None:
        self.counts = [0] * size
        self.total = 0.0


class Telemetry:
    """Where services and resources note what happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Labels], float] = {}
        self._series: dict[tuple[str, Labels], _Series] = {}

    def count(self, family: Family, *labels: str, by: float = 1) -> None:
        key = (family.name, labels)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + by

    def observe(self, family: Family, value: float, *labels: str) -> None:
        """Add *value* to a histogram."""
        key = (family.name, labels)
        position = bisect_left(family.bounds, value)
        with self._lock:
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = _Series(len(family.bounds) + 1)
            series.counts[position] += 1
            series.total += value

    def counts(self, family: Family) -> Mapping[Labels, float]:
        """Return what was counted, by labels; a counter without labels is there from the start."""
        with self._lock:
            found = {labels: value for (name, labels), value in self._counts.items() if name == family.name}
        return found or ({} if family.labels else {(): 0.0})

    def distributions(self, family: Family) -> Mapping[Labels, Distribution]:
        """Return what was observed, by labels."""
        with self._lock:
            return {
                labels: Distribution(tuple(accumulate(series.counts)), series.total)
                for (name, labels), series in self._series.items()
                if name == family.name
            }
