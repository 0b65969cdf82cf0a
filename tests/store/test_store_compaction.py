"""Compaction: writers go on, and neither a kill nor a power cut at any of its steps loses anything."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.stores.disk import PowerCut, path_of, watched
from cictl_testing.stores.records import make_job, put_jobs

from cictl_server.store.contract import StoreFailed, Transaction
from cictl_server.store.tiny.files import Replacement
from cictl_server.store.tiny.picture import Picture
from cictl_server.store.tiny.store import TinyStore


def write_jobs(store: TinyStore, *numbers: int) -> None:
    """Commit one transaction for each number."""
    for number in numbers:
        put_jobs(store, make_job(number))


def numbers(store: TinyStore) -> list[int]:
    with store.read() as view:
        return [job.number for job in view.jobs.iter_all()]


def found_in(directory: Path) -> list[int]:
    with TinyStore.open(directory) as store:
        return numbers(store)


def test_compaction_moves_everything_into_the_snapshot(tmp_path: Path) -> None:
    with TinyStore.open(tmp_path) as store:
        write_jobs(store, 1, 2)
        store.compact()
        assert (tmp_path / "state.journal").read_bytes() == b""
        write_jobs(store, 3)
        assert numbers(store) == [1, 2, 3]
    assert found_in(tmp_path) == [1, 2, 3]


def test_a_large_file_is_written_in_parts_with_a_rest_after_each(tmp_path: Path) -> None:
    flushed: list[int] = []
    rests: list[float] = []

    def note(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "fsync":
            flushed.append(os.fstat(arguments[0]).st_size)

    with watched(note):
        Replacement(tmp_path / "f", [bytes(1 << 20)] * 3, rest=rests.append).give_up()
    assert flushed == [1 << 20, 2 << 20, 3 << 20, 3 << 20]
    assert len(rests) == 3
    assert all(0 <= rest <= 0.01 for rest in rests)


def test_a_kill_at_any_step_of_compaction_loses_nothing(tmp_path: Path) -> None:
    steps: list[str] = []

    def copy(name: str, _: tuple[Any, ...]) -> None:
        shutil.copytree(tmp_path / "data", tmp_path / f"step-{len(steps)}")
        steps.append(name)

    with TinyStore.open(tmp_path / "data") as store:
        write_jobs(store, 1, 2)
        store.compact()
        write_jobs(store, 3, 4)
        with watched(copy):
            store.compact()
    assert steps.count("replace") == 2
    for step in range(len(steps)):
        assert found_in(tmp_path / f"step-{step}") == [1, 2, 3, 4]


def test_a_power_cut_at_any_step_loses_nothing_acknowledged(tmp_path: Path) -> None:
    disk = PowerCut(tmp_path / "data")
    acknowledged: list[int] = []
    cuts: list[tuple[Path, list[int]]] = []

    def cut(name: str, args: tuple[Any, ...]) -> None:
        cuts.extend((left, list(acknowledged)) for left in disk.restore(tmp_path / f"cut-{len(cuts)}"))
        disk.note(name, args)

    with watched(cut), TinyStore.open(tmp_path / "data") as store:
        for number in range(1, 9):
            write_jobs(store, number)
            acknowledged.append(number)
            if number % 3 == 0:
                store.compact()
    assert len(cuts) > 30
    for left, promised in cuts:
        assert found_in(left)[: len(promised)] == promised


@pytest.mark.parametrize("lines", [3, 2, 1])
def test_what_the_snapshot_holds_is_not_read_from_the_journal_again(tmp_path: Path, lines: int) -> None:
    with TinyStore.open(tmp_path) as store:
        write_jobs(store, 1, 2)
        store.write(lambda tx: tx.jobs.delete(1))
        journal = (tmp_path / "state.journal").read_bytes().splitlines(keepends=True)
    (tmp_path / "state.journal").write_bytes(b"".join(journal[:lines]))
    with TinyStore.open(tmp_path) as store:
        assert numbers(store) == [2]
        write_jobs(store, 3)
        shutil.copytree(tmp_path, tmp_path / "copy")
    assert found_in(tmp_path / "copy") == [2, 3]


def test_a_snapshot_holds_nothing_that_the_journal_could_not_keep(tmp_path: Path) -> None:
    is_flushing, has_begun = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def fail_late(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and Path(args[0]).name == "state.json-new":
            has_begun.set()
        if name == "fsync" and path_of(args[0]).name == "state.journal":
            is_flushing.set()
            has_begun.wait(0.3)  # a snapshot that did not wait for the flush would be written now
            raise OSError(errno.EIO, "broken")

    def catch(work: Callable[[], None]) -> None:
        try:
            work()
        except StoreFailed as error:
            errors.append(error)

    with TinyStore.open(tmp_path) as store, watched(fail_late):
        writer = threading.Thread(target=catch, args=(lambda: write_jobs(store, 1),))
        writer.start()
        assert is_flushing.wait(60)
        catch(store.compact)
        writer.join()
        assert len(errors) == 2
    assert not (tmp_path / "state.json").exists()
    assert found_in(tmp_path) == []


def test_writers_go_on_while_compacting_in_the_background(tmp_path: Path) -> None:
    def write(start: int) -> None:
        write_jobs(store, *range(start, start + 100))

    copy = tmp_path / "copy"
    with TinyStore.open(tmp_path / "data", compaction_bytes=1) as store:
        threads = [threading.Thread(target=write, args=(start,)) for start in (1, 101, 201, 301)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            store.compact()
        for thread in threads:
            thread.join()
        store.write(lambda tx: tx.jobs.put(make_job(401)))
        store.compact()
        shutil.copytree(tmp_path / "data", copy)
        assert numbers(store) == list(range(1, 402))
    assert found_in(copy) == found_in(tmp_path / "data") == list(range(1, 402))


def test_a_long_journal_is_compacted_without_being_asked(tmp_path: Path) -> None:
    with TinyStore.open(tmp_path, compaction_bytes=2000) as store:
        write_jobs(store, *range(1, 40))
        eventually(lambda: (tmp_path / "state.json").exists(), what="a snapshot")
        eventually(lambda: (tmp_path / "state.journal").stat().st_size < 6000, what="a shorter journal")
        assert numbers(store) == list(range(1, 40))


def test_the_journal_may_grow_to_the_size_of_the_snapshot(tmp_path: Path) -> None:
    def change(tx: Transaction) -> None:
        for number in range(1, 100):
            tx.jobs.put(make_job(number))

    with TinyStore.open(tmp_path, compaction_bytes=2000) as store:
        store.write(change)
    with TinyStore.open(tmp_path, compaction_bytes=2000) as store:
        before = (tmp_path / "state.json").read_bytes()
        assert len(before) > 6000
        write_jobs(store, *range(100, 130))
        assert (tmp_path / "state.journal").stat().st_size > 2000
        assert (tmp_path / "state.json").read_bytes() == before


def test_the_journal_may_grow_to_the_size_of_a_snapshot_just_written(tmp_path: Path) -> None:
    with TinyStore.open(tmp_path, compaction_bytes=6000) as store:
        for start in (1, 41, 81):
            put_jobs(store, *(make_job(number) for number in range(start, start + 40)))
            store.compact()
        before = (tmp_path / "state.json").read_bytes()
        write_jobs(store, *range(121, 191))
        assert 6000 < (tmp_path / "state.journal").stat().st_size < len(before)
        assert (tmp_path / "state.json").read_bytes() == before


def test_a_compaction_without_room_changes_nothing(tmp_path: Path) -> None:
    def fill_disk(name: str, args: tuple[Any, ...]) -> None:
        if name == "pwrite" and path_of(args[0]).name == "state.json-new":
            raise OSError(errno.ENOSPC, "full")

    with TinyStore.open(tmp_path / "data") as store:
        write_jobs(store, 1, 2)
        with watched(fill_disk), pytest.raises(OSError, match="full"):
            store.compact()
        assert not (tmp_path / "data" / "state.json-new").exists()
        write_jobs(store, 3)
        shutil.copytree(tmp_path / "data", tmp_path / "copy")
    assert found_in(tmp_path / "copy") == [1, 2, 3]


def test_a_journal_that_cannot_be_shortened_goes_on(tmp_path: Path) -> None:
    def fill_disk(name: str, args: tuple[Any, ...]) -> None:
        if name == "replace":
            write_jobs(store, 3)  # after the snapshot was taken: it must stay in the journal
        if name == "pwrite" and path_of(args[0]).name == "state.journal-new":
            raise OSError(errno.ENOSPC, "full")

    with TinyStore.open(tmp_path / "data") as store:
        write_jobs(store, 1, 2)
        with watched(fill_disk), pytest.raises(OSError, match="full"):
            store.compact()
        assert not (tmp_path / "data" / "state.journal-new").exists()
        write_jobs(store, 4)
        shutil.copytree(tmp_path / "data", tmp_path / "copy")
    assert found_in(tmp_path / "copy") == [1, 2, 3, 4]


def test_a_shortened_journal_that_may_not_survive_stops_the_store(tmp_path: Path) -> None:
    has_replaced: list[str] = []

    def break_disk(name: str, args: tuple[Any, ...]) -> None:
        if name == "replace" and Path(args[1]).name == "state.journal":
            has_replaced.append(name)
        if name == "fsync" and has_replaced:
            raise OSError(errno.EIO, "broken")

    with TinyStore.open(tmp_path) as store:
        write_jobs(store, 1)
        with watched(break_disk), pytest.raises(StoreFailed, match="broken"):
            store.compact()
        with pytest.raises(StoreFailed, match="broken"):
            write_jobs(store, 2)
        assert numbers(store) == [1]
    assert found_in(tmp_path) == [1]


def test_a_failing_compaction_is_not_tried_at_each_commit(tmp_path: Path) -> None:
    attempts: list[str] = []

    def forbid(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and Path(args[0]).name == "state.json-new":
            attempts.append(name)
            raise PermissionError(errno.EACCES, "forbidden")

    with watched(forbid), TinyStore.open(tmp_path, compaction_bytes=2000) as store:
        write_jobs(store, *range(1, 101))
        written = (tmp_path / "state.journal").stat().st_size
    assert 1 <= len(attempts) <= written // 2000 + 1
    assert found_in(tmp_path) == list(range(1, 101))


def test_a_picture_is_of_one_moment_whatever_writers_do_meanwhile() -> None:
    tables = {"jobs": dict.fromkeys(range(1, 600), b"old")}
    picture = Picture(tables, threading.RLock())
    [(_, blocks)] = picture.tables()
    first = next(blocks)
    for number, after in ((1, b"new"), (599, b"new"), (598, None), (600, b"new"), (599, b"newer")):
        picture.note(("jobs", number, tables["jobs"].get(number), after))
        tables["jobs"] |= {number: after} if after else {}
        if after is None:
            del tables["jobs"][number]
    assert [*first, *(row for rows in blocks for row in rows)] == [(number, b"old") for number in range(1, 600)]


def test_writers_during_a_compaction_are_in_the_journal_behind_it(tmp_path: Path) -> None:
    stop, wrote = threading.Event(), list[int]()

    def write(store: TinyStore) -> None:
        number = 1000
        while not stop.is_set():
            write_jobs(store, number := number + 1)
            wrote.append(number)

    with TinyStore.open(tmp_path / "data") as store:
        put_jobs(store, *map(make_job, range(1, 1000)))
        writer = threading.Thread(target=write, args=(store,))
        writer.start()
        for _ in range(5):
            store.compact()
        stop.set()
        writer.join()
        shutil.copytree(tmp_path / "data", tmp_path / "copy")
    assert found_in(tmp_path / "copy") == [*range(1, 1000), *wrote]
