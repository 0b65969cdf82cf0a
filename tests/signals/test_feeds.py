"""The events that servers share, by the contract of `Feed`."""

from __future__ import annotations

from cictl_testing.processes import eventually
from cictl_testing.signals import Two

from cictl.wire.events import EventKind
from cictl_server.signals.contract import Feed

JOB = EventKind.JOB


def subjects(feed: Feed, after: int) -> list[str]:
    """Return what the known events after a number are about."""
    found = feed.after(after)
    assert found is not None
    return [event.subject for event in found]


def test_an_event_is_known_at_every_server(two: Two) -> None:
    begun = two.here.feed.last_number()
    two.here.feed.add(JOB, "job-1")
    for feed in (two.here.feed, two.there.feed):
        eventually(lambda feed=feed: subjects(feed, begun) == ["job-1"], what="the event")  # type: ignore[misc]


def test_numbers_and_order_are_the_same_everywhere(two: Two) -> None:
    begun = two.here.feed.last_number()
    for number in range(20):
        two.here.feed.add(JOB, f"here-{number}")
        two.there.feed.add(JOB, f"there-{number}")
    for feed in (two.here.feed, two.there.feed):
        eventually(lambda feed=feed: len(subjects(feed, begun)) == 40, what="all events")  # type: ignore[misc]
    known = two.here.feed.after(begun)
    assert known == two.there.feed.after(begun)
    assert known is not None
    numbers = [event.number for event in known]
    assert numbers == sorted(set(numbers))
    assert [event.subject for event in known if event.subject.startswith("here")] == [f"here-{n}" for n in range(20)]


def test_a_follower_goes_on_at_the_other_server(two: Two) -> None:
    begun = two.here.feed.last_number()
    two.here.feed.add(JOB, "job-1")
    two.here.feed.add(JOB, "job-2")
    eventually(lambda: len(subjects(two.here.feed, begun)) == 2, what="the events")
    first = (two.here.feed.after(begun) or [])[0]
    eventually(lambda: subjects(two.there.feed, first.number) == ["job-2"], what="the second one there")


def test_what_was_forgotten_and_what_never_was_is_told(two: Two) -> None:
    begun = two.here.feed.last_number()
    assert two.here.feed.after(begun) == []
    assert two.here.feed.after(begun + 10**12) is None
    assert two.here.feed.after(5) is None


def test_a_follower_that_is_too_slow_is_told(two: Two) -> None:
    begun = two.here.feed.last_number()
    for number in range(4200):
        two.here.feed.add(JOB, f"job-{number}")
    eventually(lambda: two.here.feed.after(begun) is None, what="the first events to be forgotten")


def test_events_wake_their_followers(two: Two) -> None:
    with two.there.wakes.watch("events") as watch:
        watch.clear()
        begun = two.there.feed.last_number()
        two.here.feed.add(JOB, "job-1")
        assert watch.wait(60)
        eventually(lambda: subjects(two.there.feed, begun) == ["job-1"], what="the event")
