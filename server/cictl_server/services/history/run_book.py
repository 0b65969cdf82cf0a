"""The records of runs, kept true as their executions begin, change and go.

What a change costs does not depend on the size of its run, except for a rerun and a removal: they decide anew which executions
of their run count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

from msgspec.structs import replace

from cictl.base.names.git_names import branch_of, tag_of
from cictl.wire.metadata import JobMetadata
from cictl_server.errors import NotFound
from cictl_server.services.core.names import find_run_called
from cictl_server.services.history.forge_statuses import note_status
from cictl_server.services.history.past_runs import deciding
from cictl_server.services.history.results.notices import note_end
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunPart, RunRecord
from cictl_server.store.records.settings import SettingRecord

_BATCH = 100
_LAST_NUMBER = "last_run_number"


def next_run_number(tx: Transaction) -> int:
    """Return the number of a new run: one more than the last, also if that run was deleted. The first run is 1."""
    last = tx.settings.find(_LAST_NUMBER)
    number = int(last.value) + 1 if last else 1
    tx.settings.put(SettingRecord(key=_LAST_NUMBER, value=str(number)))
    return number


def numbered(job: JobRecord, run_number: int) -> JobRecord:
    """Return *job* with the number of its run."""
    return replace(job, metadata=job.metadata | JobMetadata.entries(JobMetadata.run_number(str(run_number))))


def number_of(job: JobRecord) -> int:
    """Return the number of the run of *job*; 0 if it has none."""
    return int(job.facts.run_number or 0)


def new_run(jobs: Sequence[JobRecord]) -> RunRecord:
    """Return the record of the run that consists of *jobs*, oldest first; all that they tell of it."""
    first = jobs[0]
    facts = first.facts
    run = RunRecord(
        number=number_of(first),
        run_id=facts.chain_run_id or facts.pipeline_run_id or first.id,
        created=first.created,
        parts={},
        project=facts.project,
        project_id=facts.project_id,
        pipeline=facts.pipeline_chain_id or facts.pipeline_id,
        ref=facts.pipeline_source_ref_raw,
        branch=branch_of(facts.pipeline_source_ref_raw),
        tag=tag_of(facts.pipeline_source_ref_raw),
        sha=facts.pipeline_source_ref_resolved,
        version=facts.pipeline_version,
        started_by=first.started_by,
        started_by_job=first.started_by_job,
        inputs={name: text for job in jobs for name, text in job.inputs.items()},
        pinned=all(job.pinned for job in jobs),
        dry_run=facts.dry_run,
    )
    return _counted(run, deciding(jobs))


def put_run(tx: Transaction, run: RunRecord, *, before: RunRecord | None = None) -> None:
    """Store a run that was *before*, None for a new one. Write whom to tell of what has changed by that."""
    note_status(tx, run, before=before)
    was_over = before is not None and before.status.is_terminal
    if before is not None and was_over and not run.status.is_terminal:
        run = replace(run, former=before.last_result)
    if run.status.is_terminal and not was_over:
        note_end(tx, run)
    tx.runs.put(run)


def note_change(tx: Transaction, before: JobRecord, after: JobRecord) -> None:
    """Bring the record of the run up to date with a change of one of its executions."""
    number, part = number_of(after), RunPart.of(after)
    if not number or after.superseded or (RunPart.of(before), before.started) == (part, after.started):
        return
    run = tx.runs.find(number)
    if run is None:  # a server of an earlier version, on the same database, enqueued it
        recount(tx, number)
        return
    parts = Counter(run.parts)
    parts[RunPart.of(before)] -= 1
    parts[part] += 1
    changed = replace(run, parts=dict(+parts), started=run.started or after.started)
    finished = (run.finished or after.finished) if changed.status.is_terminal else None
    put_run(tx, replace(changed, finished=finished), before=run)


def foresee_change(tx: Transaction, job: JobRecord, *, is_end: bool = False) -> None:
    """Look *job* and the record of its run up together, before the job is changed and `note_change` wants both.

    Args:
        is_end: The change may end the run, so that the project is wanted too.
    """
    number, project_id = number_of(job), int(job.facts.project_id or 0) if is_end else 0
    if number:
        project = [lambda view: view.projects.find(project_id)] if project_id else []
        tx.foresee(lambda view: view.jobs.find(job.number), lambda view: view.runs.find(number), *project)
        tx.runs.find(number)
        if project_id:
            tx.projects.find(project_id)


def recount(tx: Transaction, number: int) -> None:
    """Decide anew which executions of a run count, after a rerun or a removal; a run without any goes."""
    jobs = tx.jobs.of_run_number(str(number))
    if not jobs:
        tx.runs.delete(number)
        return
    newest = deciding(jobs)
    counting = {job.number for job in newest}
    for job in jobs:
        if job.superseded is (job.number in counting):
            tx.jobs.put(replace(job, superseded=not job.superseded))
    run = tx.runs.find(number)
    put_run(tx, _counted(run, newest) if run else new_run(jobs), before=run)


def recount_runs_of(tx: Transaction, jobs: Iterable[JobRecord]) -> None:
    """Recount each run that *jobs* are of, or were of."""
    _recount_all(tx, numbers=sorted({number_of(job) for job in jobs} - {0}))


def record_old_runs(store: Store) -> None:
    """Make the records of runs that an earlier version left without one; once, at the first start of this one.

    The oldest run gets its record last: where it has one, all have.
    """
    with store.read() as view:
        if (
            view.settings.find(_LAST_NUMBER) is None
        ):  # no run has a number, which would take a look at each execution to see
            return
        oldest = next((number for job in view.jobs.iter_all() if (number := number_of(job))), 0)
        if not oldest or view.runs.find(oldest) is not None:
            return
        numbers = reversed(dict.fromkeys(number for job in view.jobs.iter_all() if (number := number_of(job))))
    while some := list(islice(numbers, _BATCH)):
        store.write(partial(_recount_all, numbers=some))


def _recount_all(tx: Transaction, *, numbers: Sequence[int]) -> None:
    for number in numbers:
        recount(tx, number)


def get_run(view: View, text: str) -> RunRecord:
    """Return the run whose number is *text*, or whose id, or the id of one of whose pipelines.

    Raises:
        NotFound: No such run.
    """
    found = find_run_called(view, text)
    if found is None:
        raise NotFound("run", hint="`cictl runs list` shows the newest ones")
    return found


def _counted(run: RunRecord, counting: Sequence[JobRecord]) -> RunRecord:
    """Return *run* with the parts of the executions that count."""
    counted = replace(run, parts=dict(Counter(RunPart.of(job) for job in counting)))
    finished = [job.finished for job in counting if job.finished]
    started = [job.started for job in counting if job.started]
    return replace(
        counted,
        started=run.started or min(started, default=None),
        finished=max(finished, default=None) if counted.status.is_terminal else None,
    )
