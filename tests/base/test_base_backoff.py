"""Waits that double."""

from __future__ import annotations

from itertools import islice

import pytest

from cictl.base.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    assert list(islice(Backoff(first=0.5, most=3).waits(), 5)) == [0.5, 1, 2, 3, 3]


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 1), (2, 2), (6, 30), (10**6, 30)])
def test_any_number_of_failures_has_its_wait(failures: int, seconds: float) -> None:
    assert Backoff(first=1, most=30).after(failures) == seconds


def test_chance_shortens_a_wait_by_no_more_than_its_part() -> None:
    waits = list(islice(Backoff(first=8, most=8, jitter=0.25).waits(), 500))
    assert 6 <= min(waits) < 6.5
    assert 7.5 < max(waits) <= 8
