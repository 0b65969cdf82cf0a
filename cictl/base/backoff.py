"""How long to wait between attempts at something that fails for the moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

_MOST_DOUBLINGS = 64
"""A float can't be larger than about 2 to the power of 1024, and an agent may fail more often than that."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waits that double after each failure.

    Attributes:
        first: Seconds to wait after the first failure.
        most: The longest wait, in seconds.
        jitter: How much of a wait chance may take away, from 0 to 1, so that many clients do not all come back at once.
    """

    first: float
    most: float
    jitter: float = 0.0

    def after(self, failures: int) -> float:
        """Return the seconds to wait after *failures* in a row."""
        doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
        seconds = min(self.first * 2.0**doublings, self.most)
        # This random number only spreads load. It may be guessed.
        return seconds * random.uniform(1 - self.jitter, 1) if self.jitter else seconds  # noqa: S311 # nosec B311 # no secret

    def waits(self) -> Iterator[float]:
        """Yield the seconds to wait after the first failure, the second, and so on without end."""
        return (self.after(failures) for failures in count(1))
