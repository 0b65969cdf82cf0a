"""The metrics of the server, each declared once. Every request pays for counting, so that must stay at microseconds."""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from cictl.wire.jobs import JobStatus
from cictl_server.store.records.jobs import JobRecord

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0)

# Drop the `_created` series that the library adds to each counter; only this switch for the whole process exists.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one server, in a registry of their own, because a process may hold several servers.

    Of several servers on the same data each counts what it did itself, and a monitor that scrapes all of them adds them up. The
    gauges of jobs and agents tell what all share.

    Label values come from small sets such as states, routes and causes, and are never ids.
    """

    def __init__(self, *, version: str) -> None:
        self.registry = registry = CollectorRegistry()
        Gauge("cictl_info", "Always 1; the version is its label.", ["version"], registry=registry).labels(version).set(
            1
        )
        self.ready = Gauge(
            "cictl_ready", "1 while the check passes; those of `GET /readyz`.", ["check"], registry=registry
        )
        self.jobs = Gauge("cictl_jobs", "Job executions by status, history included.", ["status"], registry=registry)
        self.queue = Gauge(
            "cictl_queue_jobs",
            "Queued executions: `claimable` by an agent that fits, or `waiting` for other executions or for secrets.",
            ["state"],
            registry=registry,
        )
        self.queue_age = Gauge(
            "cictl_queue_oldest_seconds", "Age of the oldest claimable execution; 0 for none.", registry=registry
        )
        self.queue_seconds = Histogram(
            "cictl_job_queue_seconds",
            "Time from an execution's creation to its lease.",
            registry=registry,
            buckets=(0.05, *_SLOW),
        )
        self.leases = Counter(
            "cictl_leases_total",
            "Executions claimed for agents, those put back for want of their secrets included.",
            registry=registry,
        )
        self.leases_expired = Counter(
            "cictl_leases_expired_total",
            "Leases whose agent never began; the execution was requeued.",
            registry=registry,
        )
        self.finished = Counter(
            "cictl_jobs_finished_total",
            "Executions that ended, and for failures the typed cause, empty where there is none.",
            ["status", "cause"],
            registry=registry,
        )
        self.job_seconds = Histogram(
            "cictl_job_duration_seconds",
            "Time from the start of an execution to its end, for those that an agent held.",
            ["status"],
            registry=registry,
            buckets=_SLOW,
        )
        self.agents = Gauge(
            "cictl_agents",
            "Known agents by the age of their last sign of life: `online` up to 20 s, `stale` up to 60 s, `offline`.",
            ["state"],
            registry=registry,
        )
        self.agents_busy = Gauge("cictl_agents_busy", "Agents that hold an execution.", registry=registry)
        self.agents_deactivated = Gauge(
            "cictl_agents_deactivated", "Agents that get no work by order.", registry=registry
        )
        self.agents_draining = Gauge(
            "cictl_agents_draining", "Agents that end what they have and get no other work.", registry=registry
        )
        self.requests = Counter(
            "cictl_http_requests_total",
            "Answered requests; `route` is the path's template, empty for paths that do not exist.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "cictl_http_request_seconds",
            "Time until an answer began. A lease that waits for work, and so takes up to 25 s, counts with its wait.",
            ["method", "route"],
            registry=registry,
            buckets=_FAST,
        )
        self.places = Gauge(
            "cictl_waiting_places",
            "Places for streams, and for what waits in a thread: `taken`, and `total`.",
            ["state"],
            registry=registry,
        )
        self.waiting_leases = Gauge(
            "cictl_waiting_leases", "Leases that wait for work. They hold no place and no thread.", registry=registry
        )
        self.servers = Gauge("cictl_servers", "Servers on the same data that gave a sign of life.", registry=registry)
        self.leads = Gauge(
            "cictl_leads", "1 while this server does the background work for all of them.", registry=registry
        )
        self.store_bytes = Gauge(
            "cictl_store_bytes", "Size of the store's files: `snapshot` and `journal`.", ["part"], registry=registry
        )
        self.kept_bytes = Gauge(
            "cictl_kept_bytes",
            "What finished executions keep: `logs`, `artifacts`, `reports`. Counted each hour; absent before the first time.",
            ["part"],
            registry=registry,
        )
        self.disk_bytes = Gauge(
            "cictl_disk_bytes",
            "The disk of the data directory: bytes that are `free`, and that must be for new work (`wanted`).",
            ["state"],
            registry=registry,
        )
        self.store_connections = Gauge(
            "cictl_store_connections",
            "Connections to the database, and what waits for one; 0 without a database.",
            ["state"],
            registry=registry,
        )
        ProcessCollector(registry=registry)
        self._bound: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def note_request(self, method: str, route: str, status: int, *, seconds: float) -> None:
        """Count a request that was answered."""
        key = (method, route, status)
        bound = self._bound.get(key)
        # The children are kept, because the library looks them up under a lock. Two threads that bind at once get the same.
        if bound is None:
            bound = (self.requests.labels(method, route, str(status)), self.request_seconds.labels(method, route))
            self._bound[key] = bound
        counter, histogram = bound
        counter.inc()
        histogram.observe(seconds)

    def note_job(self, job: JobRecord) -> None:
        """Count an execution that has just been leased, or has just ended."""
        if job.status is JobStatus.LEASED:
            self.leases.inc()
            if job.leased is not None:
                self.queue_seconds.observe((job.leased - job.created).total_seconds())
        elif job.status.is_terminal:
            self.finished.labels(job.status.value, job.cause or "").inc()
            if job.leased is not None and job.started is not None and job.finished is not None:
                self.job_seconds.labels(job.status.value).observe((job.finished - job.started).total_seconds())
