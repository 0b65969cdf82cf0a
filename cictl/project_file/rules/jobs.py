"""The rules of one job, its steps included."""

import re

from cictl.base.constraints import is_tool_name, problem_of
from cictl.base.names.labels import is_fact, label_problem
from cictl.project_file.findings import quote
from cictl.project_file.matrix import MAX_COMBINATIONS, combinations, rows_of
from cictl.project_file.names import condition_names
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.conditions import check_condition
from cictl.project_file.rules.keeping import check_keeping
from cictl.project_file.rules.matrix import check_matrix
from cictl.project_file.rules.policies import check_approval, check_concurrency, check_locks, check_retry
from cictl.project_file.rules.services import check_services
from cictl.project_file.rules.steps import check_step
from cictl.project_file.rules.surroundings import (
    check_directory,
    check_limit,
    check_priority,
    check_shared_environment,
)
from cictl.project_file.schema import DefaultsShape, JobShape, MatrixShape, PipelineShape, TextMap
from cictl.project_file.shells import CONTAINER_SHELLS, SHELLS, shell_of_job, shell_of_step
from cictl.project_file.source.structure import join_key
from cictl.project_file.templates import render

_BAD_ID = re.compile(r"[,\x00-\x1f\x7f]")


def check_id(id_: str, path: str, seen: set[str], collector: Collector) -> None:
    """Check that the id at *path* is given, is not in *seen*, and can be referred to. Add it to *seen*.

    References are trimmed, and the metadata joins ids by commas. So an id has neither outer blanks nor commas.
    """
    if is_blank(id_):
        collector.add(path, "is required")
        return
    if id_ in seen:
        collector.add(path, f"duplicate {quote(id_)}")
    if id_ != id_.strip() or _BAD_ID.search(id_):
        collector.add(path, "must not have outer blanks, commas or control characters")
    seen.add(id_)


def check_job(
    job: JobShape, path: str, collector: Collector, *, pipeline: PipelineShape, defaults: DefaultsShape
) -> None:
    """Check the job at *path*, which is one of *pipeline*. Its id and its needs are checked with that."""
    check_limit(job.timeout_seconds, f"{path}.timeout_seconds", collector)
    check_retry(job.retry, f"{path}.retry", collector)
    check_approval(job.approval, f"{path}.approval", collector)
    check_concurrency(job.concurrency, f"{path}.concurrency", collector)
    check_locks(job.locks, f"{path}.locks", collector)
    check_priority(job.priority, f"{path}.priority", collector)
    check_shared_environment(job.env, f"{path}.env", collector)
    check_directory(job.working_directory, f"{path}.working_directory", collector)
    _check_placement(job.runs_on, f"{path}.runs_on", collector)
    _check_executor(job.runs_on, f"{path}.runs_on", collector)
    _check_shells(job, path, collector, pipeline=pipeline, defaults=defaults)
    if not job.steps:
        collector.add(f"{path}.steps", "must contain at least one step")
    _check_tools(job.requires.tools, f"{path}.requires.tools", job.matrix, collector)
    _check_tools(job.requires.container.tools, f"{path}.requires.container.tools", job.matrix, collector)
    _check_image(job, path, collector)
    check_matrix(job.matrix, f"{path}.matrix", collector)
    check_services(job.services, f"{path}.services", collector)
    check_keeping(job, path, collector)
    known = condition_names(job, pipeline, defaults)
    check_condition(job.condition, f"{path}.if", known, collector)
    for index, step in enumerate(job.steps):
        check_step(step, f"{path}.steps[{index}]", known, collector)


def _check_placement(runs_on: TextMap, path: str, collector: Collector) -> None:
    """Check what agents are compared with: nobody can offer a blank value, nor a key that is misspelt."""
    for key, value in runs_on.items():
        where = join_key(path, key)
        if key.startswith("container_") or key in ("executor", "shell"):
            continue
        if key.startswith("requires."):
            collector.say_key(where, f"{where} is no capability; name tools in requires.tools")
        elif not is_fact(key):
            if problem := label_problem(key, value):
                collector.say_key(where, f"{where} can't be met: {problem}")
        elif key != key.lower() and not key.lower().startswith("tool."):
            collector.say_key(where, f'{where} is unknown; did you mean "{key.lower()}"?')
        elif is_blank(value) or value != value.strip():
            collector.add(where, "must have a value without outer blanks")


def _check_executor(runs_on: TextMap, path: str, collector: Collector) -> None:
    executor = runs_on.get("executor", "").strip().lower()
    shell = runs_on.get("shell", "").strip().lower()
    if executor not in ("", "script"):
        collector.add(f"{path}.executor", 'must be "script"')
    check_shell(shell, f"{path}.shell", collector)
    if executor == "script" and not shell:
        collector.add(f"{path}.shell", "is required when runs_on.executor=script")
    if shell and executor != "script":
        collector.add(f"{path}.executor", 'must be "script" when runs_on.shell is set')


def check_shell(shell: str, path: str, collector: Collector) -> None:
    """Check the shell at *path*. A blank one is absent."""
    if not is_blank(shell) and shell.strip().lower() not in SHELLS:
        collector.add(path, f"must be one of {','.join(SHELLS)}")


def _check_shells(
    job: JobShape, path: str, collector: Collector, *, pipeline: PipelineShape, defaults: DefaultsShape
) -> None:
    """Check the shells of a job and of its steps together with what the job's surroundings ask of them."""
    check_shell(job.shell, f"{path}.shell", collector)
    of_agent = job.runs_on.get("shell", "").strip().lower()
    if not is_blank(job.shell) and of_agent not in ("", job.shell.strip().lower()):
        collector.add(f"{path}.shell", f"contradicts runs_on.shell, which is {quote(of_agent)}; leave one of them out")
    shell = shell_of_job(job, defaults)
    if _bumps_version(pipeline) and shell in ("cmd", "powershell"):
        where = f"{path}.runs_on.shell" if of_agent else f"{path}.shell"
        collector.add(where, "must be posix when versioning.auto_bump is set")
    chosen = {f"{path}.shell": "" if of_agent else shell}
    for index, step in enumerate(job.steps):
        where = f"{path}.steps[{index}].shell"
        check_shell(step.shell, where, collector)
        chosen[where] = "" if is_blank(step.shell) else shell_of_step(step, job, defaults)
    if not is_blank(job.runs_on.get("container_image", "")):
        for where, name in chosen.items():
            if name in SHELLS and name not in CONTAINER_SHELLS:
                collector.add(where, f"must be one of {','.join(CONTAINER_SHELLS)} in a container, not {quote(name)}")


def _bumps_version(pipeline: PipelineShape) -> bool:
    """Tell whether the pipeline has an automatic version bump, whose script needs a POSIX shell."""
    return pipeline.versioning is not None and not is_blank(pipeline.versioning.auto_bump)


def _check_tools(tools: TextMap, path: str, matrix: MatrixShape, collector: Collector) -> None:
    for name, constraint in tools.items():
        where = join_key(path, name)
        if is_blank(name):
            collector.say_key(where, f"{path} contains empty tool name")
        names = _of_rows(name, matrix)
        if bad := next((found for found in names if found and not is_tool_name(found)), ""):
            hint = "" if is_blank(bad) else "; it may have letters, digits and ._+-, up to 64"
            collector.say_key(where, f"{path}[{quote(bad)}] invalid tool name{hint}")
        problems = ((found, problem_of(found)) for found in _of_rows(constraint, matrix))
        if told := next((f"{quote(found)} can't be met: {problem}" for found, problem in problems if problem), ""):
            collector.add(where, told)


def _of_rows(text: str, matrix: MatrixShape) -> list[str]:
    """Return *text* as the rows have it, each once; nothing for a matrix that is too large."""
    if combinations(matrix) > MAX_COMBINATIONS:
        return []
    return list(dict.fromkeys(render(text, row) for row in rows_of(matrix) or [{}]))


def _check_image(job: JobShape, path: str, collector: Collector) -> None:
    if not is_blank(job.runs_on.get("container_image", "")):
        return
    needing = {"requires.container.tools": bool(job.requires.container.tools)}
    for key in ("container_devices", "container_groups"):
        needing[f"runs_on.{key}"] = not is_blank(job.runs_on.get(key, ""))
    for name, needs_image in needing.items():
        if needs_image:
            collector.add(f"{path}.runs_on.container_image", f"is required when {name} is set")
