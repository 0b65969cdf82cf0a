"""The metrics at the moment of a scrape, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from cictl.base.clock import Clock
from cictl.wire.jobs import JobStatus
from cictl_server.services.about.readiness import ReadinessService
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.metrics import (
    AGENTS,
    AGENTS_BUSY,
    AGENTS_DEACTIVATED,
    COMMITS,
    FAMILIES,
    INFO,
    JOBS,
    LOG_BYTES,
    PLACES,
    QUEUE,
    QUEUE_AGE,
    READY,
    STORE_BYTES,
)
from cictl_server.services.core.telemetry import Family, Labels, Telemetry
from cictl_server.services.fleet.presence import ONLINE, STALE, PresenceBook
from cictl_server.services.logs.files import LogFiles
from cictl_server.store.contract import Store, View

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric


class MetricsService:
    """Gathers the metrics at the moment of a scrape."""

    def __init__(
        self,
        *,
        telemetry: Telemetry,
        store: Store,
        presence: PresenceBook,
        hub: Hub,
        logs: LogFiles,
        readiness: ReadinessService,
        clock: Clock,
        version: str,
    ) -> None:
        self._telemetry = telemetry
        self._store = store
        self._presence = presence
        self._hub = hub
        self._logs = logs
        self._readiness = readiness
        self._clock = clock
        self._version = version
        self._registry: CollectorRegistry | None = None

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format, version 0.0.4 or newer."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry())

    def registry(self) -> CollectorRegistry:
        """Return the registry, made at the first use: the library is loaded by whoever scrapes."""
        if self._registry is None:
            from prometheus_client import CollectorRegistry, ProcessCollector

            registry = CollectorRegistry()
            registry.register(self)
            ProcessCollector(registry=registry)
            self._registry = registry
        return self._registry

    def describe(self) -> list[Metric]:
        """Have the registry ask for nothing when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the families, as the registry wants them."""
        gauges = self._gauges()
        figures = self._store.figures()
        counted: dict[Family, Mapping[Labels, float]] = {
            COMMITS: {(): figures.commits},
            LOG_BYTES: {(): self._logs.written_bytes},
        }
        for family in FAMILIES:
            match family.kind:
                case "gauge":
                    yield _numbers(family, gauges[family])
                case "counter":
                    yield _numbers(family, counted.get(family) or self._telemetry.counts(family))
                case "histogram":
                    yield self._histogram(family)
                case _:
                    yield _summary(family, figures.flushes, figures.flush_seconds)

    def _gauges(self) -> dict[Family, dict[Labels, float]]:
        now = self._clock()
        ready = self._readiness.examine()
        figures = self._store.figures()
        with self._store.read() as view:
            return {
                INFO: {(self._version,): 1},
                READY: {(check.name,): float(check.ok) for check in ready.checks},
                **_queue(view, now),
                **self._agents(view, now),
                PLACES: {("taken",): self._hub.waiting, ("total",): self._hub.places},
                STORE_BYTES: {(part,): size for part, size in figures.sizes.items()},
            }

    def _agents(self, view: View, now: datetime) -> dict[Family, dict[Labels, float]]:
        states: dict[Labels, float] = {("online",): 0, ("stale",): 0, ("offline",): 0}
        busy = deactivated = 0
        for agent in view.agents.iter_all():
            age = now - (self._presence.seen_at(agent.agent_id) or agent.seen)
            states["online" if age <= ONLINE else "stale" if age <= STALE else "offline",] += 1
            busy += bool(view.jobs.active_of_agent(agent.agent_id))
            deactivated += agent.deactivated
        return {AGENTS: states, AGENTS_BUSY: {(): busy}, AGENTS_DEACTIVATED: {(): deactivated}}

    def _histogram(self, family: Family) -> Metric:
        from prometheus_client.core import HistogramMetricFamily

        metric = HistogramMetricFamily(family.name, family.text, labels=family.labels)
        limits = [*map(str, family.bounds), "+Inf"]
        for labels, found in self._telemetry.distributions(family).items():
            metric.add_metric(labels, list(zip(limits, found.cumulative, strict=True)), found.total)
        return metric


def _queue(view: View, now: datetime) -> dict[Family, dict[Labels, float]]:
    by_status = view.jobs.count_by_status()
    claimable = view.jobs.count_claimable()
    oldest = view.jobs.claimable(lambda _: True)
    return {
        JOBS: {(status.value,): count for status, count in by_status.items()},
        QUEUE: {("claimable",): claimable, ("waiting",): by_status[JobStatus.QUEUED] - claimable},
        QUEUE_AGE: {(): (now - oldest.created).total_seconds() if oldest else 0.0},
    }


def _numbers(family: Family, values: Mapping[Labels, float]) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.text, labels=family.labels)
    for labels, value in values.items():
        metric.add_metric(labels, value)
    return metric


def _summary(family: Family, count: int, total: float) -> Metric:
    from prometheus_client.core import SummaryMetricFamily

    return SummaryMetricFamily(family.name, family.text, count_value=count, sum_value=total)
