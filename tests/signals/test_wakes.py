"""Waking waiters, by the contract of `Wakes`."""

from __future__ import annotations

from cictl_testing.signals import Two


def test_waiters_of_a_topic_wake_at_every_server(two: Two) -> None:
    with two.here.wakes.watch("queue") as here, two.there.wakes.watch("queue") as there:
        here.clear()
        there.clear()
        two.here.wakes.publish("queue")
        assert here.is_set()
        assert there.wait(60)


def test_waiters_of_other_topics_sleep_on(two: Two) -> None:
    with two.here.wakes.watch("job:1") as watch:
        watch.clear()
        two.here.wakes.publish("job:2")
        assert not watch.is_set()


def test_all_waiters_of_a_server_wake_when_it_ends(two: Two) -> None:
    with two.here.wakes.watch("job:1") as one, two.here.wakes.watch("job:2") as other:
        two.here.wakes.wake_all()
        assert one.is_set()
        assert other.is_set()


def test_a_topic_is_watched_as_long_as_somebody_does(two: Two) -> None:
    with two.here.wakes.watch("job:1"):
        assert two.here.wakes.is_watched("job:1")
    assert not two.here.wakes.is_watched("job:1")
