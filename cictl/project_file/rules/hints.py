"""What is allowed and yet hardly meant. Such a file is imported all the same; `lint` warns."""

from __future__ import annotations

from collections.abc import Iterator

from cictl.project_file.findings import Finding, quote
from cictl.project_file.patterns import pattern_problem
from cictl.project_file.rules.checkout_hint import missing_checkout
from cictl.project_file.rules.collector import Collector
from cictl.project_file.schema import FileShape, JobShape
from cictl.project_file.structure import Positions, join_key
from cictl.project_file.templates import RUN_KEYS, unfilled


def advise(file: FileShape, positions: Positions) -> tuple[Finding, ...]:
    """Return a warning for each thing in *file* that has no effect, or can have none. The file breaks no rules."""
    collector = Collector(positions)
    for index, pipeline in enumerate(file.pipelines):
        if found := missing_checkout(pipeline):
            place, command = f"pipelines[{index}].{found[0]}", found[1]
            why = "but without vcs_source nothing is checked out; vcs_source: {repo: self} checks this repository out"
            collector.say(place, f"{place} runs {quote(command)}, {why}")
        for number, job in enumerate(pipeline.jobs):
            path = f"pipelines[{index}].jobs[{number}]"
            _check_artifacts(job, f"{path}.artifacts", collector)
            _check_rows(job, f"{path}.matrix.include", collector)
            _check_placeholders(job, path, collector)
    return collector.findings


def _check_artifacts(job: JobShape, path: str, collector: Collector) -> None:
    for index, pattern in enumerate(job.artifacts):
        if problem := pattern_problem(pattern.strip()):
            where = f"{path}[{index}]"
            collector.say(where, f"{where} {quote(pattern)} {problem}")
    if job.artifacts and all(pattern.strip().startswith("!") for pattern in job.artifacts):
        collector.add(path, "only excludes, so nothing is kept; write a pattern without ! too")


def _check_rows(job: JobShape, path: str, collector: Collector) -> None:
    seen: set[str] = set()
    for index, row in enumerate(job.matrix.include):
        name = row.get("name", "")
        if name and name in seen:
            collector.say(
                f"{path}[{index}]",
                f"{path}[{index}] has the name {quote(name)} of an earlier row, so that --matrix means both",
            )
        seen.add(name)


def _check_placeholders(job: JobShape, path: str, collector: Collector) -> None:
    filled = {key for row in job.matrix.include for key in row} | RUN_KEYS
    for where, text in _templates(job, path):
        for name in unfilled(text, filled):
            collector.say(where, f"{where} has {name}, which nothing fills; it stays as it is")


def _templates(job: JobShape, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text of a job in which templates are replaced, with its path."""
    yield from ((join_key(f"{path}.runs_on", key), value) for key, value in job.runs_on.items())
    yield from ((f"{path}.artifacts[{index}]", pattern) for index, pattern in enumerate(job.artifacts))
    for index, step in enumerate(job.steps):
        here = f"{path}.steps[{index}]"
        yield f"{here}.run", step.run
        yield from ((join_key(f"{here}.env", key), value) for key, value in step.env.items())
        if step.test is not None:
            for field in ("name", "command", "report", "coverage_report"):
                yield f"{here}.test.{field}", getattr(step.test, field)
