"""Shares of a processor for servers, so that several of them have as much each on one machine as they would on machines of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CPU = Path("/sys/fs/cgroup/cpu")
_UNIFIED = Path("/sys/fs/cgroup")
_PERIOD = 20_000
"""Microseconds after which a share begins anew: short, so that a server never stands still for long."""

ENOUGH_PROCESSORS = 6
"""With so many there is one for each server, and others for PostgreSQL and the generator."""


@contextmanager
def share_of_processor(name: str, pid: int, share: float) -> Iterator[bool]:
    """Let the process *pid* use no more than this *share* of one processor; yield False where the system does not let us."""
    group = (_CPU if _CPU.is_dir() else _UNIFIED) / f"cictl-bench-{os.getpid()}-{name}"
    limit = {"cpu.cfs_period_us": f"{_PERIOD}", "cpu.cfs_quota_us": f"{int(_PERIOD * share)}"}
    if not _CPU.is_dir():
        limit = {"cpu.max": f"{int(_PERIOD * share)} {_PERIOD}"}
    try:
        group.mkdir()
    except OSError:
        yield False
        return
    try:
        try:
            for file, value in limit.items():
                (group / file).write_text(value)
            (group / "cgroup.procs").write_text(f"{pid}")
        except OSError:
            yield False
        else:
            yield True
    finally:
        _leave(group)


def _leave(group: Path) -> None:
    """Move what is in *group* back to its parent, and remove it."""
    try:
        for pid in (group / "cgroup.procs").read_text().split():
            (group.parent / "cgroup.procs").write_text(pid)
        group.rmdir()
    except OSError:
        pass  # the processes have ended, and the system removes what is empty
