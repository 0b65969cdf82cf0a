"""What the forge of a project has to be told of a run, written together with the change of the run."""

from __future__ import annotations

from cictl_server.store.contract import Transaction
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.records.statuses import StatusRecord


def context_of(project: ProjectRecord, pipeline: str) -> str:
    """Return the context by which the forge of *project* is told of runs of a pipeline or chain; empty if it has none."""
    return f"cictl/{pipeline}" if project.forge else ""


def note_status(tx: Transaction, run: RunRecord, *, before: RunRecord | None) -> None:
    """Write down how *run* stands now, if its forge is told and it stood otherwise *before*, which is None for a new run.

    There is one record for each commit and pipeline, so what waits is bounded, and the newest change alone is told when a forge
    comes back.
    """
    if not run.context or (before is not None and before.status is run.status):
        return
    tx.statuses.put(
        StatusRecord(
            project_id=int(run.project_id),
            sha=run.sha,
            context=run.context,
            ref=run.branch or run.tag,
            run=run.number,
            status=run.status,
        )
    )
