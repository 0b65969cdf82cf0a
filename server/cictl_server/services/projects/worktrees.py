"""Where working trees that people send are kept: each is the bundle of one run, named as the run is."""

from __future__ import annotations

import re

from cictl_server.blobs.contract import Blobs

WORKTREES = "worktrees/"
_SUFFIX = ".bundle"
_KEY = re.compile(rf"(?:projects/[^/]+/)?{WORKTREES}project-[0-9]+/(?P<run>run-[0-9]+){re.escape(_SUFFIX)}")


def worktree_of(blobs: Blobs, project_id: int, run_id: str) -> str:
    """Return the key of the bundle for the run *run_id*. Without the project in it, one project could build what was sent to another."""
    return f"{blobs.of_project(str(project_id))}{WORKTREES}project-{project_id}/{run_id}{_SUFFIX}"


def run_of_worktree(key: str) -> str:
    """Return the id of the run that the bundle at *key* is for; empty if it is the key of something else."""
    found = _KEY.fullmatch(key)
    return found["run"] if found else ""
