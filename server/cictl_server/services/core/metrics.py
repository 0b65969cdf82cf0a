"""What can be scraped: every metric of the server, said once."""

from __future__ import annotations

from cictl.wire.jobs import JobStatus
from cictl_server.services.core.telemetry import Family, Telemetry
from cictl_server.store.records import JobRecord

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0)

INFO = Family(name="cictl_info", kind="gauge", text="Always 1; the version is its label.", labels=("version",))
READY = Family(
    name="cictl_ready", kind="gauge", text="1 while the check passes; those of `GET /readyz`.", labels=("check",)
)
JOBS = Family(name="cictl_jobs", kind="gauge", text="Job executions by status, history included.", labels=("status",))
QUEUE = Family(
    name="cictl_queue_jobs",
    kind="gauge",
    text="Queued executions: `claimable` by an agent that fits, or `waiting` for other executions or for secrets.",
    labels=("state",),
)
QUEUE_AGE = Family(
    name="cictl_queue_oldest_seconds", kind="gauge", text="Age of the oldest claimable execution; 0 for none."
)
QUEUE_SECONDS = Family(
    name="cictl_job_queue_seconds",
    kind="histogram",
    text="Time from an execution's creation to its lease.",
    bounds=(0.05, *_SLOW),
)
LEASES = Family(
    name="cictl_leases_total",
    kind="counter",
    text="Executions claimed for agents, those put back for want of their secrets included.",
)
LEASES_EXPIRED = Family(
    name="cictl_leases_expired_total",
    kind="counter",
    text="Leases whose agent never began; the execution was requeued.",
)
FINISHED = Family(
    name="cictl_jobs_finished_total",
    kind="counter",
    text="Executions that ended, and for failures the typed cause, empty where there is none.",
    labels=("status", "cause"),
)
JOB_SECONDS = Family(
    name="cictl_job_duration_seconds",
    kind="histogram",
    text="Time from the start of an execution to its end, for those that an agent held.",
    labels=("status",),
    bounds=_SLOW,
)
AGENTS = Family(
    name="cictl_agents",
    kind="gauge",
    text="Known agents by the age of their last sign of life: `online` up to 20 s, `stale` up to 60 s, `offline`.",
    labels=("state",),
)
AGENTS_BUSY = Family(name="cictl_agents_busy", kind="gauge", text="Agents that hold an execution.")
AGENTS_DEACTIVATED = Family(name="cictl_agents_deactivated", kind="gauge", text="Agents that get no work by order.")
REQUESTS = Family(
    name="cictl_http_requests_total",
    kind="counter",
    text="Answered requests; `route` is the path's template, empty for paths that do not exist.",
    labels=("method", "route", "status"),
)
REQUEST_SECONDS = Family(
    name="cictl_http_request_seconds",
    kind="histogram",
    text="Time until an answer began. A lease that waits for work, and so takes up to 25 s, counts with its wait.",
    labels=("method", "route"),
    bounds=_FAST,
)
PLACES = Family(
    name="cictl_waiting_places",
    kind="gauge",
    text="Places for requests that wait or stream: `taken`, and `total`.",
    labels=("state",),
)
COMMITS = Family(name="cictl_store_commits_total", kind="counter", text="Transactions that changed something.")
FLUSHES = Family(
    name="cictl_store_flush_seconds",
    kind="summary",
    text="Flushes to disk and the time they took; several transactions share one.",
)
STORE_BYTES = Family(
    name="cictl_store_bytes",
    kind="gauge",
    text="Size of the store's files: `snapshot` and `journal`.",
    labels=("part",),
)
LOG_BYTES = Family(name="cictl_log_written_bytes_total", kind="counter", text="Bytes added to logs of executions.")

FAMILIES = (
    INFO,
    READY,
    JOBS,
    QUEUE,
    QUEUE_AGE,
    QUEUE_SECONDS,
    LEASES,
    LEASES_EXPIRED,
    FINISHED,
    JOB_SECONDS,
    AGENTS,
    AGENTS_BUSY,
    AGENTS_DEACTIVATED,
    REQUESTS,
    REQUEST_SECONDS,
    PLACES,
    COMMITS,
    FLUSHES,
    STORE_BYTES,
    LOG_BYTES,
)
"""All but those of the process itself, whose names are Prometheus' own."""


def note_job(telemetry: Telemetry, job: JobRecord) -> None:
    """Count an execution that has just been leased, or has just ended."""
    if job.status is JobStatus.LEASED:
        telemetry.count(LEASES)
        if job.leased is not None:
            telemetry.observe(QUEUE_SECONDS, (job.leased - job.created).total_seconds())
    elif job.status.is_terminal:
        telemetry.count(FINISHED, job.status, job.cause or "")
        if job.leased is not None and job.started is not None and job.finished is not None:
            telemetry.observe(JOB_SECONDS, (job.finished - job.started).total_seconds(), job.status)
