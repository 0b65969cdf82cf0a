"""The descriptors of logs that are being written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cictl_server.log_writer.files import FileLogs

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[FileLogs]:
    writer = FileLogs(tmp_path / "logs")
    yield writer
    writer.close()


def opened(tmp_path: Path) -> list[str]:
    """Return the names of the logs that this process has open."""
    paths = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sorted(path.stem for path in paths if path.parent == tmp_path / "logs")


def test_a_log_is_open_from_its_first_piece_to_its_end(logs: FileLogs, tmp_path: Path) -> None:
    for at in range(3):
        assert logs.append("job-1", b"x", at=at, now=NOW)
    assert opened(tmp_path) == ["job-1"]
    assert logs.seal("job-1") == 3
    assert opened(tmp_path) == []
    assert logs.append("job-1", b"x", at=3, now=NOW)
    logs.delete("job-1")
    assert opened(tmp_path) == []


def test_of_very_many_logs_the_last_ones_are_open(logs: FileLogs, tmp_path: Path) -> None:
    for round_ in range(2):
        for number in range(500):
            assert logs.append(f"job-{number}", b"x", at=round_, now=NOW)
    assert 60 < len(opened(tmp_path)) <= 256
    assert {logs.size(f"job-{number}") for number in range(500)} == {2}
    logs.close()
    assert opened(tmp_path) == []


def test_a_log_that_somebody_else_removes_begins_anew(logs: FileLogs, tmp_path: Path) -> None:
    assert logs.append("job-1", b"old", at=0, now=NOW)
    (tmp_path / "logs" / "job-1.log").unlink()
    assert logs.append("job-1", b"new", at=0, now=NOW)
    assert logs.read("job-1", offset=0, limit=9) == b"new"


def test_a_log_that_somebody_else_shortens_goes_on_from_there(logs: FileLogs, tmp_path: Path) -> None:
    assert logs.append("job-1", b"whole", at=0, now=NOW)
    os.truncate(tmp_path / "logs" / "job-1.log", 2)
    assert not logs.append("job-1", b"!", at=5, now=NOW)
    assert logs.append("job-1", b"!", at=2, now=NOW)
    assert logs.read("job-1", offset=0, limit=9) == b"wh!"
