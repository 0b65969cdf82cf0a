"""Changes that wait for the disk together."""

from __future__ import annotations

import errno
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.stores.disk import watched
from cictl_testing.stores.records import make_job
from cictl_testing.stores.reopening import Reopenable

from cictl_server.store.contract import Store, StoreFailed, Transaction
from cictl_server.store.tiny.store import TinyStore


class Refused(Exception):
    """Raised by a change."""


def put(tx: Transaction, number: int, told: list[int]) -> None:
    if not number:
        raise Refused
    tx.jobs.put(make_job(number))
    tx.after_commit(lambda: told.append(number))


def put_together(store: Store, told: list[int], *numbers: int) -> None:
    """Make a change for each number; that of 0 is refused."""
    with store.together():
        for number in numbers:
            store.write(partial(put, number=number, told=told))


def numbers(store: Store) -> list[int]:
    with store.read() as view:
        return [job.number for job in view.jobs.iter_all()]


def test_changes_made_together_see_each_other_and_are_told_of_in_their_order(place: Reopenable) -> None:
    told: list[int] = []
    with place.store.together():
        place.store.write(lambda tx: put(tx, 2, told))
        assert numbers(place.store) == [2]
        place.store.write(lambda tx: put(tx, 1, told))
    assert told == [2, 1]
    place.reopen()
    assert numbers(place.store) == [1, 2]


def test_what_was_changed_before_the_block_raised_stays(place: Reopenable) -> None:
    told: list[int] = []
    with pytest.raises(Refused):
        put_together(place.store, told, 1, 0)
    assert told == [1]
    place.reopen()
    assert numbers(place.store) == [1]


def test_they_share_one_flush_before_which_nothing_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    with TinyStore.open(tmp_path) as store:
        with store.together():
            store.write(lambda tx: put(tx, 1, told))
            store.write(lambda tx: put(tx, 2, told))
            assert store.figures().flushes == 0
            assert told == []
        assert store.figures().flushes == 1
        put_together(store, told, 3)
        assert told == [1, 2, 3]


def test_none_of_them_happened_when_the_disk_fails(tmp_path: Path) -> None:
    told: list[int] = []

    def fail(name: str, _: tuple[Any, ...]) -> None:
        if name == "fsync":
            raise OSError(errno.EIO, "broken")

    with TinyStore.open(tmp_path) as store:
        with watched(fail), pytest.raises(StoreFailed, match="broken"):
            put_together(store, told, 1, 2)
        assert (numbers(store), told) == ([], [])


def test_a_full_disk_is_tried_again_after_them(tmp_path: Path) -> None:
    told: list[int] = []

    def fill(name: str, _: tuple[Any, ...]) -> None:
        if name == "pwrite":
            raise OSError(errno.ENOSPC, "full")

    with TinyStore.open(tmp_path) as store:
        with watched(fill), pytest.raises(StoreFailed, match="full"):
            put_together(store, told, 1, 2)
        put_together(store, told, 3)
        assert (numbers(store), told) == ([3], [3])
