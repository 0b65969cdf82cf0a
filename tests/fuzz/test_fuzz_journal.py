"""The store's files after damage: what was acknowledged is there, or the opening is refused; never a silent loss."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
from cictl_testing.fuzz.budget import fuzzed
from cictl_testing.fuzz.mutations import damaged
from cictl_testing.stores.records import make_agent, make_job
from hypothesis import given
from hypothesis import strategies as st

from cictl_server.errors import StoreError
from cictl_server.store.contract import Transaction, View
from cictl_server.store.tiny.journal import JournalEntry, encode_entry
from cictl_server.store.tiny.store import TinyStore

SNAPSHOT, JOURNAL = "state.json", "state.journal"
TABLES = list(View.__annotations__)

State = tuple[object, ...]
"""All records of a store that the changes here touch."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """The files of a store, and its state after each transaction; `states[0]` is that of its snapshot."""

    snapshot: bytes
    journal: bytes
    states: list[State] = field(repr=False)

    @property
    def lines(self) -> list[bytes]:
        return self.journal.splitlines(keepends=True)


def change(tx: Transaction, *, step: int) -> None:
    """Make the transaction *step*: records come, change and go."""
    tx.jobs.put(make_job(step, env={"TEXT": "a\nb é \\n"}))
    tx.agents.put(make_agent("a", hostname=f"host-{step}"))
    if step % 3 == 0:
        tx.jobs.delete(step - 1)


def state_of(view: View) -> State:
    return (*view.jobs.iter_all(), *view.agents.iter_all())


def write(*, covered: int, journaled: int) -> Written:
    """Make *covered* transactions, a snapshot, and *journaled* more."""
    with tempfile.TemporaryDirectory() as directory, TinyStore.open(Path(directory)) as store:
        states: list[State] = [()]
        for step in range(1, covered + journaled + 1):
            store.write(partial(change, step=step))
            with store.read() as view:
                states.append(state_of(view))
            if step == covered:
                store.compact()
        snapshot = Path(directory, SNAPSHOT)
        return Written(
            snapshot=snapshot.read_bytes() if snapshot.exists() else b"",
            journal=Path(directory, JOURNAL).read_bytes(),
            states=states[covered:],
        )


WRITTEN = [write(covered=covered, journaled=journaled) for covered, journaled in ((0, 1), (0, 4), (3, 3), (2, 6))]


@contextmanager
def laid_out(snapshot: bytes, journal: bytes) -> Iterator[Path]:
    """Yield a data directory that holds these files; an empty snapshot is none."""
    with tempfile.TemporaryDirectory() as directory:
        if snapshot:
            Path(directory, SNAPSHOT).write_bytes(snapshot)
        Path(directory, JOURNAL).write_bytes(journal)
        yield Path(directory)


def opened(directory: Path) -> State | None:
    """Return what the store in *directory* holds; None when its opening is refused with a reason."""
    try:
        with TinyStore.open(directory) as store, store.read() as view:
            return state_of(view)
    except StoreError as error:
        told = str(error)
    assert str(directory) in told
    return None


@fuzzed(examples=250)
@given(st.sampled_from(WRITTEN).flatmap(lambda w: st.tuples(st.just(w), damaged([w.journal]))))
def test_a_damaged_journal_loses_nothing_that_is_whole_in_it(case: tuple[Written, bytes]) -> None:
    written, journal = case
    with laid_out(written.snapshot, journal) as directory:
        state = opened(directory)
        if state is None:
            assert Path(directory, JOURNAL).read_bytes() == journal
            return
        assert state in written.states, "the state is one that never was"
        kept = written.states.index(state)
        assert not [line for line in written.lines[kept:] if line in journal], "a whole line was dropped"


@fuzzed(examples=150)
@given(st.sampled_from(WRITTEN), st.data())
def test_a_cut_journal_keeps_every_whole_line_and_goes_on(written: Written, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(written.journal)))
    journal = written.journal[:cut] + data.draw(st.binary(max_size=30).filter(lambda tail: b"\n" not in tail))
    with laid_out(written.snapshot, journal) as directory:
        whole = written.journal[:cut].count(b"\n")
        assert opened(directory) == written.states[whole]
        with TinyStore.open(directory) as store:
            store.write(lambda tx: tx.jobs.put(make_job(1000)))
        assert opened(directory) != written.states[whole]
        assert opened(directory) == opened(directory)


@fuzzed(examples=150)
@given(
    st.sampled_from([w for w in WRITTEN if w.snapshot]).flatmap(lambda w: st.tuples(st.just(w), damaged([w.snapshot])))
)
def test_a_damaged_snapshot_is_whole_or_refused(case: tuple[Written, bytes]) -> None:
    """A snapshot whose end is not a checksum is accepted as one that other programs wrote, so its values may differ."""
    written, snapshot = case
    with laid_out(snapshot, written.journal) as directory:
        state = opened(directory)
        if snapshot == written.snapshot:
            assert state == written.states[-1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.builds(
    lambda base, name, value: msgspec.json.encode({**base, name: value}),
    st.sampled_from([msgspec.to_builtins(record) for record in (make_job(1), make_agent("a"))]),
    st.sampled_from(
        ["number", "status", "created", "agent_id", "facts", "steps", "not_before", "required_capabilities"]
    ),
    JSON,
)
CHANGES = st.tuples(
    st.sampled_from([*TABLES, "_cictl", "", "\ud7ff"]),
    st.integers(-3, 5) | st.sampled_from([2**63, -(2**63), 2**70]),
    st.one_of(RECORDS, JSON.map(msgspec.json.encode)).map(msgspec.Raw),
)
ENTRIES = st.lists(st.tuples(st.integers(-2, 6), st.lists(CHANGES, max_size=3)), max_size=4)


@fuzzed(examples=200)
@given(ENTRIES)
def test_what_opens_can_be_read_to_the_last_record(
    entries: list[tuple[int, list[tuple[str, int, msgspec.Raw]]]],
) -> None:
    """Lines with good checksums, as another program could write them."""
    journal = b"".join(encode_entry(JournalEntry(number, changes)) for number, changes in entries)
    with laid_out(b"", journal) as directory:
        if opened(directory) is None:
            return
        with TinyStore.open(directory) as store, store.read() as view:
            for name in TABLES:
                assert len(list(getattr(view, name).iter_all())) == getattr(view, name).count()
