"""One-shot orders: handed out with heartbeats until they arrived."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.agents import HeartbeatResponse, Order
from cictl_server.store.records.settings import SettingRecord

ACTIONS = {
    "refresh-tools": "refresh_tools_requested",
    "wipe-cache": "wipe_cache_requested",
    "flush-job-history": "flush_job_history_requested",
    "restart": "restart_requested",
}


def orders(answer: HeartbeatResponse) -> list[str]:
    """Return the actions that the answer orders."""
    found = [action for action, flag in ACTIONS.items() if getattr(answer, flag)]
    assert bool(found) == bool(answer.orders_id)
    return found


def order(server: RunningServer, *actions: str) -> None:
    """Let the agent be known, and order these actions of it."""
    server.heartbeat()
    for action in actions:
        assert server.act(action).status_code == 200


def test_every_order_has_its_action_and_its_key() -> None:
    assert {order.action.value: order.flag for order in Order} == ACTIONS


@pytest.mark.parametrize("action", ACTIONS)
def test_an_order_that_arrived_is_not_repeated(server: RunningServer, action: str) -> None:
    order(server, action)
    assert orders(server.heartbeat()) == [action]
    server.clock.step(10)
    assert orders(server.heartbeat(restart_status="restarting")) == []
    server.clock.step(10)
    assert orders(server.heartbeat()) == []


@pytest.mark.weakness("A3.2")
@pytest.mark.parametrize("action", ACTIONS)
def test_an_order_is_kept_until_the_agent_acknowledges_it(server: RunningServer, action: str) -> None:
    order(server, action)
    lost = server.heartbeat(orders_received="")
    assert orders(lost) == [action]
    server.clock.step(3)
    again = server.heartbeat(orders_received="")
    assert (orders(again), again.orders_id != lost.orders_id) == ([action], True)
    assert orders(server.heartbeat(orders_received=again.orders_id)) == []


def test_an_old_acknowledgement_confirms_nothing(server: RunningServer) -> None:
    order(server, "wipe-cache")
    first = server.heartbeat(orders_received="")
    server.heartbeat(orders_received=first.orders_id)
    server.act("wipe-cache")
    server.heartbeat(orders_received=first.orders_id)
    assert orders(server.heartbeat(orders_received=first.orders_id)) == ["wipe-cache"]


def test_ids_of_orders_are_not_used_again_after_a_restart_of_the_server(server: RunningServer) -> None:
    order(server, "wipe-cache")
    before = server.heartbeat(orders_received="").orders_id
    server.restart()
    server.clock.step(1)
    order(server, "wipe-cache")
    server.heartbeat(orders_received=before)
    assert orders(server.heartbeat(orders_received=before)) == ["wipe-cache"]


def test_an_order_given_again_while_the_first_is_under_way_is_handed_out_again(server: RunningServer) -> None:
    order(server, "wipe-cache")
    under_way = server.heartbeat(orders_received="")
    server.act("wipe-cache")
    assert orders(server.heartbeat(orders_received=under_way.orders_id)) == ["wipe-cache"]


@pytest.mark.parametrize(("silence", "expected"), [(20.0, []), (20.001, ["wipe-cache"])])
def test_silence_of_an_agent_that_does_not_acknowledge(
    server: RunningServer, silence: float, expected: list[str]
) -> None:
    order(server, "wipe-cache")
    server.heartbeat()
    server.clock.step(silence)
    assert orders(server.heartbeat()) == expected


@pytest.mark.weakness("A3.2")
def test_a_restart_is_ordered_until_something_is_heard_of_it_three_times_at_most(server: RunningServer) -> None:
    order(server, "restart")
    answers = []
    for _ in range(5):
        answers.append(orders(server.heartbeat()))
        server.clock.step(10)
    assert answers == [["restart"]] * 3 + [[]] * 2


@pytest.mark.parametrize("received", [None, ""], ids=["does not acknowledge", "acknowledges"])
def test_a_greeting_ends_a_restart(server: RunningServer, received: str | None) -> None:
    """The new process does not know what the old one received."""
    order(server, "restart")
    server.heartbeat(orders_received=received)
    server.clock.step(90)
    greeting = "ciwi agent has (re)started (pid=1)"
    assert orders(server.heartbeat(orders_received=received, restart_status=greeting)) == []


@pytest.mark.weakness("A12.2b")
def test_a_restart_waits_until_everything_else_arrived(server: RunningServer) -> None:
    order(server, *reversed(ACTIONS))
    first = server.heartbeat(orders_received="")
    assert orders(first) == ["refresh-tools", "wipe-cache", "flush-job-history"]
    assert orders(server.heartbeat(orders_received=first.orders_id)) == ["restart"]


@pytest.mark.weakness("A12.2b")
def test_an_update_is_never_asked_for_together_with_an_order(server: RunningServer) -> None:
    server.find_releases(CICTL_UPDATE_REPO="shop/cictl")
    server.store.write(lambda tx: tx.settings.put(SettingRecord(key="agent_update_target", value="2.0.0")))
    order(server, "wipe-cache")
    able = {"updater": "cictl-wheel"}
    server.heartbeat(orders_received="", capabilities=able)
    server.clock.step(10)
    asked = server.heartbeat(orders_received="", capabilities=able)
    assert (asked.update_requested, orders(asked)) == (True, [])
    assert orders(server.heartbeat(orders_received="", capabilities=able)) == ["wipe-cache"]


def test_orders_are_for_one_agent(server: RunningServer) -> None:
    order(server, "wipe-cache")
    assert orders(server.heartbeat("b")) == []
    assert orders(server.heartbeat()) == ["wipe-cache"]
