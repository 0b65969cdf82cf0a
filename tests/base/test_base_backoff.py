"""Waits that double."""

from __future__ import annotations

from itertools import islice

import pytest

from cictl.base.backoff import Attempts, Backoff


def test_waits_double_up_to_the_longest() -> None:
    assert list(islice(Backoff(first=0.5, most=3).waits(), 5)) == [0.5, 1, 2, 3, 3]


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 1), (2, 2), (6, 30), (10**6, 30)])
def test_any_number_of_failures_has_its_wait(failures: int, seconds: float) -> None:
    assert Backoff(first=1, most=30).after(failures) == seconds


def test_chance_shortens_a_wait_by_no_more_than_its_part() -> None:
    waits = list(islice(Backoff(first=8, most=8, jitter=0.25).waits(), 500))
    assert 6 <= min(waits) < 6.5
    assert 7.5 < max(waits) <= 8


class _Seconds:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_failed_is_tried_after_its_pause_and_what_succeeded_at_once() -> None:
    seconds = _Seconds()
    attempts = Attempts(steady=seconds, backoff=Backoff(first=2, most=300))

    def may_try() -> bool:
        with attempts.trying("a") as is_ours:
            return is_ours

    for pause in (2, 4, 8):
        attempts.note_failure("a")
        seconds.now += pause - 0.1
        assert not may_try()
        seconds.now += 0.1
        assert may_try()
    attempts.note_failure("a")
    attempts.note_success("a")
    assert may_try()


def test_a_thing_is_tried_by_one_at_a_time() -> None:
    attempts = Attempts(steady=_Seconds(), backoff=Backoff(first=2, most=300))
    with attempts.trying("a") as first, attempts.trying("a") as second, attempts.trying("b") as other:
        assert (first, second, other) == (True, False, True)
    with attempts.trying("a") as again:
        assert again
