"""The line of leases that wait, and which of them are asked again when work comes.

Thousands may wait. If all of them asked whenever a job is queued, the server would do little else. So here is looked, once for all,
for how many executions there are, and only so many are woken, of those whose agents could take one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime

from cictl.base.clock import Clock
from cictl.wire.agents import LeaseRequest
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.limits.places import Places
from cictl_server.services.fleet.matching import Offer
from cictl_server.services.jobs.lease_pause import LeasePause
from cictl_server.services.jobs.waiting_line.wait import LeaseWait
from cictl_server.services.policies import Policies
from cictl_server.signals.topics import QUEUE, agent_topic
from cictl_server.store.contract import Store, View
from cictl_server.store.tables import Kind

_LOOK_SECONDS = 5.0
"""A pass comes after so long at the latest, should news have been lost."""


class WaitingLeases:
    """The leases that wait, the one that came first at the head."""

    def __init__(
        self, *, store: Store, hub: Hub, places: Places, policies: Policies, pause: LeasePause, clock: Clock
    ) -> None:
        """Let as many wait as there are *places*."""
        self.places = places
        self._store = store
        self._hub = hub
        self._policies = policies
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._waits: dict[int, LeaseWait] = {}
        self._queue = hub.news(QUEUE)
        self._call = threading.Event()
        self._due: datetime | None = None
        self.news = 0
        """How often there was news so far. Whoever looks for work notes it first."""

    def add(self, request: LeaseRequest, *, seconds: float, offer: Offer, host: str, news: int) -> LeaseWait:
        """Let *request* wait, which found nothing when the number of the news was *news*.

        Raises:
            NoCapacity: Too many wait.
        """
        caller = f"agent {request.agent_id}"
        self.places.take_place(caller)
        held = ExitStack()
        held.callback(self.places.leave_place, caller)
        wait = LeaseWait(
            request,
            held.enter_context(self._hub.watch(agent_topic(request.agent_id), only_told=True)),
            held,
            seconds=seconds,
            offer=offer,
            host=host,
            news=news,
            on_end=self._leave,
        )
        with self._lock:
            self._waits[id(wait)] = wait
        self._look_again(wait)
        return wait

    def again(self, wait: LeaseWait, *, news: int) -> None:
        """Let *wait* wait on, which asked and found nothing when the number of the news was *news*."""
        was_woken = wait.is_woken
        wait.begin_anew(news=news)
        if was_woken:
            self._call.set()  # what it was woken for may still be there, for another one
        self._look_again(wait)

    def _leave(self, wait: LeaseWait) -> None:
        with self._lock:
            self._waits.pop(id(wait), None)
        if wait.is_woken:  # what it was woken for may still be there: for the next one
            self._call.set()

    def run_once(self) -> None:
        """Wait for news, and wake who could take something. For a thread of its own."""
        self._queue.tell(self._call.set)
        self._call.wait(self._seconds())
        self._call.clear()
        if self._queue.is_set():
            self._queue.clear()
            self.news += 1
        with self._lock:
            waits = [wait for wait in self._waits.values() if not wait.is_woken]
        if not waits:
            return
        if self._pause.is_on or self._hub.is_closed:
            chosen: Sequence[LeaseWait] = waits
        else:
            chosen = self._store.look(lambda view: self._choose(view, waits))
        for wait in chosen:
            wait.wake()

    def close(self) -> None:
        """End a `run_once` that waits."""
        self._call.set()

    def _look_again(self, wait: LeaseWait) -> None:
        """Ask for a pass if there was news since *wait* looked; without this it would sleep through them."""
        if wait.news != self.news or self._queue.is_set():
            self._call.set()

    def _seconds(self) -> float:
        if self._due is None:
            return _LOOK_SECONDS
        return min(_LOOK_SECONDS, max(0.01, (self._due - self._clock()).total_seconds()))

    def _choose(self, view: View, waits: Sequence[LeaseWait]) -> Sequence[LeaseWait]:
        """Return whom to wake: not more than there are executions, and nobody twice for the same news."""
        now = self._clock()
        self._due = view.jobs.next_due()
        if view.jobs.due(now):
            return waits[:1]  # whoever asks next makes them claimable, and that is news
        kinds = self._claimable(view)
        left = view.jobs.count_claimable() if kinds else 0
        chosen: list[LeaseWait] = []
        for wait in waits:
            if len(chosen) >= left:
                break
            if wait.news < self.news and self._could_take(view, wait, kinds, now=now):
                chosen.append(wait)
        return chosen

    def _claimable(self, view: View) -> list[Kind]:
        """Return the kinds of what could be given out, whoever takes it."""
        found: list[Kind] = []

        def note(kind: Kind) -> bool:
            found.append(kind)
            return False

        view.jobs.is_any_claimable(note)
        queues = self._policies.of_queues(view)
        return [kind for kind in found if queues.hold(kind.queue) is None]

    def _could_take(self, view: View, wait: LeaseWait, kinds: Sequence[Kind], *, now: datetime) -> bool:
        met = [kind for kind in kinds if wait.offer.meets(kind)]
        if not any(kind.locks for kind in met):
            return bool(met)
        rules = self._policies.of_agent(view, host=wait.host)
        return any(rules.allow(kind) for kind in met)
