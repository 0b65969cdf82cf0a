"""Holding the work directory: one agent at a time, and nothing left over of the one before."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cictl_agent.config import AgentConfig, ConfigError
from cictl_agent.system.platforms import Platform
from cictl_agent.system.private import FILE_MODE, make_private_folder, open_private
from cictl_agent.system.trees import remove_tree

_ID_FILE = "work-dir.id"
_IGNORES = ".gitignore"


@contextmanager
def claimed(config: AgentConfig, platform: Platform) -> Iterator[str]:
    """Hold the work directory for this agent alone, clear away what a killed one left, and yield the directory's id.

    Raises:
        ConfigError: The directory can't be used, or another agent uses it.
    """
    lock = FileLock(config.work_dir / "agent.lock", mode=FILE_MODE)
    try:
        make_private_folder(config.work_dir)
        lock.acquire(timeout=0)
        _hide_from_git(config.work_dir)
        _clear_spool(config, platform)
        make_private_folder(config.spool_dir)
        work_dir_id = _id_of(config.work_dir)
    except Timeout as error:
        raise ConfigError(
            f"another agent works in {config.work_dir}; give this one a --work-dir and an --id of its own"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot work in {config.work_dir}: {error.strerror or error}") from error
    try:
        yield work_dir_id
    finally:
        lock.release()


def _hide_from_git(work_dir: Path) -> None:
    """Let git ignore a work directory that lies in a checkout, so that nobody commits it or builds it as a part of the tree."""
    file = work_dir / _IGNORES
    if not file.exists():
        with open_private(file) as out:
            out.write(b"*\n")


def _clear_spool(config: AgentConfig, platform: Platform) -> None:
    """Delete the logs of jobs that a killed agent left, and end what still runs of those jobs."""
    for log in config.spool_dir.glob("*.log"):
        platform.job_processes(log.stem).kill_all()
    remove_tree(config.spool_dir)


def _id_of(work_dir: Path) -> str:
    """Return the id of a work directory, made at its first use. A damaged one is made anew: then nobody is mistaken for us."""
    file = work_dir / _ID_FILE
    known = file.read_text(errors="replace").strip() if file.exists() else ""
    if known.isalnum():
        return known
    made = uuid.uuid4().hex
    with open_private(file) as out:
        out.write(f"{made}\n".encode())
    return made
