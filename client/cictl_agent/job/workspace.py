"""The directory that a job works in: its name, who has it, and emptying it."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from cictl.wire.jobs import JobExecution
from cictl_agent.system.trees import remove_tree

_NAME_LENGTH = 120
_ENVIRONMENT_KEYS = ("arch", "executor", "os", "shell")


class Workspaces:
    """The workspaces of one agent. Jobs that run at once never share one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._taken: set[Path] = set()

    @contextmanager
    def claim(self, name: str) -> Iterator[Path]:
        """Yield the path of the workspace with this name; while another job has it, of a second one, `NAME_2`, and so on."""
        with self._lock:
            names = (name if number == 1 else f"{name}_{number}" for number in count(1))
            path = next(path for path in map(self._directory.joinpath, names) if path not in self._taken)
            self._taken.add(path)
        try:
            yield path
        finally:
            with self._lock:
                self._taken.remove(path)


def workspace_name(job: JobExecution) -> str:
    """Return the workspace's name, which is the same for every run of a pipeline job with the same requirements.

    It joins the project, the pipeline job, the matrix entry, and a digest of the requirements.
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
