"""The chain of records: what is altered, removed or put in is found; what is removed for its age is no break."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cictl_testing.server import RunningServer

from cictl.wire.audit.chain import BrokenChain, ChainWalk
from cictl.wire.audit.records import AuditAction, AuditPage
from cictl_server.data_directory import verify_audit
from cictl_server.errors import NotFound
from cictl_server.services.audit.trail import chain_ends
from cictl_server.services.core.deeds import deed_of_system
from cictl_server.store.contract import Transaction
from cictl_server.store.records.settings import SettingRecord
from cictl_server.store.tiny.store import TinyStore

Change = Callable[[Transaction], Any]


def do(server: RunningServer, times: int) -> None:
    """Change something so many times, a minute apart."""
    for _ in range(times):
        assert server.post("/api/v1/jobs/clear-queue").status_code == 200
        server.clock.step(60)


def tampered(directory: Path, change: Change) -> None:
    """Change the data behind the server's back, as whoever may write there could; the store's own checksums hold."""
    with TinyStore.open(directory) as store:
        store.write(change)


def verified(server: RunningServer) -> int:
    """Walk along the chain as whoever asks the server can, and return how many records it has."""
    page = server.read(AuditPage, "/api/v1/audit?order=oldest&limit=1000")
    walk = ChainWalk(page.chain)
    for record in page.records:
        walk.step(msgspec.to_builtins(record))
    walk.finish(page.chain)
    return walk.count


def alter(**fields: Any) -> Change:
    def change(tx: Transaction) -> None:
        record = tx.audit.find(3)
        assert record is not None
        tx.audit.put(msgspec.structs.replace(record, **fields))

    return change


def swap(tx: Transaction) -> None:
    second, third = tx.audit.find(2), tx.audit.find(3)
    assert second is not None
    assert third is not None
    tx.audit.put(msgspec.structs.replace(third, id=2))
    tx.audit.put(msgspec.structs.replace(second, id=3))


def put_in(tx: Transaction) -> None:
    record = tx.audit.find(5)
    assert record is not None
    tx.audit.put(msgspec.structs.replace(record, id=tx.audit.next_id()))


@pytest.mark.tinydb
@pytest.mark.parametrize(
    ("change", "broken"),
    [
        pytest.param(alter(action="job.deleted"), 3, id="another action"),
        pytest.param(alter(details={"removed": "9"}), 3, id="another detail"),
        pytest.param(alter(time_utc=datetime(2026, 3, 1, tzinfo=UTC)), 3, id="time"),
        pytest.param(alter(hash="0" * 64), 3, id="another hash"),
        pytest.param(lambda tx: tx.audit.delete(1), 2, id="the first one removed"),
        pytest.param(lambda tx: tx.audit.delete(3), 4, id="one removed"),
        pytest.param(lambda tx: tx.audit.delete(5), 5, id="the last one removed"),
        pytest.param(swap, 2, id="two swapped"),
        pytest.param(put_in, 6, id="one put in"),
    ],
)
def test_the_first_record_that_does_not_fit_is_named(server: RunningServer, change: Change, broken: int) -> None:
    do(server, 5)
    server.close()
    assert verify_audit(server.directory) == 5
    tampered(server.directory, change)
    with pytest.raises(BrokenChain) as found:
        verify_audit(server.directory)
    assert found.value.record_id == broken
    server.start()


@pytest.mark.tinydb
def test_a_record_with_a_key_more_is_altered(server: RunningServer) -> None:
    do(server, 2)
    server.close()
    with TinyStore.open(server.directory) as store:
        store.db.table("audit").update({"more": 1}, doc_ids=[1])
    with pytest.raises(BrokenChain, match="record 1: it was altered"):
        verify_audit(server.directory)
    server.start()


def test_the_hash_can_be_computed_by_anybody(server: RunningServer) -> None:
    server.post("/api/v1/jobs/clear-queue", headers={"User-Agent": 'Käse "\\/" \x7f'})
    [document] = server.get("/api/v1/audit").json["records"]
    found = document.pop("hash")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == found


def test_the_chain_goes_on_after_a_restart(server: RunningServer) -> None:
    do(server, 2)
    server.restart()
    do(server, 2)
    assert verified(server) == 4


def test_a_change_that_did_not_happen_leaves_no_record(server: RunningServer) -> None:
    do(server, 1)

    def change_and_fail(tx: Transaction) -> None:
        tx.settings.put(SettingRecord(key="k", value="v"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), deed_of_system(AuditAction.QUEUE_CLEARED):
        server.store.write(change_and_fail)
    do(server, 1)
    assert verified(server) == 2


def test_records_that_are_old_enough_are_removed_and_the_rest_can_be_checked(server: RunningServer) -> None:
    do(server, 3)
    server.clock.step(timedelta(days=300).total_seconds())
    do(server, 2)
    assert server.services.audit.trail.prune() == 0
    server.clock.step(timedelta(days=101).total_seconds())
    assert server.services.audit.trail.prune() == 3
    assert [(record.id, record.action) for record in server.audit()] == [
        (4, "queue.cleared"),
        (5, "queue.cleared"),
        (6, "audit.pruned"),
    ]
    assert server.audit()[-1].details == {"removed": "3", "last_id": "3"}
    assert server.audit()[-1].actor.kind == "system"
    assert verified(server) == 3
    with server.store.read() as view:
        assert chain_ends(view).removed_id == 3


def test_more_records_than_one_step_removes_are_removed(server: RunningServer) -> None:
    for _ in range(1001):
        server.post("/api/v1/jobs/clear-queue")
    server.clock.step(timedelta(days=500).total_seconds())
    assert server.services.audit.trail.prune() == 1001
    assert [record.details["removed"] for record in server.audit()] == ["1000", "1"]
    assert verified(server) == 2


def test_nothing_is_removed_without_a_limit(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, settings={"audit_kept": timedelta()})
    do(server, 1)
    server.clock.step(timedelta(days=10_000).total_seconds())
    assert server.services.audit.trail.prune() == 0
    server.close()


def test_a_directory_without_data_has_no_audit(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verify_audit(tmp_path)
