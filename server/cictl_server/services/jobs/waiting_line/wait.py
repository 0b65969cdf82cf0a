"""One lease that waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from cictl.wire.agents import LeaseRequest
from cictl_server.services.fleet.matching import Offer
from cictl_server.signals.waits import Awaited, Watch


class LeaseWait:
    """One lease that waits, from its first asking to its answer.

    Attributes:
        request: As its agent sent it, and as it is kept.
        offer: What leasing matches for the agent.
        host: On which host it is, for locks.
        news: The number of the news that it knows; see `WaitingLeases.news`.
        is_woken: Whether it is about to ask again.
    """

    def __init__(
        self,
        request: LeaseRequest,
        watch: Watch,
        held: ExitStack,
        *,
        seconds: float,
        offer: Offer,
        host: str,
        news: int,
        on_end: Callable[[LeaseWait], None],
    ) -> None:
        """Wait for *watch*, at most so many *seconds*. What is in *held* is given back at the end, before *on_end* is called."""
        self.request = request
        self.offer = offer
        self.host = host
        self.news = news
        self.is_woken = False
        self._watch = watch
        self._held = held
        self._until = time.monotonic() + seconds
        self._on_end = on_end

    @property
    def awaited(self) -> Awaited:
        """What to await before it asks again."""
        return Awaited(watch=self._watch, seconds=max(0.0, self._until - time.monotonic()))

    @property
    def is_over(self) -> bool:
        """Whether it has waited long enough."""
        return time.monotonic() >= self._until

    def begin_anew(self, *, news: int) -> None:
        """Wait on, after it asked and found nothing when the number of the news was *news*."""
        self.news = news
        self.is_woken = False
        self._watch.clear()

    def wake(self) -> None:
        self.is_woken = True
        self._watch.set()

    def close(self) -> None:
        self._held.close()
        self._on_end(self)
