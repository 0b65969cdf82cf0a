"""What every other room builds on: the store, the clock, new numbers, and the ways to announce a change."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cictl.base.clock import Clock
from cictl_server.blobs.contract import Blobs
from cictl_server.services.core.clock_watch import ClockWatch, Steady
from cictl_server.services.core.events import EventLog
from cictl_server.services.core.file_watch import FileWatch
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.idempotency import IdempotencyService
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.core.limits.disk import Disk
from cictl_server.services.core.limits.memory import SharedMemory
from cictl_server.services.core.limits.places import Places
from cictl_server.services.core.metrics import Metrics
from cictl_server.services.core.pulse import Pulse
from cictl_server.services.core.scratch import FOLDER, Scratch
from cictl_server.signals.contract import Signals
from cictl_server.store.contract import Store


class Core(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    blobs: Blobs
    file_watch: FileWatch
    signals: Signals
    clock: Clock
    version: str
    disk: Disk
    hub: Hub
    waiting_leases: Places
    downloads: Places
    memory: SharedMemory
    scratch: Scratch
    ids: NumberSource
    events: EventLog
    pulse: Pulse
    clock_watch: ClockWatch
    metrics: Metrics
    idempotency: IdempotencyService

    @classmethod
    def build(
        cls,
        store: Store,
        directory: Path,
        blobs: Blobs,
        *,
        signals: Signals,
        steady: Steady,
        version: str,
        waiting_places: int,
        lease_places: int,
        download_places: int,
        min_free: int | None,
    ) -> Core:
        with store.read() as view:
            last = view.jobs.last_number()
        clock, hub = signals.clock, Hub(signals.wakes, places=waiting_places)
        return cls(
            store=store,
            blobs=blobs,
            file_watch=FileWatch(blobs),
            signals=signals,
            clock=clock,
            version=version,
            disk=Disk(*{directory, blobs.directory or directory}, min_free=min_free),
            hub=hub,
            waiting_leases=Places(places=lease_places, use="waiting leases"),
            downloads=Places(places=download_places, use="downloads"),
            memory=SharedMemory(),
            scratch=Scratch(directory / FOLDER),
            ids=NumberSource(clock, last=last, server=lambda: signals.members.number),
            events=EventLog(hub, signals.feed),
            pulse=Pulse(clock),
            clock_watch=ClockWatch(clock, steady=steady),
            metrics=Metrics(version=version),
            idempotency=IdempotencyService(store=store, clock=clock, members=signals.members),
        )
