"""Indexes of job executions, runs, tests and notifications, in memory: built at the opening and updated with each change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime
from heapq import merge
from itertools import chain
from sys import maxsize
from typing import cast

import msgspec
from sortedcontainers import SortedList, SortedSet

from cictl.wire.jobs import JobStatus
from cictl.wire.runs import RunStatus
from cictl.wire.waiting.requirements import required_tools
from cictl_server.store.index_parts import Entry, NameCounts, NumberGroups, QueueCounts, RunCounts, SortedGroups
from cictl_server.store.records.jobs import JobRecord, is_group_of_runs
from cictl_server.store.records.notifications import NotificationRecord
from cictl_server.store.records.runs import Place, RunRecord
from cictl_server.store.tables import Kind
from cictl_server.store.tried import Order, TriedTest

_GroupKey = tuple[NumberGroups, Hashable]
"""A group of numbers in one of the indexes."""


class GroupIndex:
    """Who has a place in each concurrency group, and who stands in its line."""

    def __init__(self) -> None:
        self._places = NumberGroups()
        self._runs: defaultdict[str, set[str]] = defaultdict(set)
        self._lines: SortedGroups[tuple[int, bool, int, int]] = SortedGroups()

    def add(self, job: JobRecord) -> None:
        if not _has_group(job):
            return
        for group in job.held_groups:
            run = _run_with_place(job, group)
            self._places.add((group, run), job.number)
            self._runs[group].add(run)
        if group := job.awaited_group:
            self._lines.add(group, job.turn_in_line)

    def discard(self, job: JobRecord) -> None:
        if not _has_group(job):
            return
        for group in job.held_groups:
            run = _run_with_place(job, group)
            self._places.discard((group, run), job.number)
            if not self._places.get((group, run)):
                self._leave(group, run)
        if group := job.awaited_group:
            self._lines.discard(group, job.turn_in_line)

    def with_place(self, group: str) -> list[int]:
        """Return the numbers of those with a place, of each run in a group of runs the lowest; ascending."""
        runs = self._runs.get(group, ())
        found = (self._places.get((group, run)) for run in runs)
        return sorted(numbers[0] for numbers in found) if is_group_of_runs(group) else sorted(chain(*found))

    def in_line(self, group: str) -> Iterator[int]:
        return (turn[-1] for turn in self._lines.get(group))

    def _leave(self, group: str, run: str) -> None:
        self._runs[group].remove(run)
        if not self._runs[group]:
            del self._runs[group]


class PastFacts(msgspec.Struct, frozen=True):
    """What the indexes want to know of the metadata of an execution; `JobMetadata` tells what it means."""

    project_id: str = ""
    pipeline_id: str = ""
    pipeline_run_id: str = ""
    run_number: str = ""
    chain_run_id: str = ""


class PastJob(msgspec.Struct, frozen=True):
    """What the indexes want to know of an execution that is over: a part of its record, which is quicker to decode than the whole."""

    number: int
    status: JobStatus
    agent_id: str = ""
    facts: PastFacts = msgspec.field(name="metadata", default=PastFacts())


class JobIndex:
    """The indexes by status, agent, run, chain run, pipeline and requirements."""

    def __init__(self) -> None:
        self.by_status = NumberGroups()
        self.by_agent = NumberGroups()
        self.active_by_agent = NumberGroups()
        self.active_by_token = NumberGroups()
        self.active_by_lock_host = NumberGroups()
        self.by_run = NumberGroups()
        self.blocked_by_run = NumberGroups()
        self.unfinished_by_run = NumberGroups()
        self.by_run_number = NumberGroups()
        self.by_chain_run = NumberGroups()
        self.blocked_by_chain_run = NumberGroups()
        self.unfinished_by_chain_run = NumberGroups()
        self.by_pipeline = NumberGroups()
        self.unfinished_runs = RunCounts()
        self.queued_tools = NameCounts()
        self.active_of_queues = QueueCounts()
        self.groups = GroupIndex()
        self._waiting: SortedGroups[tuple[int, int, int]] = SortedGroups()
        self._postponed: SortedList[tuple[datetime | None, int]] = SortedList()
        self._unapproved: SortedList[tuple[datetime | None, int]] = SortedList()

    def change(self, before: JobRecord | None, after: JobRecord | None) -> None:
        """Update the indexes for one execution that changes from *before* to *after*; None means absent."""
        self.queued_tools.change(_queued_tools(before), _queued_tools(after))
        is_same_work = before is not None and after is not None and before.metadata == after.metadata
        old = set() if before is None else self._entries(before, is_same_work=is_same_work)
        new = set() if after is None else self._entries(after, is_same_work=is_same_work)
        # Most entries stay when the status of an execution changes.
        for index, key, value in old - new:
            index.discard(key, value)
        for index, key, value in new - old:
            index.add(key, value)
        if before is not None:
            self._discard(before)
        if after is not None:
            self._add(after)

    def _discard(self, job: JobRecord) -> None:
        self.groups.discard(job)
        if _is_postponed(job):
            self._postponed.remove((job.not_before, job.number))
        if _is_unapproved(job):
            self._unapproved.remove((job.approval_due, job.number))

    def _add(self, job: JobRecord) -> None:
        self.groups.add(job)
        if _is_postponed(job):
            self._postponed.add((job.not_before, job.number))
        if _is_unapproved(job):
            self._unapproved.add((job.approval_due, job.number))

    def fill(self, jobs: Iterable[JobRecord | PastJob]) -> None:
        """Build the indexes, which are empty, of *jobs*. To add one after the other would be slow: nearly all of them are over.

        None is kept: whole executions take several times the memory of their documents, and a process gives little of it back.
        """
        numbers: defaultdict[NumberGroups, defaultdict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(list))
        for job in jobs:
            if isinstance(job, JobRecord) and not job.status.is_terminal:
                self.change(None, job)
                continue
            for group, key in self._lasting_keys(job):
                numbers[group][key].append(job.number)
        for group, found in numbers.items():
            group.add_all(found)

    def newest_first(self, *, before: int | None, statuses: Iterable[JobStatus]) -> Iterator[int]:
        """Yield the numbers below *before* with one of *statuses*, descending, lazily."""
        limit = None if before is None else before - 1
        return merge(*(self.by_status.descending(status, maximum=limit) for status in statuses), reverse=True)

    def claimable(self, accepts: Callable[[Kind], bool]) -> int | None:
        """Return the first waiting number whose kind *accepts*; None for none.

        Only the first of each kind can be the answer.
        """
        best: tuple[int, int, int] | None = None
        for kind, turns in self._waiting.items():
            if (best is None or turns[0] < best) and accepts(cast("Kind", kind)):
                best = turns[0]
        return None if best is None else best[-1]

    def is_any_claimable(self, accepts: Callable[[Kind], bool]) -> bool:
        return any(accepts(cast("Kind", kind)) for kind, _ in self._waiting.items())

    def count_claimable(self) -> int:
        return sum(len(numbers) for _, numbers in self._waiting.items())

    def due(self, now: datetime) -> Iterator[int]:
        """Yield the numbers of executions that are postponed until *now* or earlier, the earliest first."""
        return (number for _, number in self._postponed.irange(maximum=(now, maxsize)))

    def next_due(self) -> datetime | None:
        """Return the earliest time until which an execution is postponed; None if none is."""
        return self._postponed[0][0] if self._postponed else None

    def unapproved(self, now: datetime) -> Iterator[int]:
        """Yield the numbers of executions that somebody had to approve until *now* or earlier, the earliest first."""
        return (number for _, number in self._unapproved.irange(maximum=(now, maxsize)))

    def _entries(self, job: JobRecord, *, is_same_work: bool) -> set[Entry]:
        """Return what the indexes have of an execution: each index, the key there, and the value.

        With *is_same_work* those are left out which its metadata alone decides: they stay.
        """
        keys = [*self._keys_of_agent(job), *self._keys_of_status(job)]
        if not is_same_work:
            keys += self._keys_of_work(job)
        number = job.number
        entries: set[Entry] = {(group, key, number) for group, key in keys}
        if job.status.is_terminal:
            return entries
        queue = job.queue_scope
        entries.add((self.unfinished_runs, queue, job.run_key))
        if job.status.is_active:
            entries.add((self.active_of_queues, queue, number))
        elif _is_waiting(job):
            entries.add((self._waiting, _kind(job), job.turn))
        return entries

    def _lasting_keys(self, job: JobRecord | PastJob) -> list[_GroupKey]:
        """Return the groups in which an execution is also when it is over."""
        return self._keys_of_agent(job) + self._keys_of_work(job)

    def _keys_of_agent(self, job: JobRecord | PastJob) -> list[_GroupKey]:
        of_status: _GroupKey = (self.by_status, job.status)
        return [of_status, (self.by_agent, job.agent_id)] if job.agent_id else [of_status]

    def _keys_of_work(self, job: JobRecord | PastJob) -> list[_GroupKey]:
        facts = job.facts
        keys: list[_GroupKey] = []
        if run := facts.pipeline_run_id:
            keys.append((self.by_run, run))
        if run_number := facts.run_number:
            keys.append((self.by_run_number, run_number))
        if chain_run := facts.chain_run_id:
            keys.append((self.by_chain_run, chain_run))
        if pipeline := facts.pipeline_id:
            keys.append((self.by_pipeline, (facts.project_id, pipeline)))
        return keys

    def _keys_of_status(self, job: JobRecord) -> list[_GroupKey]:
        """Return the groups in which an execution is until it is over."""
        if job.status.is_terminal:
            return []
        facts = job.facts
        run, chain_run = facts.pipeline_run_id, facts.chain_run_id
        keys: list[tuple[NumberGroups, str]] = [
            (self.unfinished_by_run, run),
            (self.unfinished_by_chain_run, chain_run),
        ]
        if job.status.is_active:
            keys += [
                (self.active_by_agent, job.agent_id),
                (self.active_by_token, job.job_token_hash),
                (self.active_by_lock_host, job.lock_host),
            ]
        elif job.is_blocked:
            keys += [(self.blocked_by_run, run), (self.blocked_by_chain_run, chain_run)]
        return [(group, key) for group, key in keys if key]


class RunIndex:
    """The runs of each place, and those of each place and status."""

    def __init__(self) -> None:
        self._of_place = NumberGroups()
        self._of_status = NumberGroups()

    def change(self, before: RunRecord | None, after: RunRecord | None) -> None:
        """Update the indexes for one run that changes from *before* to *after*; None means absent."""
        if before and after and (before.status, before.places) == (after.status, after.places):
            return
        if before is not None:
            status = before.status
            for place in before.places:
                self._of_place.discard(place, before.number)
                self._of_status.discard((place, status), before.number)
        if after is not None:
            status = after.status
            for place in after.places:
                self._of_place.add(place, after.number)
                self._of_status.add((place, status), after.number)

    def fill(self, runs: Iterable[RunRecord]) -> None:
        """Build the indexes, which are empty, of *runs*."""
        of_place: defaultdict[Hashable, list[int]] = defaultdict(list)
        of_status: defaultdict[Hashable, list[int]] = defaultdict(list)
        for run in runs:
            status = run.status
            for place in run.places:
                of_place[place].append(run.number)
                of_status[place, status].append(run.number)
        self._of_place.add_all(of_place)
        self._of_status.add_all(of_status)

    def newest_first(self, place: Place, statuses: Iterable[RunStatus], *, before: int | None) -> Iterator[int]:
        """Yield the numbers below *before* in *place* with one of *statuses*, of which none means all; descending, lazily."""
        limit = None if before is None else before - 1
        found = [self._of_status.descending((place, status), maximum=limit) for status in statuses]
        return merge(*(found or [self._of_place.descending(place, maximum=limit)]), reverse=True)


class NotificationIndex:
    """The numbers of all notifications, and those that wait, by their queues."""

    def __init__(self) -> None:
        self.waiting = NumberGroups()
        self._all: SortedSet[int] = SortedSet()

    def change(self, before: NotificationRecord | None, after: NotificationRecord | None) -> None:
        """Update the indexes for one notification that changes from *before* to *after*; None means absent."""
        if before is not None:
            self._all.discard(before.id)
            if before.waits:
                self.waiting.discard(before.queue, before.id)
        if after is not None:
            self._all.add(after.id)
            if after.waits:
                self.waiting.add(after.queue, after.id)

    def newest_first(self, *, before: int | None) -> Iterator[int]:
        """Yield the numbers below *before*, descending."""
        return iter(self._all.irange(maximum=None if before is None else before - 1, reverse=True))


class TestIndex:
    """The tests in their order, the flaky ones apart; the slowest of each place; those of each name."""

    __test__ = False

    def __init__(self) -> None:
        self._all: SortedList[Order] = SortedList()
        self._flaky: SortedList[Order] = SortedList()
        self._slow: defaultdict[tuple[str, str], SortedList[tuple[float, str]]] = defaultdict(SortedList)
        self._named: defaultdict[str, set[str]] = defaultdict(set)

    def change(self, before: TriedTest | None, after: TriedTest | None) -> None:
        """Update the indexes for one test that changes from *before* to *after*; None means absent."""
        if before and after and _place_of_test(before) == _place_of_test(after):
            return
        if before is not None:
            self._all.remove(before.order)
            if before.flaky:
                self._flaky.remove(before.order)
            for place in _places_of_test(before):
                self._slow[place].remove((before.slowness, before.key))
            self._named[before.name].discard(before.key)
        if after is not None:
            self._all.add(after.order)
            if after.flaky:
                self._flaky.add(after.order)
            for place in _places_of_test(after):
                self._slow[place].add((after.slowness, after.key))
            self._named[after.name].add(after.key)

    def in_order(self, project: str, pipeline: str, is_flaky: bool, after: TriedTest | None) -> Iterator[str]:
        """Yield the keys of the project's or the pipeline's tests, those above *after*; lazily."""
        begin: Order = (project, pipeline, "", "")
        tests = self._flaky if is_flaky else self._all
        for order in tests.irange(minimum=max(begin, after.order) if after else begin):
            if (project and order[0] != project) or (pipeline and order[1] != pipeline):
                return
            if after is None or order > after.order:
                yield order[3]

    def slowest_first(self, project: str, pipeline: str) -> Iterator[str]:
        """Yield the keys of the project's or the pipeline's tests by descending slowness."""
        return (key for _, key in reversed(self._slow.get((project, pipeline), SortedList())))

    def named(self, name: str) -> set[str]:
        return self._named.get(name, set())


def _place_of_test(test: TriedTest) -> tuple[Order, bool, float]:
    return test.order, test.flaky, test.slowness


def _places_of_test(test: TriedTest) -> set[tuple[str, str]]:
    return {("", ""), (test.project, ""), (test.project, test.pipeline)}


def _queued_tools(job: JobRecord | None) -> frozenset[str]:
    if job is None or job.status is not JobStatus.QUEUED:
        return frozenset()
    return frozenset(required_tools(job.required_capabilities))


def _is_waiting(job: JobRecord) -> bool:
    return job.status is JobStatus.QUEUED and not job.is_blocked and job.not_before is None


def _kind(job: JobRecord) -> Kind:
    return Kind(tuple(sorted(job.required_capabilities.items())), job.queue_scope, tuple(job.locks))


def _has_group(job: JobRecord) -> bool:
    return job.concurrency is not None or job.run_concurrency is not None


def _run_with_place(job: JobRecord, group: str) -> str:
    """Return the run by which a place is counted; empty where executions are."""
    return job.facts.pipeline_run_id if is_group_of_runs(group) else ""


def _is_postponed(job: JobRecord) -> bool:
    return job.not_before is not None and job.status is JobStatus.QUEUED and not job.is_blocked


def _is_unapproved(job: JobRecord) -> bool:
    return job.approval_due is not None and job.status is JobStatus.QUEUED
