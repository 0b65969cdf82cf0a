"""The instants at which a cron expression comes, in a zone whose clocks change twice a year.

What `cronsim` knows of daylight saving is left aside: it goes by Debian's cron, which leaves out `*/5 2 * * *` in spring, and it
takes each change for one of an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EACH_HOUR = "*"
_SECOND = timedelta(seconds=1)
_FIELDS_OF_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def cron_times(cron: str, timezone: str, *, after: datetime) -> Iterator[datetime]:
    """Yield the instants of an expression, in UTC and ascending, all of them later than *after*.

    An expression for hours of the day comes once for each time that it names: one that clocks leave out in spring when the gap
    ends, and one that they show twice in autumn at the first. An expression for each hour comes whenever clocks show it.

    Args:
        cron: Without problems, as `cron_problem` says. If it never comes, as on 30 February, nothing is yielded.
        timezone: Of the IANA database; empty for UTC.
    """
    from zoneinfo import ZoneInfo

    fields = _FIELDS_OF_WORDS.get(cron.strip(), cron)
    zone = ZoneInfo(timezone or "UTC")
    return (_each_showing if fields.split()[1] == _EACH_HOUR else _once)(fields, zone, after)


def _once(fields: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    last = after
    for time in _on_the_wall(fields, after.astimezone(zone)):
        instant = _first_showing(time, zone)
        if instant > last:
            last = instant
            yield instant


def _first_showing(time: datetime, zone: ZoneInfo) -> datetime:
    """Return when clocks in *zone* show *time* first; if they never do, the end of the gap."""
    while True:
        instant = time.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None, fold=0) == time:
            return instant
        time += timedelta(minutes=1)


def _each_showing(fields: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    # While the offset stays, clocks run as those without daylight saving. Where it changes, the search begins anew.
    start, offset = after.astimezone(UTC), _offset(after, zone)
    while True:
        known = start
        for time in _on_the_wall(fields, start + offset):
            instant = time.replace(tzinfo=UTC) - offset
            if _offset(instant, zone) != offset:
                changed = _change(known, instant, zone, offset)
                start, offset = changed - _SECOND, _offset(changed, zone)
                break
            known = instant
            yield instant
        else:
            return


def _change(before: datetime, after: datetime, zone: ZoneInfo, offset: timedelta) -> datetime:
    """Return the first second between both at which *offset*, which ends between them, does not hold."""
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if _offset(middle, zone) == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _on_the_wall(fields: str, after: datetime) -> Iterator[datetime]:
    """Yield the times that clocks without daylight saving show, later than they do in *after*."""
    from cronsim import CronSim, CronSimError  # few of those that read project files ask when something comes

    try:
        return CronSim(fields, after.replace(tzinfo=None, fold=0))
    except CronSimError:  # there is no such day, in any month
        return iter(())
