"""Repeating requests that a passing outage may break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from cictl.base.backoff import Backoff
from cictl_agent.system.interruption import Interruption
from cictl_client.retry import TRANSIENT

T = TypeVar("T")


def backoff(first: float, most: float) -> Iterator[float]:
    """Return seconds to wait: from *first*, doubling up to *most*, each shortened at random by up to a quarter."""
    return Backoff(first=first, most=most, jitter=0.25).waits()


def persist(action: Callable[[], T], interruption: Interruption, *, tries: int = 5) -> T:
    """Do *action*, again after a passing error, for up to *tries* times with waits from 1 s to 8 s.

    Raises:
        Interrupted: The job was to stop while waiting.
    """
    waits = backoff(1, 8)
    for _ in range(tries - 1):
        try:
            return action()
        except TRANSIENT:
            interruption.wait(next(waits))
            interruption.check()
    return action()
