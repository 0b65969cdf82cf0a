"""What the default store promises beyond the contract: its files, TinyDB's view of them, its cost."""

from __future__ import annotations

import gc
import json
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tinydb
from cictl_testing.stores.disk import watched
from cictl_testing.stores.records import make_agent, make_job, make_project
from msgspec.structs import replace

import cictl
from cictl.wire.jobs import JobStatus
from cictl_server.store.contract import StoreCorrupt, StoreFailed, StoreLocked, StoreTooNew, Transaction
from cictl_server.store.tables import Kind
from cictl_server.store.tiny import snapshot
from cictl_server.store.tiny.journal import JournalEntry, encode_entry
from cictl_server.store.tiny.snapshot import Meta
from cictl_server.store.tiny.store import TinyStore


def store_one_job(directory: Path) -> None:
    with TinyStore.open(directory) as store:
        store.write(lambda tx: tx.jobs.put(make_job(1)))


def test_stock_tinydb_opens_a_closed_store(tmp_path: Path) -> None:
    def change(tx: Transaction) -> None:
        tx.jobs.put(make_job(1_772_366_400_000_000_007, env={"A": "ü"}))
        tx.agents.put(make_agent("mac"))
        tx.projects.put(make_project(1))

    with TinyStore.open(tmp_path) as store:
        store.write(change)
    with tinydb.TinyDB(tmp_path / "state.json") as db:
        assert db.tables() >= {"jobs", "agents", "projects"}
        job = db.table("jobs").get(doc_id=1_772_366_400_000_000_007)
        agents = db.table("agents").search(tinydb.where("agent_id") == "mac")
    assert isinstance(job, dict)
    assert job["env"] == {"A": "ü"}
    assert [agent.doc_id for agent in agents] == [1]


def test_what_stock_tinydb_changed_is_read(tmp_path: Path) -> None:
    store_one_job(tmp_path)
    with tinydb.TinyDB(tmp_path / "state.json") as db:
        db.table("jobs").update({"error": "lost"}, doc_ids=[1])
        db.table("projects").insert(msgspec.to_builtins(make_project(1)))

    def change(tx: Transaction) -> None:
        assert tx.jobs.find(1) == make_job(1, error="lost")
        assert tx.projects.next_id() == 2

    with TinyStore.open(tmp_path) as store:
        store.write(change)


def test_a_flipped_bit_in_the_snapshot_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Also where the result would be good JSON, and a good record."""
    with TinyStore.open(tmp_path) as store:
        store.write(lambda tx: tx.jobs.put(make_job(1, error="good")))
    state = tmp_path / "state.json"
    damaged = state.read_bytes().replace(b"good", b"gooe")
    state.write_bytes(damaged)
    with pytest.raises(StoreCorrupt, match=r"state\.json is damaged: it does not match its checksum"):
        TinyStore.open(tmp_path)
    assert state.read_bytes() == damaged


@pytest.mark.parametrize("position", [0, 20, -5, -10, -16, -40])
def test_no_damaged_byte_of_the_snapshot_goes_unnoticed(tmp_path: Path, position: int) -> None:
    store_one_job(tmp_path)
    state = tmp_path / "state.json"
    content = bytearray(state.read_bytes())
    content[position] ^= 1
    state.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        TinyStore.open(tmp_path)


@pytest.mark.parametrize("writer", ["an older cictl", "stock TinyDB"])
def test_a_snapshot_without_a_checksum_is_accepted_once(tmp_path: Path, writer: str) -> None:
    store_one_job(tmp_path)
    state = tmp_path / "state.json"
    content = json.loads(state.read_text())
    if writer == "an older cictl":
        del content["_cictl"]["2"]
    state.write_text(json.dumps(content))
    with TinyStore.open(tmp_path) as store:
        assert b"crc32" in state.read_bytes()[-30:], "it is given one at once"
        with store.read() as view:
            assert view.jobs.find(1) == make_job(1)
    state.write_bytes(state.read_bytes().replace(b"queued", b"failed"))
    with pytest.raises(StoreCorrupt, match="checksum"):
        TinyStore.open(tmp_path)


def test_a_snapshot_that_cannot_be_given_a_checksum_is_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store_one_job(tmp_path)
    state = tmp_path / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text())))
    (tmp_path / "state.json-new").mkdir()
    with TinyStore.open(tmp_path) as store, store.read() as view:
        assert view.jobs.find(1) == make_job(1)
    assert "compaction failed" in caplog.text


def test_everything_is_private(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "data"
    with TinyStore.open(directory) as store:
        store.write(lambda tx: tx.jobs.put(make_job(1)))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert {"state.json": 0o600, "state.journal": 0o600}.items() <= modes.items()
    assert set(modes.values()) == {0o600}


def test_a_second_server_is_kept_out_until_the_first_is_gone(tmp_path: Path) -> None:
    with TinyStore.open(tmp_path), pytest.raises(StoreLocked, match="in use"):
        TinyStore.open(tmp_path)
    TinyStore.open(tmp_path).close()


def write_sealed(directory: Path, documents: list[Any], *, version: str) -> None:
    """Write a snapshot of executions, with its checksum, as that version of cictl."""
    rows = [(number, msgspec.json.encode(document)) for number, document in enumerate(documents, 1)]
    meta = Meta(schema=1, sequence=0, last_ids={}, version=version)
    snapshot.write(directory / "state.json", meta, [("jobs", [rows])])


_NO_RECORD = {**msgspec.to_builtins(make_job(1, status=JobStatus.SUCCEEDED)), "step_plan": 7}


def test_a_record_that_only_another_version_may_have_checked_is_checked_again(tmp_path: Path) -> None:
    """What this version checked before it wrote it, as its checksum tells, is decoded when it is read."""
    write_sealed(tmp_path, [_NO_RECORD], version="0.0.9")
    with pytest.raises(StoreCorrupt, match="step_plan"):
        TinyStore.open(tmp_path)
    write_sealed(tmp_path, [_NO_RECORD], version=cictl.__version__)
    with TinyStore.open(tmp_path) as store, store.read() as view:
        assert view.jobs.count_by_status()[JobStatus.SUCCEEDED] == 1


def test_a_record_of_the_journal_is_checked_although_the_snapshot_is(tmp_path: Path) -> None:
    write_sealed(tmp_path, [make_job(1)], version=cictl.__version__)
    entry = JournalEntry(1, [("jobs", 1, msgspec.Raw(msgspec.json.encode(_NO_RECORD)))])
    (tmp_path / "state.journal").write_bytes(encode_entry(entry))
    with pytest.raises(StoreCorrupt, match="step_plan"):
        TinyStore.open(tmp_path)


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    store_one_job(tmp_path)
    state = tmp_path / "state.json"
    content = json.loads(state.read_text())
    content["_cictl"]["1"]["schema"] = 2
    state.write_text(json.dumps(content))
    written = state.read_bytes()
    with pytest.raises(StoreTooNew, match="schema 2"):
        TinyStore.open(tmp_path)
    assert state.read_bytes() == written


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "state.json is damaged", id="empty"),
        pytest.param(b'{"jobs": {"1": {"number"', "state.json is damaged", id="cut"),
        pytest.param(b'{"jobs": {}}', "_cictl", id="without-our-table"),
        pytest.param(b'{"_cictl": {"1": {"schema": "x"}}}', "schema", id="wrong-type"),
        pytest.param(
            b'{"_cictl": {"1": {"schema": 1, "sequence": 0, "last_ids": {}}}, "jobs": {"1": {"number": 1}}}',
            "a document is not one of cictl's",
            id="not-an-execution",
        ),
        pytest.param(
            b'{"_cictl": {"1": {"schema": 1, "sequence": 0, "last_ids": {}}}, "projects": {"1": []}}',
            "a document is not one of cictl's",
            id="not-a-project",
        ),
        pytest.param(
            b'{"_cictl": {"1": {"schema": 1, "sequence": 0, "last_ids": {}}}, '
            b'"artifacts": {"1": {"number": 2, "generation": 1, "entries": []}}}',
            "document 1 of artifacts has the number 2",
            id="artifacts-of-another",
        ),
        pytest.param(b'{"\xff": {}}', "not a database of cictl", id="not-utf-8"),
        pytest.param(b'{"jobs": {"1": ' + b"[" * 20_000, "not a database of cictl", id="endless-nesting"),
        pytest.param(
            b'{"_cictl": {"1": {"schema": 1, "sequence": 0, "last_ids": {}}}, "chains": {"1": {"chain_id": "\xff"}}}',
            "a document is not one of cictl's",
            id="a-text-that-is-not-utf-8",
        ),
    ],
)
def test_an_unreadable_snapshot_is_refused_and_the_directory_let_go(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "state.json").write_bytes(content)
    refused: list[StoreCorrupt] = []  # keeps what failed alive: nothing may depend on its being collected
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match=reason) as caught:
            TinyStore.open(tmp_path)
        refused.append(caught.value)
        assert str(tmp_path / "state.json") in str(caught.value)
    assert (tmp_path / "state.json").read_bytes() == content


def test_closing_leaves_everything_in_the_snapshot(tmp_path: Path) -> None:
    store_one_job(tmp_path)
    assert (tmp_path / "state.journal").read_bytes() == b""
    assert "1" in json.loads((tmp_path / "state.json").read_text())["jobs"]


def test_a_commit_writes_as_much_as_it_changed(tmp_path: Path) -> None:
    with TinyStore.open(tmp_path) as store:
        journal = tmp_path / "state.journal"
        store.write(lambda tx: tx.jobs.put(make_job(1)))
        first = journal.stat().st_size

        def change(tx: Transaction) -> None:
            for number in range(2, 500):
                tx.jobs.put(make_job(number))

        store.write(change)
        before = journal.stat().st_size
        store.write(lambda tx: tx.jobs.put(make_job(500)))
        assert journal.stat().st_size - before < first + 20


def test_a_transaction_without_changes_writes_nothing(tmp_path: Path) -> None:
    with TinyStore.open(tmp_path) as store:
        store.write(lambda tx: tx.jobs.put(make_job(1)))
        before = (tmp_path / "state.journal").read_bytes()
        store.write(lambda tx: tx.jobs.put(make_job(1)))
        assert (tmp_path / "state.journal").read_bytes() == before


@pytest.mark.weakness("A7.4a")
@pytest.mark.parametrize("stored", [20, 20_000])
def test_look_ups_decode_only_what_they_return(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: int) -> None:
    decoded = count_decoding(monkeypatch)
    with TinyStore.open(tmp_path) as store:

        def change(tx: Transaction) -> None:
            for number in range(1, stored + 1):
                metadata = {"project_id": "1", "pipeline_id": "p"}
                tx.jobs.put(make_job(number, needs={"os": f"os-{number % 4}"}, metadata=metadata))

        store.write(change)
        decoded.clear()
        with store.read() as view:
            assert view.jobs.claimable(lambda kind: kind.needs["os"] == "os-3") is not None
            assert next(view.jobs.newest_first()).number == stored
            assert next(view.jobs.of_pipeline("1", "p")).number == stored
            assert next(view.jobs.with_status(JobStatus.QUEUED)).number == 1
    assert len(decoded) == 4


def count_decoding(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows with every record that stores opened from now on decode."""
    decoded: list[object] = []
    real = msgspec.json.Decoder

    class CountingDecoder:
        def __init__(self, type_: type[Any]) -> None:
            self._decoder = real(type_)

        def decode(self, document: bytes) -> object:
            decoded.append(self._decoder.decode(document))
            return decoded[-1]

    monkeypatch.setattr(msgspec.json, "Decoder", CountingDecoder)
    return decoded


def test_a_server_spares_what_was_loaded_the_garbage_collector(tmp_path: Path) -> None:
    """The rest of the process is not touched by a store that was not opened to be served."""
    gc.unfreeze()
    with TinyStore.open(tmp_path / "short"):
        assert gc.get_freeze_count() == 0
    with TinyStore.open(tmp_path / "long", is_long_lived=True):
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_records_changed_through_tinydb_are_found_by_the_indexes(tmp_path: Path) -> None:
    def is_linux(kind: Kind) -> bool:
        return kind.needs == {"os": "linux"}

    with TinyStore.open(tmp_path) as store:
        document = msgspec.to_builtins(make_job(7, needs={"os": "linux"}))
        store.db.table("jobs").insert(tinydb.table.Document(document, doc_id=7))
        with store.read() as view:
            assert view.jobs.claimable(is_linux) == make_job(7, needs={"os": "linux"})
        store.db.table("jobs").update({"status": "failed"}, doc_ids=[7])
        with store.read() as view:
            assert view.jobs.claimable(is_linux) is None
            assert view.jobs.count_by_status()[JobStatus.FAILED] == 1


def test_indexes_know_an_execution_as_it_is_also_after_a_change_that_was_taken_back(tmp_path: Path) -> None:
    def begin_and_raise(tx: Transaction) -> None:
        tx.jobs.put(replace(queued, status=JobStatus.LEASED, agent_id="lost"))
        raise LookupError

    queued = make_job(7)
    held = replace(queued, status=JobStatus.LEASED, agent_id="a")
    with TinyStore.open(tmp_path) as store:
        store.write(lambda tx: tx.jobs.put(queued))
        with pytest.raises(LookupError):
            store.write(begin_and_raise)
        store.write(lambda tx: tx.jobs.put(held))
        with store.read() as view:
            assert (view.jobs.active_of_agent("lost"), view.jobs.active_of_agent("a")) == ([], [held])
            assert view.jobs.claimable(lambda _kind: True) is None


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"number": "seven"}, id="not-an-execution"),
        pytest.param(msgspec.to_builtins(make_job(7)), id="under-another-id"),
    ],
)
def test_a_document_that_is_no_record_is_refused_whole(tmp_path: Path, document: dict[str, object]) -> None:
    with TinyStore.open(tmp_path) as store:
        with pytest.raises(msgspec.ValidationError):
            store.db.table("jobs").insert(document)
        assert store.db.table("jobs").all() == []
    TinyStore.open(tmp_path).close()


def test_a_second_document_of_one_agent_is_refused(tmp_path: Path) -> None:
    with TinyStore.open(tmp_path) as store:
        store.write(lambda tx: tx.agents.put(make_agent("mac")))
        with pytest.raises(msgspec.ValidationError, match="two documents of agents are mac"):
            store.db.table("agents").insert(msgspec.to_builtins(make_agent("mac", os="darwin")))
        with store.read() as view:
            assert list(view.agents.iter_all()) == [make_agent("mac")]


def test_no_change_slips_in_while_closing(tmp_path: Path) -> None:
    def write(name: str, _: tuple[Any, ...]) -> None:
        if name == "replace":
            with pytest.raises(StoreFailed, match="closed"):
                store.write(lambda tx: tx.jobs.put(make_job(2)))
            refused.append(name)

    refused: list[str] = []
    store = TinyStore.open(tmp_path)
    store.write(lambda tx: tx.jobs.put(make_job(1)))
    with watched(write):
        store.close()
    assert len(refused) == 2
    assert json.loads((tmp_path / "state.json").read_text())["jobs"].keys() == {"1"}
