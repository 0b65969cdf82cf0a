"""The project file that says what a file of another CI says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from cictl.cli.app.failures import usage
from cictl.cli.convert import woodpecker
from cictl.cli.convert.github import workflow
from cictl.cli.convert.gitlab import pipeline as gitlab
from cictl.cli.convert.names import id_of
from cictl.cli.convert.output import Block, written
from cictl.cli.convert.source import Mapping, load
from cictl.cli.convert.tally import Tally


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What came of a file.

    Attributes:
        text: The project file.
        kind: Whose file it was.
    """

    text: str
    kind: str
    tally: Tally


def convert(text: str, *, path: str, project: str) -> Converted:
    """Return the project file for *text*.

    Args:
        path: Where it is; its name tells the pipeline's, and helps to tell whose it is.
        project: The name of the project.

    Raises:
        Failure: It is no YAML, or of no CI that is known.
    """
    source = load(text, name=path)
    tally = Tally()
    kind = _kind_of(source, path)
    if kind is None:
        raise usage(
            f"{path} is of no CI that is known here", hint="GitHub Actions, Forgejo, Gitea, GitLab or Woodpecker"
        )
    name = id_of(PurePath(path).stem.lstrip("."), otherwise="build")
    pipeline = kind.pipeline_of(source, name=name, tally=tally)
    head = Block()
    head.note(f"Made from {path}. Comments that begin with `line` are of things there that have no equal.")
    head.put("version", 1)
    head.put("project", Block(name=project))
    head.put("pipelines", [pipeline])
    return Converted(text=written(head), kind=kind.name, tally=tally)


class _Reader(Protocol):
    def __call__(self, file: Mapping, *, name: str, tally: Tally) -> Block: ...


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A CI whose files can be read."""

    name: str
    pipeline_of: _Reader


_GITHUB = _Kind(name="GitHub Actions", pipeline_of=workflow.pipeline_of)
_GITLAB = _Kind(name="GitLab", pipeline_of=gitlab.pipeline_of)
_WOODPECKER = _Kind(name="Woodpecker", pipeline_of=woodpecker.pipeline_of)


def _kind_of(source: Mapping, path: str) -> _Kind | None:
    """Return whose file it is: by what is in it, since files are moved and renamed."""
    if "jobs" in source and ("on" in source or "workflows" in path):
        return _GITHUB
    if "steps" in source or ("pipeline" in source and "woodpecker" in path):
        return _WOODPECKER
    has_scripts = any(
        isinstance(job, Mapping) and ("script" in job or "extends" in job or "trigger" in job)
        for job in source.values()
    )
    return _GITLAB if has_scripts or "stages" in source else None
