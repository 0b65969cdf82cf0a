"""Which files a job keeps, after the end that it had: its plain patterns, and its groups with their conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from cictl.base.job_parts import ArtifactSpec, When
from cictl.wire.jobs import JobExecution
from cictl_agent.job.artifacts.collection import Found

Collect = Callable[[Iterable[str]], list[Found]]
"""From patterns to the files that match."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a job keeps.

    Attributes:
        files: Sorted by name, each once.
        missing: What the groups are called that need files and have none.
    """

    files: list[Found]
    missing: list[str]


def keep(job: JobExecution, collect: Collect, *, has_failed: bool) -> Kept:
    """Return what is kept after this end of the job. What one group excludes another one may keep.

    A file that several groups keep is of the first one, and of none only where nothing but the plain patterns keep it.
    """
    files: dict[str, Found] = {}
    missing = []
    for position, group in _groups(job, has_failed=has_failed):
        found = collect(group.paths)
        files |= {file.path: replace(file, group=position) for file in found if file.path not in files}
        if group.required and not found:
            missing.append(group.name or ", ".join(group.paths))
    return Kept(files=[files[path] for path in sorted(files)], missing=missing)


def _groups(job: JobExecution, *, has_failed: bool) -> Iterable[tuple[int, ArtifactSpec]]:
    """Yield what counts after this end, each with its position; the plain patterns are no group, and come last with 0."""
    wanted = (When.ALWAYS, When.FAILURE if has_failed else When.SUCCESS)
    yield from ((place, group) for place, group in enumerate(job.artifacts, 1) if group.when in wanted)
    if job.artifact_globs:
        yield 0, ArtifactSpec(paths=job.artifact_globs, when=When.ALWAYS)
