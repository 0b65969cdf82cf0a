"""Records of the audit in the store, and the last step of transactions, in which they are written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cictl_testing.stores.records import MOMENT
from cictl_testing.stores.reopening import Reopenable

from cictl.wire.audit.records import AuditActor, AuditRecord
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.settings import SettingRecord


def record(number: int) -> AuditRecord:
    return AuditRecord(
        id=number,
        time_utc=MOMENT + timedelta(seconds=number),
        actor=AuditActor(kind="user", name="anna"),
        action="job.cancelled",
        outcome="success",
    )


def fill(store: Store, *numbers: int) -> None:
    def change(tx: Transaction) -> None:
        for number in numbers:
            tx.audit.put(record(number))

    store.write(change)


def oldest_first(store: Store, after: int = 0) -> list[int]:
    with store.read() as view:
        return [found.id for found in view.audit.oldest_first(after=after)]


def newest_first(store: Store, before: int | None = None) -> list[int]:
    with store.read() as view:
        return [found.id for found in view.audit.newest_first(before=before)]


def test_records_come_in_both_orders_from_anywhere(place: Reopenable) -> None:
    fill(place.store, 1, 2, 3, 10)
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        assert (oldest_first(store), newest_first(store)) == ([1, 2, 3, 10], [10, 3, 2, 1])
        assert (oldest_first(store, after=2), newest_first(store, before=3)) == ([3, 10], [2, 1])
        assert (oldest_first(store, after=10), newest_first(store, before=1)) == ([], [])
        with store.read() as view:
            assert view.audit.find(3) == record(3)


def test_a_removed_record_is_gone_and_its_number_is_never_given_again(place: Reopenable) -> None:
    fill(place.store, 1, 2)
    assert place.store.write(lambda tx: tx.audit.delete(2))
    store = place.reopen()
    assert oldest_first(store) == [1]
    assert store.write(lambda tx: tx.audit.next_id()) == 3


def count(tx: Transaction) -> None:
    """Count the transactions that changed something, in a setting."""
    before = tx.settings.find("count")
    tx.settings.put(SettingRecord(key="count", value=str(int(before.value) + 1 if before else 1)))


def counted(store: Store) -> str:
    with store.read() as view:
        found = view.settings.find("count")
    return found.value if found else "0"


def test_the_last_step_is_a_part_of_each_transaction_that_changes_something(place: Reopenable) -> None:
    place.store.before_commit(count)
    fill(place.store, 1)
    commits = place.store.figures().commits
    fill(place.store, 2, 3)
    fill(place.store)
    assert place.store.figures().commits == commits + 1
    assert counted(place.store) == "2"
    assert counted(place.reopen()) == "2"


def test_a_transaction_that_fails_takes_its_last_step_along(store: Store) -> None:
    store.before_commit(count)

    def change_and_fail(tx: Transaction) -> None:
        tx.audit.put(record(1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(change_and_fail)
    assert (counted(store), oldest_first(store)) == ("0", [])


def test_a_last_step_that_fails_takes_its_transaction_along(store: Store) -> None:
    def fail(_: Transaction) -> None:
        raise ZeroDivisionError

    store.before_commit(fail)
    with pytest.raises(ZeroDivisionError):
        fill(store, 1)
    assert oldest_first(store) == []
