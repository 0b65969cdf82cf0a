"""The directory that one job works in."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from pathlib import Path

from cictl.wire.jobs import JobExecution
from cictl_agent.system.paths import is_link, long_windows_path

_NAME_LENGTH = 120
_IS_WINDOWS = os.name == "nt"
_ENVIRONMENT_KEYS = ("arch", "executor", "os", "shell")


def workspace_name(job: JobExecution) -> str:
    """Return the workspace's name: equal for runs of the same pipeline job on the same kind of machine.

    It is made of the project, the pipeline job, the matrix entry, and a digest of the requirements.
    """
    facts = job.facts
    parts = [
        facts.project_id or "project-unknown",
        facts.project or "project-unknown",
        facts.pipeline_job_id or job.id,
    ]
    if matrix := facts.matrix_name or _matrix_index(facts.matrix_index):
        parts.append(matrix)
    return "_".join(map(_part, parts))[:_NAME_LENGTH] + "_" + _environment_part(job.required_capabilities or {})


def prepare_workspace(path: Path) -> None:
    """Make *path* an empty directory."""
    remove_tree(path)
    path.mkdir(parents=True)


def remove_tree(path: Path) -> None:
    """Delete a file, a link or a tree, read-only directories included; a missing one is fine.

    Raises:
        OSError: Something can't be deleted.
    """
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    whole = long_windows_path(str(path)) if _IS_WINDOWS else path
    try:
        shutil.rmtree(whole)
    except FileNotFoundError:
        return
    except PermissionError:
        make_deletable(Path(whole), files=_IS_WINDOWS)
        shutil.rmtree(whole)


def make_deletable(path: Path, *, files: bool) -> None:
    """Allow changes in *path* and every directory below it; links are not followed.

    Args:
        files: Whether files must be writable to be deleted, as on Windows. Elsewhere they keep their modes: a file may
            have another name outside of the tree.
    """
    path.chmod(path.stat().st_mode | stat.S_IRWXU)
    with os.scandir(path) as entries:
        for entry in entries:
            if is_link(entry):
                continue
            if entry.is_dir(follow_symlinks=False):
                make_deletable(Path(entry.path), files=files)
            elif files:
                Path(entry.path).chmod(stat.S_IRUSR | stat.S_IWUSR)


def _matrix_index(index: str) -> str:
    return f"idx-{index}" if index else ""


def _part(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-") or "x"


def _environment_part(required: dict[str, str]) -> str:
    keys = [key for key in _ENVIRONMENT_KEYS if key in required] or sorted(required)
    if not keys:
        return "env-default"
    text = "|".join(f"{key}={required[key]}" for key in keys)
    return "env-" + hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]
