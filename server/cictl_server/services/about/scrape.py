"""The metrics at the moment of a scrape, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from cictl.base.clock import Clock
from cictl.wire.jobs import JobStatus
from cictl_server.services.about.readiness import ReadinessService
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.limits.disk import Disk
from cictl_server.services.core.limits.places import Places
from cictl_server.services.core.metrics import Metrics
from cictl_server.services.fleet.presence import ONLINE, STALE, PresenceBook
from cictl_server.services.logs.book import LogBook
from cictl_server.signals.contract import Signals
from cictl_server.store.contract import Store, View

_CONNECTIONS = ("open", "idle", "waiting", "lost")


class ScrapeService(msgspec.Struct, frozen=True, kw_only=True):
    """Sets the gauges at each scrape, and adds what the store and the logs count themselves."""

    metrics: Metrics
    store: Store
    presence: PresenceBook
    hub: Hub
    waiting_leases: Places
    signals: Signals
    disk: Disk
    logs: LogBook
    readiness: ReadinessService
    clock: Clock

    def __post_init__(self) -> None:
        self.metrics.registry.register(self)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format, version 0.0.4 or newer."""
        for check in self.readiness.examine().checks:
            self.metrics.ready.labels(check.name).set(check.ok)
        self.metrics.places.labels("taken").set(self.hub.waiting)
        self.metrics.places.labels("total").set(self.hub.places)
        self.metrics.waiting_leases.set(self.waiting_leases.waiting)
        self.metrics.servers.set(self.signals.figures().alive)
        leads = self.signals.leadership.is_ours
        self.metrics.leads.set(leads)
        if not leads:
            self.metrics.kept_bytes.clear()  # the server that leads now tells it: twice would be double in a sum
        room = self.disk.room()
        self.metrics.disk_bytes.labels("free").set(room.free)
        self.metrics.disk_bytes.labels("wanted").set(room.wanted)
        figures = self.store.figures()
        for part, size in figures.sizes.items():
            self.metrics.store_bytes.labels(part).set(size)
        for state in _CONNECTIONS:
            self.metrics.store_connections.labels(state).set(figures.connections.get(state, 0))
        with self.store.read() as view:
            self._look_at_queue(view)
            self._look_at_agents(view)
        return generate_latest(self.metrics.registry)

    def _look_at_queue(self, view: View) -> None:
        by_status = view.jobs.count_by_status()
        for status, count in by_status.items():
            self.metrics.jobs.labels(status.value).set(count)
        claimable = view.jobs.count_claimable()
        self.metrics.queue.labels("claimable").set(claimable)
        self.metrics.queue.labels("waiting").set(by_status[JobStatus.QUEUED] - claimable)
        oldest = view.jobs.claimable(lambda _kind: True)
        self.metrics.queue_age.set((self.clock() - oldest.created).total_seconds() if oldest else 0)

    def _look_at_agents(self, view: View) -> None:
        now = self.clock()
        states = {"online": 0, "stale": 0, "offline": 0}
        busy = deactivated = draining = 0
        for agent in view.agents.iter_all():
            age = now - (self.presence.seen_at(agent.agent_id) or agent.seen)
            states["online" if age <= ONLINE else "stale" if age <= STALE else "offline"] += 1
            busy += bool(view.jobs.active_of_agent(agent.agent_id))
            deactivated += agent.deactivated
            draining += bool(agent.drain_reason)
        for state, count in states.items():
            self.metrics.agents.labels(state).set(count)
        self.metrics.agents_busy.set(busy)
        self.metrics.agents_deactivated.set(deactivated)
        self.metrics.agents_draining.set(draining)

    def describe(self) -> list[Metric]:
        """Return nothing, so that the registry does not call `collect` when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what the store and the logs count, in the registry's types."""
        figures = self.store.figures()
        yield CounterMetricFamily(
            "cictl_store_commits_total", "Transactions that changed something.", value=figures.commits
        )
        yield SummaryMetricFamily(
            "cictl_store_flush_seconds",
            "Flushes to disk and the time they took; several transactions share one.",
            count_value=figures.flushes,
            sum_value=figures.flush_seconds,
        )
        lag = self.signals.figures().lag_seconds
        if lag is not None:
            yield GaugeMetricFamily(
                "cictl_notification_lag_seconds",
                "How long the last notification between servers took; absent while none arrives.",
                value=lag,
            )
        yield CounterMetricFamily(
            "cictl_log_written_bytes_total", "Bytes added to logs of executions.", value=self.logs.written_bytes
        )
