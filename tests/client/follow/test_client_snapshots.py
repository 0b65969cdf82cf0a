from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cictl_client.follow.snapshots import SnapshotLog

WINDOW = 2000


def together(*snapshots: bytes) -> bytes:
    log = SnapshotLog()
    return b"".join(log.add(snapshot) for snapshot in snapshots)


@given(st.lists(st.binary(max_size=40)))
def test_growing_log_is_put_together_exactly(pieces: list[bytes]) -> None:
    snapshots = [b"".join(pieces[: count + 1]) for count in range(len(pieces))]
    assert together(*snapshots) == b"".join(pieces)


@given(st.lists(st.integers(min_value=0, max_value=50), max_size=30))
def test_moving_window_is_put_together_exactly(lines_each: list[int]) -> None:
    whole, snapshots = b"", []
    for count in lines_each:
        begin = whole.count(b"\n")
        whole += b"".join(b"line %d\n" % (begin + n) for n in range(count))
        snapshots.append(whole[-WINDOW:])
    assert together(*snapshots) == whole


@pytest.mark.parametrize(
    ("before", "after", "added"),
    [
        pytest.param(b"one\n\n", b"one\n[control] cancelled", b"[control] cancelled", id="trimmed-by-a-cancel"),
        pytest.param(b"one\n", b"one", b"", id="only-trimmed"),
        pytest.param(b"\n\n one", b"one\n[control]", b"\n[control]", id="trimmed-at-the-begin"),
        pytest.param(b"one\n", b"", b"", id="nothing"),
        pytest.param(b"one\n", b"two\n", b"two\n", id="began-anew"),
        pytest.param(b"." * 900, b"." * 900 + b"!", b"!", id="one-character"),
        pytest.param("ä".encode() + b"bcd" * 100, b"\xef\xbf\xbd" + b"bcd" * 100 + b"e", b"e", id="cut-character"),
    ],
)
def test_what_a_snapshot_adds(before: bytes, after: bytes, added: bytes) -> None:
    log = SnapshotLog()
    log.add(before)
    assert log.add(after) == added
    assert log.size == len(before) + len(added)


def test_empty_snapshot_forgets_nothing() -> None:
    assert together(b"one\n", b"", b"one\ntwo\n") == b"one\ntwo\n"
