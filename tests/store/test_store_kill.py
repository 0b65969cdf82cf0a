"""Killed at any instant, the store opens again with everything that was acknowledged and nothing half."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from cictl_testing.stores.writer import check_content, writing

from cictl_server.store.tiny.store import TinyStore

KILLS = int(os.environ.get("CICTL_TEST_KILLS", "60"))
"""Each begins where the one before left off, so 200 of them are one long life of a store."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_by_kills(tmp_path: Path) -> None:
    acknowledged = 0
    snapshots: set[int] = set()
    for _ in range(KILLS):
        seen = write_until_killed(tmp_path / "data", after=random.randint(1, 100))
        acknowledged = max(acknowledged, *seen)
        last = check(tmp_path / "data", tmp_path / "copy")
        assert last >= acknowledged
        if (state := tmp_path / "data" / "state.json").exists():
            snapshots.add(state.stat().st_mtime_ns)
    assert acknowledged > KILLS
    assert len(snapshots) > KILLS / 2


def write_until_killed(directory: Path, *, after: int) -> list[int]:
    """Let a child write, kill it once it has acknowledged *after* numbers, and return all it acknowledged."""
    with writing(str(directory)) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(after)]
        child.kill()
        lines += child.stdout.readlines()
    return [int(line) for line in lines if line.endswith(b"\n")]


def check(directory: Path, copy: Path) -> int:
    """Open a copy, so that the next child finds what the killed one left, and return the last number."""
    shutil.copytree(directory, copy)
    with TinyStore.open(copy) as store, store.read() as view:
        last = check_content(view)
    shutil.rmtree(copy)
    return last
