"""The rules of `on`."""

import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime

from cictl.base.names.git_names import ref_fault
from cictl.base.text.globs import BadPattern, GlobSet
from cictl.project_file.build import input_of
from cictl.project_file.cron.syntax import cron_problem
from cictl.project_file.cron.times import cron_times
from cictl.project_file.definition import InputType, Schedule, Triggers
from cictl.project_file.findings import quote
from cictl.project_file.inputs import value_problem
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.schema import InputShape, PipelineShape
from cictl.project_file.source.structure import join_key

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def check_triggers(on: Triggers, path: str, pipeline: PipelineShape, collector: Collector) -> None:
    """Check the triggers at *path*, which start runs of *pipeline*. What `after` names is checked with the file."""
    if on.push is not None:
        for name in ("branches", "tags", "paths"):
            check_patterns(getattr(on.push, name), f"{path}.push.{name}", collector)
    if on.pull_request is not None:
        for name in ("branches", "paths"):
            check_patterns(getattr(on.pull_request, name), f"{path}.pull_request.{name}", collector)
    for index, schedule in enumerate(on.schedule):
        _check_schedule(schedule, f"{path}.schedule[{index}]", pipeline, collector)
    if pipeline.vcs_source is None and (on.push is not None or on.pull_request is not None):
        collector.add(path, "needs vcs_source, the repository whose pushes count; vcs_source: {repo: self} is this one")


def check_patterns(patterns: list[str], path: str, collector: Collector) -> None:
    """Check patterns of branches, tags or files at *path*."""
    for index, pattern in enumerate(patterns):
        if is_blank(pattern.removeprefix("!")):
            collector.add(f"{path}[{index}]", "must not be empty")
        elif problem := _pattern_problem(pattern.removeprefix("!")):
            collector.add(f"{path}[{index}]", f"is no pattern: {problem}")
    if patterns and all(pattern.startswith("!") for pattern in patterns):
        collector.add(path, 'only excludes, so nothing is left; begin with "**"')


def _pattern_problem(pattern: str) -> str:
    try:
        GlobSet([pattern])
    except BadPattern as error:
        return str(error)
    return ""


def _check_schedule(schedule: Schedule, path: str, pipeline: PipelineShape, collector: Collector) -> None:
    if is_blank(schedule.cron):
        collector.add(f"{path}.cron", "is required")
    elif problem := cron_problem(schedule.cron):
        collector.add(f"{path}.cron", problem)
    elif next(cron_times(schedule.cron, "", after=_ANY_TIME), None) is None:
        collector.add(f"{path}.cron", "never comes: none of its months has such a day")
    if not is_blank(schedule.timezone) and not _is_zone(schedule.timezone.strip()):
        collector.add(f"{path}.timezone", f"{quote(schedule.timezone)} is no zone such as Europe/Berlin")
    if not is_blank(schedule.ref) and (fault := ref_fault(schedule.ref.strip())):
        collector.add(f"{path}.ref", fault)
    elif not is_blank(schedule.ref) and pipeline.vcs_source is None:
        collector.add(
            f"{path}.ref", "needs vcs_source, the repository that has it; vcs_source: {repo: self} is this one"
        )
    _check_inputs(schedule, path, pipeline.inputs, collector)


def _check_inputs(schedule: Schedule, path: str, inputs: Mapping[str, InputShape], collector: Collector) -> None:
    for name, value in schedule.inputs.items():
        where = join_key(f"{path}.inputs", name)
        if name not in inputs:
            collector.say_key(where, f"{where} is no input of the pipeline")
        elif inputs[name].type.strip() in ("", *InputType) and (
            problem := value_problem(input_of(inputs[name]), value)
        ):
            collector.add(where, f"can't be its value: {problem}")
    for name, shape in inputs.items():
        if shape.required and name not in schedule.inputs:
            collector.add(f"{path}.inputs", f"lacks {name}, which is required")


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True
