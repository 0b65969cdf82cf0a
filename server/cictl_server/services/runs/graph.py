"""The jobs of a run as a graph: what needs what, in layers by the longest path, with the rows of a matrix together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cictl.base.job_parts import ApprovalSpec
from cictl.wire.runs import Run, RunJob
from cictl_server.services.history.past_runs import deciding
from cictl_server.services.history.run_book import get_run
from cictl_server.services.policies import Policies
from cictl_server.services.runs.views import run_view
from cictl_server.store.contract import Store
from cictl_server.store.records.jobs import JobRecord

Key = tuple[str, str]
"""The ids of a pipeline and of a job in it."""

_WORST_FIRST = ("failed", "cancelled", "running", "leased", "queued", "succeeded", "skipped")


class GraphJob(msgspec.Struct, frozen=True, kw_only=True):
    """One job of the run, with the newest execution of each of its rows.

    Attributes:
        name: Its id in the file; in a chain `PIPELINE/JOB`.
        needs: The jobs that it waits for. In a chain the first jobs of a pipeline wait for the last ones of those that it depends on.
        layer: How many jobs have to end before it, one after the other; 0 for the first ones.
        approval: Whose approval rows of it wait for now; None for nobody's.
    """

    key: Key
    name: str
    rows: list[RunJob]
    needs: tuple[Key, ...]
    layer: int
    approval: ApprovalSpec | None

    @property
    def status(self) -> str:
        """The state that matters most among its rows: a failure, then what is not over."""
        found = {row.status for row in self.rows}
        return next((status for status in _WORST_FIRST if status in found), "queued")


class RunGraph(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its jobs, those of an earlier layer first.

    Attributes:
        approval: Whose approval the whole run waits for now; None for nobody's.
    """

    run: Run
    jobs: list[GraphJob]
    approval: ApprovalSpec | None


class RunGraphService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    policies: Policies

    def get(self, text: str) -> RunGraph:
        """Return the run with the number or id *text*.

        Raises:
            NotFound: No such run.
        """
        with self.store.read() as view:
            run = get_run(view, text)
            records = deciding(view.jobs.of_run_number(str(run.number)))
            shown = run_view(run, records, rules=self.policies.of_jobs(view))
        held = next((job for job in records if job.awaited_approval and job.facts.run_approval_blocked), None)
        return RunGraph(run=shown, jobs=_graph(records, shown.jobs), approval=held.awaited_approval if held else None)


def _graph(records: Sequence[JobRecord], views: Sequence[RunJob]) -> list[GraphJob]:
    groups: dict[Key, list[JobRecord]] = {}
    for job in records:
        groups.setdefault(_key(job), []).append(job)
    by_id = {view.id: view for view in views}
    needs = _needs(groups)
    layers = _layers(needs)
    found = [
        GraphJob(
            key=key,
            name="/".join(key) if rows[0].facts.chain_run_id else key[1],
            rows=[by_id[row.id] for row in rows if row.id in by_id],
            needs=needs[key],
            layer=layers[key],
            approval=next(
                (row.awaited_approval for row in rows if row.awaited_approval and not row.facts.run_approval_blocked),
                None,
            ),
        )
        for key, rows in groups.items()
    ]
    return sorted(found, key=lambda job: job.layer)


def _key(job: JobRecord) -> Key:
    return job.facts.pipeline_id, job.facts.pipeline_job_id or "script"


def _needs(groups: Mapping[Key, Sequence[JobRecord]]) -> dict[Key, tuple[Key, ...]]:
    """Return what each job waits for, of what the run has."""
    inside = {
        key: tuple((key[0], need) for need in rows[0].facts.needs_job_ids if (key[0], need) in groups)
        for key, rows in groups.items()
    }
    needed = {need for needs in inside.values() for need in needs}
    last: defaultdict[str, list[Key]] = defaultdict(list)
    for key in groups:
        if key not in needed:
            last[key[0]].append(key)
    return {key: needs or tuple(_before(groups[key][0], last)) for key, needs in inside.items()}


def _before(job: JobRecord, last: Mapping[str, Sequence[Key]]) -> Iterable[Key]:
    return (key for pipeline in job.facts.chain_depends_on_pipelines for key in last.get(pipeline, ()))


def _layers(needs: Mapping[Key, Sequence[Key]]) -> dict[Key, int]:
    """Return the length of the longest path to each job. What goes round in a circle, which no project file has, ends at 0."""
    found: dict[Key, int] = {}
    waiting = dict(needs)
    while waiting:
        ready = [key for key, before in waiting.items() if all(need in found for need in before)] or list(waiting)
        for key in ready:
            found[key] = max((found.get(need, 0) + 1 for need in waiting.pop(key)), default=0)
    return found
