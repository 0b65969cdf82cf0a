"""Repeating requests of a job that a passing outage breaks. How the client itself repeats is in `cictl_client.retry`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from cictl.base.backoff import Backoff
from cictl_agent.system.interruption import Interruption
from cictl_client.errors import is_too_large
from cictl_client.retry import TRANSIENT

T = TypeVar("T")


def backoff(first: float, most: float) -> Iterator[float]:
    """Return endless waits in seconds: from *first*, doubling up to *most*, each shortened at random by up to 25 %."""
    return Backoff(first=first, most=most, jitter=0.25).waits()


def persist(action: Callable[[], T], interruption: Interruption, *, tries: int = 5) -> T:
    """Do *action*, up to *tries* times while the errors are passing ones, with waits from 1 s to 8 s.

    Raises:
        Interrupted: The job was stopped during a wait.
    """
    waits = backoff(1, 8)
    for _ in range(tries - 1):
        try:
            return action()
        except TRANSIENT as error:
            if is_too_large(error):  # for a proxy it will be too large again
                raise
            interruption.wait(next(waits))
            interruption.check()
    return action()
