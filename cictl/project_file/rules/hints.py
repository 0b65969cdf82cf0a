"""What is allowed and yet hardly meant. Such a file is imported all the same; `lint` warns."""

from __future__ import annotations

from cictl.project_file.findings import Finding, quote
from cictl.project_file.patterns import pattern_problem
from cictl.project_file.rules.collector import Collector
from cictl.project_file.schema import FileShape, JobShape
from cictl.project_file.structure import Positions


def advise(file: FileShape, positions: Positions) -> tuple[Finding, ...]:
    """Return a warning for each thing in *file* that has no effect. The file breaks no rules."""
    collector = Collector(positions)
    for index, pipeline in enumerate(file.pipelines):
        for number, job in enumerate(pipeline.jobs):
            _check_artifacts(job, f"pipelines[{index}].jobs[{number}].artifacts", collector)
    return collector.findings


def _check_artifacts(job: JobShape, path: str, collector: Collector) -> None:
    for index, pattern in enumerate(job.artifacts):
        if problem := pattern_problem(pattern.strip()):
            where = f"{path}[{index}]"
            collector.say(where, f"{where} {quote(pattern)} {problem}")
    if job.artifacts and all(pattern.strip().startswith("!") for pattern in job.artifacts):
        collector.add(path, "only excludes, so nothing is kept; write a pattern without ! too")
