"""Enqueueing 5,000 executions as one run, compared with as many runs of one execution. Target: below 0.2 of their time."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from figures import Figure, Untrue, options
from serving import real_disk

from cictl.project_file import parse
from cictl.wire.projects import RunRequest
from cictl_server.services import Services
from cictl_server.store.contract import Transaction
from cictl_server.store.records.projects import PipelineRecord, ProjectRecord
from cictl_server.store.tiny.store import TinyStore

ROWS = 5_000


def _define(services: Services) -> None:
    """Store a project with a pipeline of one execution (id 1) and one of `ROWS` (id 2)."""
    rows = ", ".join(f"{{name: n{n}}}" for n in range(ROWS))
    text = (
        "version: 1\nproject: {name: p}\npipelines:\n"
        "  - {id: one, jobs: [{id: j, steps: [{run: make}]}]}\n"
        f"  - {{id: many, jobs: [{{id: j, matrix: {{include: [{rows}]}}, steps: [{{run: make}}]}}]}}\n"
    )
    pipelines = parse(text, config_file="cictl.yaml").pipelines

    def change(tx: Transaction) -> None:
        tx.projects.put(
            ProjectRecord(
                id=1,
                name="p",
                identity="p",
                repo_url="",
                repo_ref="",
                config_file="",
                loaded_commit="",
                updated=datetime.now(UTC),
            )
        )
        for number, pipeline in enumerate(pipelines, start=1):
            tx.pipelines.put(PipelineRecord(id=number, project_id=1, definition=pipeline))

    services.core.store.write(change)


def main() -> None:
    arguments, report = options(__doc__)
    singles = ROWS // 10 if arguments.quick else ROWS
    with real_disk("bench-runs-") as home, TinyStore.open(home, is_long_lived=True) as store:
        services = Services.build(store, home, version="dev")
        _define(services)
        begun = time.perf_counter()
        for _ in range(singles):
            services.pipelines.runs.run_pipeline(1, RunRequest())
        single = (time.perf_counter() - begun) * ROWS / singles
        begun = time.perf_counter()
        services.pipelines.runs.run_pipeline(2, RunRequest())
        together = time.perf_counter() - begun
        with store.read() as view:
            stored = view.jobs.count()
    if stored != singles + ROWS:
        raise Untrue(f"{stored} executions were stored, not {singles + ROWS}")
    name = f"one run of {ROWS:,} executions"
    report.add(
        Figure(name=name, value=together, unit="s", ratio=together / single, base="single runs", target="<= 0.2")
    )


if __name__ == "__main__":
    main()
