"""The rules of one job, its steps included."""

import re

from cictl.base.constraints import is_tool_name, problem_of
from cictl.base.names.labels import is_fact, label_problem
from cictl.project_file.findings import quote
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.steps import check_step
from cictl.project_file.schema import JobShape, TextMap
from cictl.project_file.structure import join_key

SHELLS = ("posix", "cmd", "powershell")

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


def check_job(job: JobShape, path: str, collector: Collector, *, bumps_version: bool) -> None:
    """Check the job at *path*. Its id and its needs are checked with the pipeline.

    Args:
        bumps_version: Its pipeline has an automatic version bump. The bump's script needs a POSIX shell.
    """
    if job.timeout_seconds < 0:
        collector.add(f"{path}.timeout_seconds", "must be >= 0")
    _check_placement(job.runs_on, f"{path}.runs_on", collector)
    _check_shell(job.runs_on, f"{path}.runs_on", collector, bumps_version=bumps_version)
    if not job.steps:
        collector.add(f"{path}.steps", "must contain at least one step")
    _check_tools(job.requires.tools, f"{path}.requires.tools", collector)
    _check_tools(job.requires.container.tools, f"{path}.requires.container.tools", collector)
    _check_image(job, path, collector)
    _check_caches(job, path, collector)
    for index, step in enumerate(job.steps):
        check_step(step, f"{path}.steps[{index}]", collector)


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


def _check_shell(runs_on: TextMap, path: str, collector: Collector, *, bumps_version: bool) -> None:
    executor = runs_on.get("executor", "").strip().lower()
    shell = runs_on.get("shell", "").strip().lower()
    if executor not in ("", "script"):
        collector.add(f"{path}.executor", 'must be "script"')
    if shell and shell not in SHELLS:
        collector.add(f"{path}.shell", f"must be one of {','.join(SHELLS)}")
    if executor == "script" and not shell:
        collector.add(f"{path}.shell", "is required when runs_on.executor=script")
    if shell and executor != "script":
        collector.add(f"{path}.executor", 'must be "script" when runs_on.shell is set')
    if bumps_version and shell in ("cmd", "powershell"):
        collector.add(f"{path}.shell", "must be posix when versioning.auto_bump is set")


def _check_tools(tools: TextMap, path: str, collector: Collector) -> None:
    for name, constraint in tools.items():
        where = join_key(path, name)
        if is_blank(name):
            collector.say_key(where, f"{path} contains empty tool name")
        if name and not is_tool_name(name):
            hint = "" if is_blank(name) else "; it may have letters, digits and ._+-, up to 64"
            collector.say_key(where, f"{path}[{quote(name)}] invalid tool name{hint}")
        if problem := problem_of(constraint):
            collector.add(where, f"{quote(constraint)} can't be met: {problem}")


def _check_image(job: JobShape, path: str, collector: Collector) -> None:
    if not is_blank(job.runs_on.get("container_image", "")):
        return
    needing = {"requires.container.tools": bool(job.requires.container.tools)}
    for key in ("container_devices", "container_groups"):
        needing[f"runs_on.{key}"] = not is_blank(job.runs_on.get(key, ""))
    for name, needs_image in needing.items():
        if needs_image:
            collector.add(f"{path}.runs_on.container_image", f"is required when {name} is set")


def _check_caches(job: JobShape, path: str, collector: Collector) -> None:
    seen: set[str] = set()
    for index, cache in enumerate(job.caches):
        where = f"{path}.caches[{index}]"
        id_ = cache.id.strip()
        if not id_:
            collector.add(f"{where}.id", "is required")
        elif id_ in seen:
            collector.add(f"{where}.id", f"duplicate {quote(id_)}")
        seen.add(id_)
        if is_blank(cache.env):
            collector.add(f"{where}.env", "is required")
