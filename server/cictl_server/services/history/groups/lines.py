"""Who of a line is let into its concurrency group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cictl_server.services.history.groups.levels import Level
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord


def groups_to_look_at(view: View, touched: Iterable[JobRecord], level: Level) -> dict[str, list[JobRecord]]:
    """Return the keys of the groups in which something may have changed, each with those of *touched* that stand in its line.

    Args:
        touched: Executions that ended, were removed, got ready, or are new.
    """
    found: dict[str, list[JobRecord]] = {}
    left: dict[str, JobRecord] = {}
    for job in touched:
        group = level.group(job)
        if group and job.awaited_group == group:
            found.setdefault(group, []).append(job)
        elif group:
            left.setdefault(level.member(job), job)
    for job in left.values():
        if level.has_left(view, job):
            found.setdefault(level.group(job), [])
    return found


def let_in(view: View, group: str, joined: Sequence[JobRecord], level: Level) -> list[JobRecord]:
    """Return the executions that have a place in *group* from now on, changed accordingly.

    The first in the line that are not ready keep a place free: they belong to older runs.

    Args:
        joined: Some that stand in the line, perhaps of members that have a place already.
    """
    inside = {level.member(job) for job in view.jobs.with_place(group)}
    entering = {level.member(job): job for job in joined if level.member(job) in inside}
    for job in view.jobs.in_line(group):
        if level.member(job) in inside:
            continue
        if len(inside) >= level.rule(job).limit:
            break
        inside.add(level.member(job))
        entering[level.member(job)] = job
    waiting = (one for job in entering.values() for one in level.unfinished(view, job))
    return [level.with_place(one) for one in waiting if one.awaited_group == group and one.is_ready]
