"""Short files that go along with a change: the journal makes them durable until they are flushed."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.stores.disk import path_of, watched
from cictl_testing.stores.records import make_job

from cictl_server.store.contract import ShortFile, StoreFailed, Transaction
from cictl_server.store.tiny import short_files
from cictl_server.store.tiny.journal import FileAlong
from cictl_server.store.tiny.short_files import ShortFiles
from cictl_server.store.tiny.store import TinyStore


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data"


def end(store: TinyStore, home: Path, number: int) -> Path:
    """Store an execution whose file goes along, and return where that is."""
    job, path = make_job(number), home / "logs" / f"job-{number}.log"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\xffline of %d\n" % number)

    def change(tx: Transaction) -> None:
        tx.jobs.put(job)
        tx.take_along(ShortFile(path=path, content=path.read_bytes()), job=job)

    store.write(change)
    return path


def after_a_power_cut(home: Path, change: Callable[[Path], object] = lambda _: None) -> list[bytes]:
    """Return the files that a store has which is opened on a copy of *home*, where no file but the store's own has any bytes, after *change*."""
    copy = home.parent / "copy"
    shutil.copytree(home, copy)
    for path in (copy / "logs").iterdir():
        path.write_bytes(b"")
    change(copy)
    with TinyStore.open(copy):
        found = [path.read_bytes() for path in sorted((copy / "logs").iterdir())]
    shutil.rmtree(copy)
    return found


def flusher() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "short files"]


def test_its_bytes_outlive_a_power_cut_without_a_flush_of_its_own(home: Path) -> None:
    flushed: list[str] = []
    with TinyStore.open(home) as store:
        with watched(lambda name, args: flushed.append(path_of(args[0]).name) if name == "fsync" else None):
            end(store, home, 1)
        assert flushed == ["state.journal"]
        assert after_a_power_cut(home) == [b"\xffline of 1\n"]
        assert after_a_power_cut(home, lambda copy: shutil.rmtree(copy / "logs")) == [b"\xffline of 1\n"]


def test_what_came_behind_its_bytes_stays(home: Path) -> None:
    with TinyStore.open(home) as store:
        path = end(store, home, 1)
        longer = path.read_bytes() + b"late"
        assert after_a_power_cut(home, lambda copy: (copy / "logs" / path.name).write_bytes(longer)) == [longer]


def test_it_goes_with_its_execution(home: Path) -> None:
    with TinyStore.open(home) as store:
        end(store, home, 1).unlink()
        end(store, home, 2)
        store.write(lambda tx: tx.jobs.delete(1))
        store.compact()
        end(store, home, 3).unlink()
        store.write(lambda tx: tx.jobs.delete(3))
        assert after_a_power_cut(home) == [b""]  # that of the second one, which is flushed and no more in the journal


def test_a_link_in_its_place_is_left_alone(home: Path) -> None:
    outside = home.parent / "outside"
    outside.write_bytes(b"other")

    def replace(copy: Path) -> None:
        (copy / "logs" / "job-1.log").unlink()
        (copy / "logs" / "job-1.log").symlink_to(outside)

    with TinyStore.open(home) as store:
        end(store, home, 1)
        assert after_a_power_cut(home, replace) == [b"other"]


@pytest.mark.parametrize("path", ["../out/f", "/out/f", "", "logs/../../out/f"])
def test_a_path_that_leads_out_of_the_directory_is_not_followed(tmp_path: Path, path: str) -> None:
    home = tmp_path / "data"
    home.mkdir()
    files = ShortFiles(home)
    files.restore([(1, FileAlong(path, 1, b"content"))], is_there=lambda _: True)
    files.flush()
    assert list(tmp_path.rglob("*")) == [home]


def test_it_is_flushed_before_the_snapshot_takes_the_place_of_the_journal(home: Path) -> None:
    steps: list[str] = []

    def note(name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync":
            steps.append(path_of(args[0]).name)
        if name == "replace":
            steps.append(f"rename {Path(args[1]).name}")

    with TinyStore.open(home) as store:
        path = end(store, home, 1)
        with watched(note):
            store.compact()
        assert steps.index(path.name) < steps.index("logs") < steps.index("rename state.json")
        assert (home / "state.journal").read_bytes() == b""


def test_the_journal_keeps_it_as_long_as_it_can_not_be_flushed(home: Path) -> None:
    def fail(name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync" and path_of(args[0]).suffix == ".log":
            raise OSError(errno.EIO, "broken")

    with TinyStore.open(home) as store:
        path = end(store, home, 1)
        with watched(fail), pytest.raises(OSError, match="broken"):
            store.compact()
        assert after_a_power_cut(home) == [b"\xffline of 1\n"]
        path.write_bytes(b"")  # what failed to reach the disk counts no more
        store.compact()
        assert path.read_bytes() == b"\xffline of 1\n"
        assert (home / "state.journal").read_bytes() == b""


def test_many_are_flushed_meanwhile_and_not_looked_at_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_files, "_MOST_WAITING", 3)
    flushed: list[str] = []
    with TinyStore.open(home) as store:
        with watched(lambda name, args: flushed.append(path_of(args[0]).name) if name == "fsync" else None):
            for number in (1, 2, 3):
                end(store, home, number)
            eventually(lambda: "logs" in flushed and not flusher(), what="the flush of the files")
        end(store, home, 4)
        assert sorted(name for name in flushed if name.endswith(".log")) == ["job-1.log", "job-2.log", "job-3.log"]
        assert after_a_power_cut(home) == [b"", b"", b"", b"\xffline of 4\n"]


def test_what_was_undone_takes_no_file_along(home: Path) -> None:
    def fill(name: str, _: tuple[Any, ...]) -> None:
        if name == "pwrite":
            raise OSError(errno.ENOSPC, "full")

    with TinyStore.open(home) as store:
        with watched(fill), pytest.raises(StoreFailed, match="full"):
            end(store, home, 1)
        end(store, home, 2)
        assert after_a_power_cut(home) == [b"", b"\xffline of 2\n"]
