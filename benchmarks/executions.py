"""Executions to measure with. The document of each has about 1.5 KB, as in real use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg

from cictl.wire.jobs import JobStatus, Source, Step
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord

CREATED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
BASE = 1_772_366_400_000_000_000
"""The number of the first execution; numbers are times in nanoseconds."""


def make_job(index: int, status: JobStatus = JobStatus.SUCCEEDED) -> JobRecord:
    """Return an execution whose document has about 1.5 KB; four of them in a row are one run."""
    steps = [
        Step(index=i, total=3, name=f"step {i}", script="make all\n" * 12, env={"MODE": "release", "LEVEL": "3"})
        for i in (1, 2, 3)
    ]
    return JobRecord(
        number=BASE + index,
        script="set -eu\n" + "make all\n" * 36,
        status=status,
        created=CREATED,
        required_capabilities={"os": "linux", "arch": "amd64", "requires.tool.python": f">=3.{index % 5 + 8}"},
        timeout_seconds=3600,
        env={"RELEASE": "1.4.2", "TARGET": "x86_64-unknown-linux-gnu"},
        artifact_globs=["dist/**"],
        source=Source(repo="https://git.example.test/shop.git", ref="main"),
        metadata={
            "project_id": str(index % 7),
            "project": "shop",
            "pipeline_id": f"pipeline-{index % 11}",
            "pipeline_run_id": f"run-{BASE + index // 4}",
            "chain_run_id": f"chain-{BASE + index // 16}",
            "pipeline_job_id": "compile",
            "pipeline_version": "1.4.2",
        },
        step_plan=steps,
        agent_id="" if status is JobStatus.QUEUED else f"agent-{index % 20}",
    )


def make_trivial_job(index: int) -> JobRecord:
    """Return an execution that any agent can take, whose one step does nothing."""
    return JobRecord(
        number=BASE + index,
        script="true",
        status=JobStatus.QUEUED,
        created=CREATED,
        metadata={"project": "p", "project_id": "1", "pipeline_id": "p", "pipeline_job_id": "j"},
        step_plan=[Step(index=1, total=1, name="nothing", script="true")],
    )


def fill(store: Store, start: int, stop: int, status: JobStatus) -> None:
    for first in range(start, stop, 1000):
        jobs = [make_job(index, status) for index in range(first, min(first + 1000, stop))]
        put_jobs(store, jobs)


def put_jobs(store: Store, jobs: Iterable[JobRecord]) -> None:
    def put(tx: Transaction) -> None:
        for job in jobs:
            tx.jobs.put(job)

    store.write(put)


TEMPLATES = 1_000
"""So many executions are made one by one; `fill_history` lets the database repeat them."""

APART = 10_000_000
"""How much higher the numbers of the next repetition are: the digits before the last seven change, wherever a number stands."""

_SPECS = """
INSERT INTO job_specs (number, run, chain_run, project, pipeline, document)
SELECT number + %(apart)s * place, replace(run, %(digits)s::text, digits), replace(chain_run, %(digits)s::text, digits), project, pipeline,
       replace(document::text, %(digits)s::text, digits)::json
  FROM job_specs, LATERAL (SELECT place, (%(digits)s::text::bigint + place)::text AS digits
                             FROM generate_series(%(first)s::bigint, %(last)s) AS place) AS repetition
 WHERE number < %(base)s + %(apart)s
"""
_JOBS = """
INSERT INTO jobs (number, status, agent, document)
SELECT number + %(apart)s * place, status, agent, replace(document::text, %(digits)s::text, digits)::json
  FROM jobs, LATERAL (SELECT place, (%(digits)s::text::bigint + place)::text AS digits
                        FROM generate_series(%(first)s::bigint, %(last)s) AS place) AS repetition
 WHERE number < %(base)s + %(apart)s
"""


def fill_history(store: Store, url: str, count: int) -> int:
    """Store *count* executions that are over, a multiple of `TEMPLATES`, in the database at *url*; return the index for further ones."""
    fill(store, 0, TEMPLATES, JobStatus.SUCCEEDED)
    repetitions = count // TEMPLATES
    values = {"apart": APART, "base": BASE, "digits": str(BASE // APART)}
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(1, repetitions, 50):
            last = min(first + 49, repetitions - 1)
            connection.execute(_SPECS, {**values, "first": first, "last": last})
            connection.execute(_JOBS, {**values, "first": first, "last": last})
        further = (repetitions - 1) * TEMPLATES
        connection.execute("UPDATE counters SET value = value + %s WHERE name = 'jobs succeeded'", (further,))
        connection.execute("UPDATE last_ids SET last = %s WHERE name = 'jobs'", (BASE + repetitions * APART,))
        connection.execute("VACUUM ANALYZE")
    return repetitions * APART
