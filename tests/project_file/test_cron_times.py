"""When cron expressions come, above all where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from cictl.project_file.cron.syntax import WORDS, cron_problem
from cictl.project_file.cron.times import cron_times

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def shown(cron: str, zone: str, day: str, *, count: int) -> list[str]:
    """Return the first *count* times of a day and later, as clocks in *zone* show them with their distance from UTC."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) - timedelta(seconds=1)
    found = islice(cron_times(cron, zone, after=begin), count)
    return [instant.astimezone(ZoneInfo(zone)).strftime("%d. %H:%M %z") for instant in found]


@pytest.mark.parametrize(
    ("zone", "day", "cron", "expected"),
    [
        pytest.param(BERLIN, "2026-03-29", "30 2 * * *", ["29. 03:00 +0200", "30. 02:30 +0200"], id="Berlin gap"),
        pytest.param(BERLIN, "2026-10-25", "30 2 * * *", ["25. 02:30 +0200", "26. 02:30 +0100"], id="Berlin twice"),
        pytest.param(NEW_YORK, "2026-03-08", "30 2 * * *", ["08. 03:00 -0400", "09. 02:30 -0400"], id="New York gap"),
        pytest.param(NEW_YORK, "2026-11-01", "30 1 * * *", ["01. 01:30 -0400", "02. 01:30 -0500"], id="New York twice"),
        pytest.param(LORD_HOWE, "2026-10-04", "15 2 * * *", ["04. 02:30 +1100", "05. 02:15 +1100"], id="Lord Howe gap"),
        pytest.param(LORD_HOWE, "2026-04-05", "45 1 * * *", ["05. 01:45 +1100", "06. 01:45 +1030"], id="Lord Howe twice"),
        pytest.param(BERLIN, "2026-03-29", "*/30 2 * * *", ["29. 03:00 +0200", "30. 02:00 +0200"], id="the gap has it all"),
        pytest.param(BERLIN, "2026-03-29", "0 */2 * * *", ["29. 00:00 +0100", "29. 03:00 +0200", "29. 04:00 +0200"], id="every other hour"),
        pytest.param(BERLIN, "2026-10-25", "*/30 2 * * *", ["25. 02:00 +0200", "25. 02:30 +0200", "26. 02:00 +0100"], id="half hours"),
        pytest.param(BERLIN, "2026-03-29", "30 * * * *", ["29. 00:30 +0100", "29. 01:30 +0100", "29. 03:30 +0200"], id="hourly in spring"),
        pytest.param(
            BERLIN,
            "2026-10-25",
            "30 1-3 * * *",
            ["25. 01:30 +0200", "25. 02:30 +0200", "25. 03:30 +0100"],
            id="hours named",
        ),
        pytest.param(
            LORD_HOWE, "2026-10-04", "30 * * * *", ["04. 00:30 +1030", "04. 01:30 +1030", "04. 02:30 +1100"], id="half an hour"
        ),
    ],
)  # fmt: skip
def test_where_clocks_change(zone: str, day: str, cron: str, expected: list[str]) -> None:
    assert shown(cron, zone, day, count=len(expected)) == expected


@pytest.mark.parametrize(
    ("zone", "day"),
    [(BERLIN, "2026-03-28"), (BERLIN, "2026-10-24"), (LORD_HOWE, "2026-10-03"), (LORD_HOWE, "2026-04-04")],
)
def test_an_expression_for_each_hour_goes_by_elapsed_time(zone: str, day: str) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = list(islice(cron_times("*/10 * * * *", zone, after=begin), 3 * 24 * 6))
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=10)}


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize("cron", ["15,45 1,2 * * *", "0 2 * * *", "59 */3 * * 0", "30 * * * 0"])
def test_whichever_moment_it_is_asked_for_the_times_are_the_same(zone: str, cron: str) -> None:
    begin, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    whole = [instant for instant in islice(cron_times(cron, zone, after=begin), 1000) if instant < end]
    assert len(whole) == len(set(whole))
    for known, following in pairwise(whole):
        assert next(cron_times(cron, zone, after=known)) == following
        assert next(cron_times(cron, zone, after=following - timedelta(seconds=1))) == following


def test_a_server_that_starts_in_the_second_pass_of_an_hour_waits_for_the_next_day() -> None:
    second_pass = datetime(2026, 10, 25, 2, 10, tzinfo=ZoneInfo(BERLIN), fold=1)
    assert next(cron_times("30 2 * * *", BERLIN, after=second_pass)).isoformat() == "2026-10-26T01:30:00+00:00"


def test_29_february_comes_in_leap_years() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    days = [instant.date().isoformat() for instant in islice(cron_times("0 0 29 2 *", "", after=begin), 3)]
    assert days == ["2028-02-29", "2032-02-29", "2036-02-29"]


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 * 31 4,6,9,11 *"])
def test_a_day_that_no_month_has_never_comes(cron: str) -> None:
    assert list(cron_times(cron, BERLIN, after=datetime(2026, 1, 1, tzinfo=UTC))) == []


@pytest.mark.parametrize("word", WORDS)
def test_each_word_comes(word: str) -> None:
    begin = datetime(2026, 11, 29, 11, 30, tzinfo=UTC)  # a Sunday
    expected = {
        "@hourly": "2026-11-29T12",
        "@weekly": "2026-12-06T00",
        "@monthly": "2026-12-01T00",
        "@yearly": "2027-01-01T00",
        "@annually": "2027-01-01T00",
    }
    found = next(cron_times(word, "", after=begin))
    assert found.isoformat() == f"{expected.get(word, '2026-11-30T00')}:00:00+00:00"


@pytest.mark.parametrize(
    "cron", ["5/10 * * * *", "0 0 * * SUN", "0 0 * jan-Mar 7", "1-10/3,20 0 1,15 * 1", "* * * * */2"]
)
def test_whatever_is_accepted_comes(cron: str) -> None:
    assert cron_problem(cron) == ""
    assert next(cron_times(cron, BERLIN, after=datetime(2026, 1, 1, tzinfo=UTC)), None) is not None
