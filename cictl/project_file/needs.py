"""`needs` of a job: each is the id of a job, or a mapping that says more."""

from __future__ import annotations

from pathlib import PurePath

from cictl.project_file.schema import NeedShape

_REFERENCE_FILE = "ciwi-project.yaml"


def needed_job(need: str | NeedShape) -> str:
    """Return the id of the job that is needed."""
    return (need if isinstance(need, str) else need.job).strip()


def needed_jobs(needs: list[str | NeedShape]) -> list[str]:
    """Return the ids of the jobs that are needed, in the order of the file."""
    return [needed_job(need) for need in needs]


def stated_artifacts(needs: list[str | NeedShape]) -> dict[str, bool]:
    """Return, by the ids of the jobs of which the file says it, whether their artifacts are restored."""
    return {
        needed_job(need): need.artifacts for need in needs if not isinstance(need, str) and need.artifacts is not None
    }


def restores_needs(config_file: str) -> bool:
    """Tell whether jobs of *config_file* get the artifacts of their needs unless they say otherwise.

    Those of the reference's file don't: it may be shared with a reference server, where needs bring nothing.
    """
    return PurePath(config_file).name != _REFERENCE_FILE
