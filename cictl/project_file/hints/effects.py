"""What is allowed and yet hardly meant. Such a file is imported all the same; `lint` warns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

from msgspec import Struct

from cictl.project_file.findings import Finding, quote
from cictl.project_file.hints.checkout import missing_checkout
from cictl.project_file.matrix import NAME, rows_of
from cictl.project_file.names import run_template_names, template_names
from cictl.project_file.patterns import pattern_problem
from cictl.project_file.rules.collector import Collector
from cictl.project_file.schema import FileShape, JobShape, MatrixShape
from cictl.project_file.source.structure import Positions, join_key
from cictl.project_file.templates import unfilled


def advise(file: FileShape, positions: Positions) -> tuple[Finding, ...]:
    """Return a warning for each thing in *file* that has no effect, or can have none. The file breaks no rules."""
    collector = Collector(positions)
    for index, pipeline in enumerate(file.pipelines):
        if found := missing_checkout(pipeline):
            place, command = f"pipelines[{index}].{found[0]}", found[1]
            why = "but without vcs_source nothing is checked out; vcs_source: {repo: self} checks this repository out"
            collector.say(place, f"{place} runs {quote(command)}, {why}")
        of_run = _texts(pipeline.concurrency, f"pipelines[{index}].concurrency")
        _check_placeholders(of_run, run_template_names(pipeline), collector)
        for number, job in enumerate(pipeline.jobs):
            path = f"pipelines[{index}].jobs[{number}]"
            _check_artifacts(job, f"{path}.artifacts", collector)
            _check_rows(job.matrix, f"{path}.matrix", collector)
            _check_placeholders(_templates(job, path), template_names(job, pipeline), collector)
    return collector.findings


def _check_artifacts(job: JobShape, path: str, collector: Collector) -> None:
    plain = {f"{path}[{index}]": item for index, item in enumerate(job.artifacts) if isinstance(item, str)}
    _check_patterns(plain, path, collector)
    for index, item in enumerate(job.artifacts):
        if not isinstance(item, str):
            where = f"{path}[{index}].paths"
            _check_patterns({f"{where}[{number}]": text for number, text in enumerate(item.paths)}, where, collector)


def _check_patterns(patterns: Mapping[str, str], path: str, collector: Collector) -> None:
    """Check the patterns of one list, by their paths."""
    for where, pattern in patterns.items():
        if problem := pattern_problem(pattern.strip()):
            collector.say(where, f"{where} {quote(pattern)} {problem}")
    if patterns and all(pattern.strip().startswith("!") for pattern in patterns.values()):
        collector.add(path, "only excludes, so nothing is kept; write a pattern without ! too")


def _check_rows(matrix: MatrixShape, path: str, collector: Collector) -> None:
    rows = rows_of(matrix)
    first_included = len(rows) - len(matrix.include)
    seen: set[str] = set()
    for index, row in enumerate(rows):
        name = row.get(NAME, "")
        if name and name in seen:
            is_included = index >= first_included
            where = f"{path}.include[{index - first_included}]" if is_included else f"{path}.axes"
            verb = "has" if is_included else "give a row"
            collector.say(
                where, f"{where} {verb} the name {quote(name)} of an earlier row, so that --matrix means both"
            )
        seen.add(name)


def _check_placeholders(templates: Iterable[tuple[str, str]], filled: Set[str], collector: Collector) -> None:
    for where, text in templates:
        for name in unfilled(text, filled):
            collector.say(where, f"{where} has {name}, which nothing fills; it stays as it is")


def _templates(job: JobShape, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text of a job in which templates are replaced, with its path."""
    parts = (
        "concurrency",
        "locks",
        "runs_on",
        "env",
        "working_directory",
        "services",
        "artifacts",
        "outputs",
        "caches",
    )
    for name in parts:
        yield from _texts(getattr(job, name), f"{path}.{name}")
    for index, step in enumerate(job.steps):
        here = f"{path}.steps[{index}]"
        for name in ("name", "run", "working_directory", "env"):
            yield from _texts(getattr(step, name), f"{here}.{name}")
        if step.test is not None:
            for name in ("name", "command", "report", "coverage_report"):
                yield from _texts(getattr(step.test, name), f"{here}.test.{name}")


def _texts(part: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text in *part*, a text or whatever holds texts, with its path."""
    match part:
        case str():
            yield path, part
        case list():
            for index, item in enumerate(part):
                yield from _texts(item, f"{path}[{index}]")
        case dict():
            for key, value in part.items():
                yield from _texts(value, join_key(path, key))
        case Struct():
            for field in part.__struct_fields__:
                yield from _texts(getattr(part, field), f"{path}.{field}")
