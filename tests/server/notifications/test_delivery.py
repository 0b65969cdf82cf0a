"""Bringing notifications to a real receiver: once each, in order, again after failures, and never forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from cictl_testing.notifications.hooks import HookReceiver
from cictl_testing.notifications.telling import define_telling, deliver, deliver_all, notifications, run, webhook
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.wire.notifications import NotificationState
from cictl_server.services.history.results import notices
from cictl_server.services.notifications import delivery
from cictl_server.services.notifications.delivery import GIVEN_UP_AFTER
from cictl_server.store.contract import Transaction

DAY = GIVEN_UP_AFTER.total_seconds()


def states(server: RunningServer) -> list[str]:
    return [found.state.value for found in notifications(server)]


def test_a_message_is_signed_and_has_what_was_promised(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(f"{receiver.url}/chat"))
    run(server, build, "failed")
    deliver_all(server)
    body: dict[str, Any] = {
        "type": "broken",
        "project": "shop",
        "pipeline": "build",
        "branch": "main",
        "run": 1,
        "status": "failed",
        "previous": "",
        "url": "https://ci.example.test/runs/1",
    }
    assert receiver.messages == [body]
    [found] = notifications(server)
    assert (found.state, found.attempts, found.finished_utc) == ("delivered", 1, server.clock.now)
    assert receiver.tried == {"/chat": [found.message_id]}


def test_what_was_settled_before_a_kill_is_delivered_after_it(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(receiver.url))
    run(server, build, "failed")
    server.restart()
    deliver_all(server)
    server.restart()
    deliver_all(server)
    assert [message["type"] for message in receiver.messages] == ["broken"]


def test_a_kill_while_it_is_sent_has_it_sent_again_with_the_same_id(
    server: RunningServer, receiver: HookReceiver
) -> None:
    build = define_telling(server, webhook(receiver.url))
    run(server, build, "failed")
    [due] = server.services.notifications.delivery.due()
    server.store.write(lambda tx: server.services.notifications.delivery._claim(tx, due.id))  # and then it is killed
    server.restart()
    deliver(server)
    assert receiver.messages == []
    server.clock.step(delivery._CLAIM.total_seconds())
    deliver(server)
    assert receiver.tried["/"] == [due.message_id]


def test_two_servers_do_not_send_the_same(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(receiver.url))
    run(server, build, "failed")
    [due] = server.services.notifications.delivery.due()
    server.services.notifications.delivery.attempt(due.id)
    server.services.notifications.delivery.attempt(due.id)
    assert len(receiver.tried["/"]) == 1


def test_a_target_that_fails_is_tried_again_with_growing_pauses(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(receiver.url))
    run(server, build, "failed")
    receiver.answer_with("/", *[500] * 10)
    pauses = []
    for _ in range(10):
        deliver(server)
        [found] = notifications(server)
        assert found.next_attempt_utc is not None
        pauses.append((found.next_attempt_utc - server.clock.now).total_seconds())
        server.clock.step(pauses[-1])
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert (found.error, found.attempts) == ("it answered 500", 10)
    deliver(server)
    assert (len(set(receiver.tried["/"])), len(receiver.messages)) == (1, 1)


def test_it_is_not_tried_before_its_time(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(receiver.url))
    run(server, build, "failed")
    receiver.answer_with("/", 503)
    deliver(server)
    server.clock.step(1.999)
    deliver(server)
    assert len(receiver.tried["/"]) == 1


def test_a_clock_that_is_set_back_holds_nothing_up(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(receiver.url))
    run(server, build, "failed")
    receiver.answer_with("/", 503)
    deliver(server)
    server.clock.jump(-DAY)
    deliver(server)
    assert states(server) == ["delivered"]


def test_messages_come_in_order_although_one_failed(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(receiver.url))
    receiver.answer_with("/", 500)
    run(server, build, "failed")
    deliver(server)
    run(server, build, "succeeded")
    deliver(server)
    assert receiver.messages == []
    server.clock.step(2)
    deliver_all(server)
    assert [message["type"] for message in receiver.messages] == ["broken", "fixed"]


def test_after_a_day_it_is_given_up(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(receiver.url))
    run(server, build, "failed")
    receiver.answer_with("/", 500, 500)
    server.clock.step(DAY - 2.001)
    deliver(server)
    assert states(server) == ["waiting"]
    server.clock.step(2)
    deliver(server)
    assert (states(server), notifications(server)[0].error) == (["given_up"], "it answered 500")
    server.clock.step(DAY)
    deliver_all(server)
    assert len(receiver.tried["/"]) == 2


def test_410_ends_the_target_until_it_takes_a_test(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(f"{receiver.url}/gone"), webhook(f"{receiver.url}/chat"))
    receiver.answer_with("/gone", 410, 410)
    run(server, build, "failed")
    run(server, build, "succeeded")
    deliver_all(server)
    run(server, build, "failed")
    deliver_all(server)
    gone = [found for found in notifications(server) if found.target.endswith("/gone")]
    assert [found.state for found in gone] == ["given_up", "given_up"]
    assert {found.error for found in gone} == {"it answered 410: it wants no more"}
    assert (len(receiver.tried["/gone"]), len(receiver.tried["/chat"])) == (1, 3)
    for _ in range(2):  # the first of them is refused too
        assert server.post("/api/v1/projects/1/notifications/test").status_code == 200
    run(server, build, "succeeded")
    deliver_all(server)
    assert len(receiver.tried["/gone"]) == 4


def test_a_slow_target_delays_no_other(server: RunningServer, receiver: HookReceiver) -> None:
    build = define_telling(server, webhook(f"{receiver.url}/slow"), webhook(f"{receiver.url}/quick"))
    run(server, build, "failed")
    run(server, build, "succeeded")
    couriers = server.services.notifications.couriers
    with receiver.holding("/slow"):
        couriers.start_due()
        while len(receiver.messages) < 2:
            couriers.start_due()
        assert [message["type"] for message in receiver.messages] == ["broken", "fixed"]
        assert len(receiver.tried["/slow"]) == 1
    assert couriers.wait(60)


def test_a_target_that_never_answers_is_given_up_on_in_time(
    server: RunningServer, receiver: HookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cictl_server.services.notifications.webhooks.WEBHOOK_SECONDS", 0.2)
    build = define_telling(server, webhook(f"{receiver.url}/slow"))
    run(server, build, "failed")
    with receiver.holding("/slow"):
        deliver(server)
        receiver.answer_with("/slow", 500)  # to what it held
    [found] = notifications(server)
    assert (found.state, found.error) == ("waiting", "it did not answer within 10 s")


def test_the_queue_of_a_target_is_bounded(
    server: RunningServer, receiver: HookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MOST_WAITING", 2)
    build = define_telling(server, webhook(receiver.url))
    for _ in range(3):
        run(server, build, "failed")
    assert states(server) == ["waiting", "waiting", "given_up"]
    assert notifications(server)[-1].error == "2 others wait for this target already"


def test_old_ones_go_and_what_waits_stays(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "KEPT", 2)
    monkeypatch.setattr(delivery, "_PRUNED_AT_ONCE", 1)
    build = define_telling(server, webhook("https://chat.example.test"))
    for _ in range(6):
        run(server, build, "failed")

    def over(tx: Transaction) -> None:
        for number in (2, 3, 5):
            record = tx.notifications.find(number)
            assert record is not None
            tx.notifications.put(replace(record, state=NotificationState.DELIVERED))

    server.store.write(over)
    server.services.notifications.delivery.prune()
    assert [found.id for found in notifications(server)] == [1, 4, 5, 6]
