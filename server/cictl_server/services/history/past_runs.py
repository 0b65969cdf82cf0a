"""Which executions decide about a run, and which past run satisfies a dependency.

The newest execution of each job and matrix row decides, so a successful rerun heals a failed run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice

import msgspec

from cictl.project_file import Job, Pipeline
from cictl.wire.metadata import JobMetadata, Key
from cictl.wire.words import DEPENDENCY_JOB_ID, DEPENDENCY_JOB_IDS
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord


def deciding(executions: Iterable[JobRecord]) -> list[JobRecord]:
    """Return the deciding ones among the executions of one run or one chain run, oldest first."""
    oldest_first = sorted(executions, key=lambda job: job.number)
    newest = {row_of(job.facts): job for job in oldest_first}
    return sorted(newest.values(), key=lambda job: job.number)


def by_job(executions: Iterable[JobRecord]) -> dict[str, list[JobRecord]]:
    """Return the deciding executions by the id of their job."""
    groups: defaultdict[str, list[JobRecord]] = defaultdict(list)
    for job in deciding(executions):
        groups[job.facts.pipeline_job_id].append(job)
    return groups


def row_of(facts: JobMetadata) -> tuple[str, str, str]:
    """Return what tells the executions of one job and matrix row from the others of a run."""
    return facts.pipeline_id, facts.pipeline_job_id, facts.matrix_index


_HISTORY = 5000
_LARGE_RUNS = 4
"""How far back a dependency is looked for: this many executions, or this many whole runs if those are more executions."""


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a pipeline, by its deciding executions, oldest first."""

    run_id: str
    executions: tuple[JobRecord, ...]

    @property
    def is_over(self) -> bool:
        return all(job.status.is_terminal for job in self.executions)

    @property
    def has_succeeded(self) -> bool:
        return all(job.is_good for job in self.executions)

    @property
    def is_dry(self) -> bool:
        return any(job.facts.dry_run for job in self.executions)

    def get(self, key: Key[str]) -> str:
        """Return the value of *key* in the newest execution that has one, else an empty text."""
        values = (key.of(job.facts) for job in reversed(self.executions))
        return next((value for value in values if value), "")

    @property
    def version(self) -> tuple[str, str]:
        """The raw version and an empty text, or else an empty text and the tagged version."""
        raw = self.get(JobMetadata.pipeline_version_raw)
        return (raw, "") if raw else ("", self.get(JobMetadata.pipeline_version))

    def covers(self, pipeline: Pipeline) -> bool:
        """Tell whether it has an execution for every job and row of *pipeline*; a run of a part does not."""
        rows = {(job.facts.pipeline_job_id, job.facts.pipeline_job_index) for job in self.executions}
        return all((job_id, str(row)) in rows for job_id, row in _rows(pipeline))


class Unsatisfied(Exception):
    """A dependency does not hold. The text is the contract's reason."""


def past_runs(executions: Iterable[JobRecord]) -> list[PastRun]:
    """Group executions of one pipeline into runs; both are ordered newest first."""
    groups: dict[str, list[JobRecord]] = {}
    for job in executions:
        groups.setdefault(job.facts.pipeline_run_id or job.id, []).append(job)
    return [PastRun(run_id=run_id, executions=tuple(deciding(run))) for run_id, run in groups.items()]


def satisfying_run(view: View, project_id: int, pipeline: Pipeline | None, *, for_dry_run: bool) -> PastRun:
    """Return the newest successful run of *pipeline* that has the version of its newest run.

    Only whole runs count. Dry runs count only with *for_dry_run*.

    Raises:
        Unsatisfied: There is none, the newest is not over, or *pipeline* is None because it is gone.
    """
    if pipeline is None:
        raise Unsatisfied("no previous run found")
    enough = max(_HISTORY, _LARGE_RUNS * len(_rows(pipeline)))
    executions = islice(view.jobs.of_pipeline(str(project_id), pipeline.id), enough)
    runs = [run for run in past_runs(executions) if run.covers(pipeline) and (for_dry_run or not run.is_dry)]
    if not runs:
        raise Unsatisfied("no previous run found")
    if not runs[0].is_over:
        raise Unsatisfied("latest run is still in progress")
    wanted = runs[0].version
    found = next((run for run in runs if run.is_over and run.has_succeeded and run.version == wanted), None)
    if found is None:
        raise Unsatisfied("no successful run found for latest dependency version")
    return found


def artifact_environment(runs: Mapping[str, PastRun], job_id: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that tell an agent whose artifacts to restore before the steps of one execution.

    In each dependency, four names are tried in this order: its matrix name, its build target, its job id, and that id
    without a leading `release-`. The first one by which executions that keep artifacts go is the source: `release-linux`
    restores what `linux` kept. Without a match, everything that the dependencies keep is restored.

    Args:
        variables: The execution's matrix row.
    """
    candidates = [variables.get("name", ""), variables.get("build_target", ""), job_id]
    if job_id.startswith("release-"):
        candidates.append(job_id.removeprefix("release-"))
    for run in runs.values():
        keeping = [job for job in run.executions if keeps_files(job)]
        for candidate in filter(None, candidates):
            if hits := _named(keeping, candidate):
                return dependency_environment(hits)
    everything = [job.id for run in runs.values() for job in reversed(run.executions) if keeps_files(job)]
    # Without DEPENDENCY_JOB_ID, also if it is one: that is for what goes by the job's own name.
    return {DEPENDENCY_JOB_IDS: ",".join(everything)} if everything else {}


def _named(executions: list[JobRecord], name: str) -> list[str]:
    """Return the ids of the executions that go by *name*: the newest one by its matrix row, else all rows of a job."""
    by_row = [j.id for j in executions if name in (j.facts.build_target, j.facts.matrix_name)]
    if by_row:
        return by_row[-1:]
    return [job.id for job in executions if job.facts.pipeline_job_id == name]


def dependency_environment(job_ids: list[str]) -> dict[str, str]:
    """Return the variables that tell an agent to restore the artifacts of these executions, later ones last."""
    if not job_ids:
        return {}
    several = {DEPENDENCY_JOB_IDS: ",".join(job_ids)}
    return {DEPENDENCY_JOB_ID: job_ids[0], **several} if len(job_ids) == 1 else several


def keeps_files(job: JobRecord) -> bool:
    """Tell whether the file of *job* says that it keeps artifacts, and it ran."""
    return not job.skipped and bool(job.artifact_globs or job.artifacts)


def _rows(pipeline: Pipeline) -> list[tuple[str, int]]:
    """Return each job and row that a whole run consists of."""
    return [(job.id, row) for job in pipeline.jobs for row in range(max(1, len(job.matrix)))]


def matrix_variables(job: Job, row: int) -> Mapping[str, str]:
    return job.matrix[row] if job.matrix else {}
