"""Notifications in the store: found by the queue in which they wait."""

from __future__ import annotations

import pytest
from cictl_testing.stores.records import MOMENT
from cictl_testing.stores.reopening import Reopenable
from msgspec.structs import replace

from cictl.wire.notifications import NotificationState, NotificationType
from cictl.wire.runs import RunStatus
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.notifications import NotificationRecord


def record(number: int, target: str = "https://a.test") -> NotificationRecord:
    return NotificationRecord(
        id=number,
        message_id=f"msg_{number}",
        type=NotificationType.BROKEN,
        project_id=1,
        project="shop",
        pipeline="build",
        branch="main",
        run=number,
        status=RunStatus.FAILED,
        previous=None,
        created=MOMENT,
        webhook=target,
    )


def put(store: Store, *records: NotificationRecord) -> None:
    def change(tx: Transaction) -> None:
        for each in records:
            tx.notifications.put(each)

    store.write(change)


def heads(store: Store) -> set[int]:
    with store.read() as view:
        return {found.id for found in view.notifications.heads()}


def waiting(store: Store, target: str = "https://a.test") -> tuple[list[int], int]:
    queue = record(1, target).queue
    with store.read() as view:
        return [found.id for found in view.notifications.waiting_in(queue)], view.notifications.count_waiting(queue)


def newest(store: Store, before: int | None = None) -> list[int]:
    with store.read() as view:
        return [found.id for found in view.notifications.newest_first(before=before)]


def test_each_queue_has_its_oldest_one_at_its_head(place: Reopenable) -> None:
    put(place.store, record(1), record(2), record(3, "https://b.test"), record(10))
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        assert (heads(store), newest(store), newest(store, before=3)) == ({1, 3}, [10, 3, 2, 1], [2, 1])
        assert (waiting(store), waiting(store, "https://b.test")) == (([1, 2, 10], 3), ([3], 1))
        assert waiting(store, "https://c.test") == ([], 0)
        with store.read() as view:
            assert view.notifications.find(3) == record(3, "https://b.test")


@pytest.mark.parametrize("state", [NotificationState.DELIVERED, NotificationState.GIVEN_UP])
def test_one_that_is_over_waits_no_more(place: Reopenable, state: NotificationState) -> None:
    put(place.store, record(1), record(2))
    put(place.store, record(1).over(state, now=MOMENT))
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        assert (heads(store), waiting(store), newest(store)) == ({2}, ([2], 1), [2, 1])


def test_a_deleted_one_is_gone(store: Store) -> None:
    put(store, record(1), record(2))
    assert store.write(lambda tx: tx.notifications.delete(1))
    assert (heads(store), waiting(store), newest(store)) == ({2}, ([2], 1), [2])


def test_a_change_that_did_not_happen_leaves_all_in_their_queues(store: Store) -> None:
    put(store, record(1))

    def change(tx: Transaction) -> None:
        tx.notifications.put(replace(record(1), state=NotificationState.DELIVERED))
        tx.notifications.put(record(2))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(change)
    assert (heads(store), waiting(store)) == ({1}, ([1], 1))
