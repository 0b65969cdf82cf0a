"""How long to wait before the next attempt at what fails for now."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

_MOST_DOUBLINGS = 64
"""Two to the power of the attempts of a month is no number that a float can be."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waits that double.

    Attributes:
        first: Seconds after the first failure.
        most: Seconds that no wait is longer than.
        jitter: The part of each wait, from 0 to 1, that chance may take away: many who wait must not march in step.
    """

    first: float
    most: float
    jitter: float = 0.0

    def after(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
        seconds = min(self.first * 2.0**doublings, self.most)
        # Nobody has to guess these: it spreads load, and protects nothing.
        return seconds * random.uniform(1 - self.jitter, 1) if self.jitter else seconds  # noqa: S311

    def waits(self) -> Iterator[float]:
        """Yield the seconds to wait after the first failure, the second, and so on for ever."""
        return (self.after(failures) for failures in count(1))
