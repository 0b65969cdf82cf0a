"""Recovery, failing disks and shared flushes: what the journal promises."""

from __future__ import annotations

import errno
import itertools
import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from cictl_testing.stores.records import make_job, put_jobs

from cictl_server.store.contract import StoreCorrupt, StoreFailed, StoreFull, Transaction
from cictl_server.store.tiny.journal import Journal, scan
from cictl_server.store.tiny.store import TinyStore


def write_jobs(store: TinyStore, *numbers: int) -> None:
    """Commit one transaction for each number."""
    for number in numbers:
        put_jobs(store, make_job(number))


def numbers(store: TinyStore) -> list[int]:
    with store.read() as view:
        return [job.number for job in view.jobs.iter_all()]


def leave_behind(directory: Path, *jobs: int, journal: Callable[[list[bytes]], bytes] = b"".join) -> Path:
    """Make *directory* as a killed server leaves it: *jobs* in the journal, whose lines *journal* may spoil."""
    origin = directory.with_name("origin")
    with TinyStore.open(origin) as store:
        write_jobs(store, *jobs)
        lines = (origin / "state.journal").read_bytes().splitlines(keepends=True)
    directory.mkdir()
    path = directory / "state.journal"
    path.write_bytes(journal(lines))
    return path


def test_what_was_committed_before_a_kill_is_there(tmp_path: Path) -> None:
    leave_behind(tmp_path / "data", 1, 2, 3)
    with TinyStore.open(tmp_path / "data") as store:
        assert numbers(store) == [1, 2, 3]


@pytest.mark.parametrize(
    "tear",
    [
        pytest.param(lambda line: line[:1], id="one-byte"),
        pytest.param(lambda line: line[: len(line) // 2], id="half"),
        pytest.param(lambda line: line[:-1], id="without-newline"),
        pytest.param(lambda line: line[:20] + bytes(len(line) - 21) + b"\n", id="hole"),
    ],
)
def test_a_torn_last_line_is_dropped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tear: Callable[[bytes], bytes]
) -> None:
    data = tmp_path / "data"
    journal = leave_behind(data, 1, 2, 3, journal=lambda lines: lines[0] + lines[1] + tear(lines[2]))
    whole = journal.read_bytes()
    with TinyStore.open(data) as store:
        assert numbers(store) == [1, 2]
        assert journal.read_bytes() == b"".join(whole.splitlines(keepends=True)[:2])
        write_jobs(store, 4)
    assert "dropping a torn last line" in caplog.text
    with TinyStore.open(data) as store:
        assert numbers(store) == [1, 2, 4]


def flip(line: bytes) -> bytes:
    return line.replace(b"queued", b"failed")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda a, b, c: [a, flip(b), c], "line 2 does not match its checksum", id="flipped"),
        pytest.param(lambda a, b, c: [a, b[:-9] + b"\n", c], "line 2 does not match its checksum", id="cut"),
        pytest.param(lambda a, b, c: [a, b"\n", b, c], "line 2 does not match its checksum", id="empty-line"),
        pytest.param(lambda a, b, c: [a, c], "transaction 2 is missing before line 2", id="missing"),
        pytest.param(lambda a, b, c: [b, c], "transaction 1 is missing before line 1", id="missing-first"),
        pytest.param(lambda a, b, c: [a, b, b, c], "transaction 3 is missing before line 3", id="twice"),
        pytest.param(
            lambda a, b, c: [a, b[:-1], b"\x0b", c], "line 2 does not match its checksum", id="newline-flipped"
        ),
        pytest.param(
            lambda a, b, c: [a, b[:-1], b"\x0b", c[:40]], "line 2 does not match", id="newline-flipped-and-torn"
        ),
        pytest.param(
            lambda a, b, c: [a, b, b"\0", c], "line 3 does not match its checksum", id="a-byte-before-the-last"
        ),
    ],
)
def test_any_other_damage_is_refused_and_left_alone(
    tmp_path: Path, spoil: Callable[[bytes, bytes, bytes], list[bytes]], reason: str
) -> None:
    journal = leave_behind(tmp_path / "data", 1, 2, 3, journal=lambda lines: b"".join(spoil(*lines)))
    damaged = journal.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match=reason) as caught:
            TinyStore.open(tmp_path / "data")
        assert str(journal) in str(caught.value)
    assert journal.read_bytes() == damaged


def test_threads_share_flushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes: list[int] = []
    all_committed = threading.Event()
    real = os.fsync

    def slow_fsync(file: int) -> None:
        """Hold the first flush back until all transactions are waiting for one."""
        flushes.append(file)
        if len(flushes) == 1:
            assert all_committed.wait(60)
        real(file)

    waiting = threading.Semaphore(0)

    def commit(number: int) -> None:
        def change(tx: Transaction) -> None:
            tx.jobs.put(make_job(number))
            waiting.release()

        store.write(change)

    with TinyStore.open(tmp_path) as store:
        monkeypatch.setattr(os, "fsync", slow_fsync)
        threads = [threading.Thread(target=commit, args=(number,)) for number in range(1, 17)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert waiting.acquire(timeout=60)
        with store.read() as view:  # its lock is free only when the last one has been handed to the journal
            assert view.jobs.count() == 16
        all_committed.set()
        for thread in threads:
            thread.join()
        assert len(flushes) <= 2
        monkeypatch.undo()
    with TinyStore.open(tmp_path) as store:
        assert numbers(store) == list(range(1, 17))


def test_writers_who_never_pause_let_the_journal_be_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After at most one more flush: without a claim the writers hand the file from one to the next."""
    passed: list[int] = []
    wait, is_over = Journal._wait_until_idle, threading.Event()

    def counted(journal: Journal) -> None:
        before = journal.flushes
        wait(journal)
        passed.append(journal.flushes - before)

    def commit(first: int) -> None:
        for number in itertools.count(first, 4):
            if is_over.is_set():
                return
            put_jobs(store, make_job(number))

    with TinyStore.open(tmp_path) as store, ThreadPoolExecutor() as pool:
        writers = [pool.submit(commit, first) for first in range(1, 5)]
        monkeypatch.setattr(Journal, "_wait_until_idle", counted)
        for _ in range(20):
            store.compact()
        monkeypatch.undo()
        is_over.set()
        for writer in writers:
            writer.result()
    assert max(passed) <= 1


def failing(code: int) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    ("call", "code", "expected"),
    [
        pytest.param("pwrite", errno.EIO, StoreFailed, id="broken-disk"),
        pytest.param("fsync", errno.EIO, StoreFailed, id="broken-disk-at-last"),
        pytest.param("fsync", errno.ENOSPC, StoreFull, id="full-disk-at-last"),
    ],
)
def test_after_a_failed_write_changes_are_refused_until_reopened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, expected: type[StoreFailed]
) -> None:
    with TinyStore.open(tmp_path) as store:
        write_jobs(store, 1)
        with monkeypatch.context() as broken:
            broken.setattr(os, call, failing(code))
            with pytest.raises(StoreFailed) as caught:
                write_jobs(store, 2)
        assert type(caught.value) is expected
        with pytest.raises(expected, match=os.strerror(code)):
            write_jobs(store, 3)
        assert numbers(store) == [1]
    with TinyStore.open(tmp_path) as store:
        assert numbers(store) == [1]
        write_jobs(store, 4)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT], ids=["full-disk", "quota"])
def test_a_store_goes_on_once_there_is_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    with TinyStore.open(tmp_path) as store:
        write_jobs(store, 1)
        with monkeypatch.context() as broken:
            broken.setattr(os, "pwrite", failing(code))
            for number in (2, 3):
                with pytest.raises(StoreFull):
                    write_jobs(store, number)
                with pytest.raises(StoreFull):
                    store.check()
            assert numbers(store) == [1]
        store.check()
        write_jobs(store, 4)
        assert numbers(store) == [1, 4]
    with TinyStore.open(tmp_path) as store:
        assert numbers(store) == [1, 4]


def test_many_writers_meet_a_full_disk_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was acknowledged is there, and nothing else; the journal can be read again."""
    # By chance and not every third time: a change and its repair could fall into step with that, and never succeed.
    real, chance = os.pwrite, random.Random(7)
    fresh = itertools.count(1)

    def sometimes(file: int, data: bytes, offset: int) -> int:
        if chance.random() < 1 / 3:
            raise OSError(errno.ENOSPC, "full")
        return real(file, data, offset)

    def write_some(_: int) -> set[int]:
        """Write until twenty changes were acknowledged; while others learn of a failure, all are refused."""
        done: set[int] = set()
        for number in itertools.islice(fresh, 1_000_000):
            with suppress(StoreFull):
                write_jobs(store, number)
                done.add(number)
            if len(done) == 20:
                break
        return done

    with TinyStore.open(tmp_path) as store:
        monkeypatch.setattr(os, "pwrite", sometimes)
        with ThreadPoolExecutor(8) as pool:
            written = set().union(*pool.map(write_some, range(8)))
        monkeypatch.undo()
        assert set(numbers(store)) == written
        content = (tmp_path / "state.journal").read_bytes()
    assert len(written) == 160
    assert sum(1 for _ in scan(tmp_path, content, after=0)) == len(written)


def test_a_half_written_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def write_half(file: int, data: bytes, offset: int) -> int:
        if len(data) > 1:
            return real(file, data[: len(data) // 2], offset)
        raise OSError(errno.ENOSPC, "full")

    with TinyStore.open(tmp_path) as store:
        write_jobs(store, 1)
        before = (tmp_path / "state.journal").read_bytes()
        monkeypatch.setattr(os, "pwrite", write_half)
        with pytest.raises(StoreFull):
            write_jobs(store, 2)
        monkeypatch.undo()
        assert (tmp_path / "state.journal").read_bytes() == before


def test_all_who_wait_for_a_failing_flush_are_told_and_their_changes_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_waiting = threading.Event()
    inside = threading.Semaphore(0)
    told: list[StoreFailed] = []
    acted: list[int] = []

    def fail_late(_: int) -> None:
        assert all_waiting.wait(60)
        raise OSError(errno.EIO, "broken")

    def commit(number: int) -> None:
        try:

            def change(tx: Transaction) -> None:
                tx.jobs.put(make_job(number))
                tx.jobs.delete(1)
                tx.after_commit(lambda: acted.append(number))
                inside.release()

            store.write(change)
        except StoreFailed as error:
            told.append(error)

    with TinyStore.open(tmp_path) as store:
        write_jobs(store, 1)
        monkeypatch.setattr(os, "fsync", fail_late)
        threads = [threading.Thread(target=commit, args=(number,)) for number in range(2, 10)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert inside.acquire(timeout=60)
        with store.read() as view:
            assert view.jobs.count() == 8
        all_waiting.set()
        for thread in threads:
            thread.join()
        assert len(told) == 8
        assert len({id(error) for error in told}) == 8
        assert acted == []
        assert numbers(store) == [1]
        monkeypatch.undo()
    with TinyStore.open(tmp_path) as store:
        assert numbers(store) == [1]


def test_an_interrupted_flush_is_no_acknowledgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with TinyStore.open(tmp_path) as store:
        write_jobs(store, 1)
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", interrupt)
            with pytest.raises(KeyboardInterrupt):
                write_jobs(store, 2)
        with pytest.raises(StoreFailed):
            write_jobs(store, 3)
        assert numbers(store) == [1]
    with TinyStore.open(tmp_path) as store:
        assert numbers(store) == [1]
