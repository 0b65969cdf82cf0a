"""The indexes of executions: filled at the opening, they are those that grew by one change after the other."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from sys import getrefcount

import msgspec
import pytest
from cictl_testing.stores.records import MOMENT, make_job

from cictl.wire.jobs import JobStatus
from cictl.wire.runs import RunStatus
from cictl_server.store.index_parts import NumberGroups
from cictl_server.store.indexes import JobIndex, PastJob, RunIndex
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import Place, RunPart, RunRecord

_OF_A_LOOP = 3
"""References to what a generator has given to a loop: its own, that of the loop, and that of who asks."""

_STATUSES = [*JobStatus, JobStatus.SUCCEEDED, JobStatus.SUCCEEDED]


def make_jobs(count: int) -> Iterator[JobRecord]:
    for number in range(1, count + 1):
        metadata = {
            "project": "shop",
            "project_id": "1",
            "pipeline_id": "build",
            "pipeline_run_id": f"run-{number // 4}",
        }
        status = _STATUSES[number % len(_STATUSES)]
        agent = "" if status is JobStatus.QUEUED else f"agent-{number % 3}"
        yield make_job(number, status=status, agent_id=agent, metadata=metadata | {"run_number": str(number // 4)})


def groups_of(index: JobIndex) -> dict[str, dict[object, list[int]]]:
    return {
        name: {key: list(numbers) for key, numbers in groups.items()}
        for name, groups in vars(index).items()
        if isinstance(groups, NumberGroups)
    }


def past_of(job: JobRecord) -> JobRecord | PastJob:
    return msgspec.json.decode(msgspec.json.encode(job), type=PastJob) if job.status.is_terminal else job


def test_filled_indexes_are_those_that_grew() -> None:
    jobs = list(make_jobs(200))
    grown, filled = JobIndex(), JobIndex()
    for job in jobs:
        grown.change(None, job)
    filled.fill(map(past_of, Random(7).sample(jobs, len(jobs))))
    assert groups_of(filled) == groups_of(grown)
    assert filled.count_claimable() == grown.count_claimable() > 0
    assert filled.active_of_queues.by_queue == grown.active_of_queues.by_queue


def test_filling_keeps_no_execution() -> None:
    references: set[int] = set()

    def told() -> Iterator[JobRecord]:
        for job in make_jobs(20):
            yield job
            references.add(getrefcount(job))

    JobIndex().fill(told())
    assert references == {_OF_A_LOOP}


def make_run(number: int) -> RunRecord:
    part = RunPart.SUCCEEDED if number % 3 else RunPart.RUNNING
    return RunRecord(
        number=number, run_id=f"run-{number}", created=MOMENT, parts={part: 1}, project="shop", branch=f"b{number % 4}"
    )


@pytest.mark.parametrize("place", [("", "", ""), ("shop", "", "b1"), ("shop", "", "none")])
def test_a_filled_index_of_runs_is_the_one_that_grew(place: Place) -> None:
    runs = [make_run(number) for number in range(1, 100)]
    grown, filled = RunIndex(), RunIndex()
    for run in runs:
        grown.change(None, run)
    filled.fill(Random(7).sample(runs, len(runs)))
    for statuses in ([], [RunStatus.RUNNING], [RunStatus.SUCCEEDED, RunStatus.RUNNING]):
        found = list(filled.newest_first(place, statuses, before=90))
        assert found == list(grown.newest_first(place, statuses, before=90))
        assert bool(found) is (place[2] != "none")


def test_a_group_stays_in_order_when_it_gets_long_and_short_again() -> None:
    numbers = Random(7).sample(range(5_000), 3_000)
    groups = NumberGroups()
    for number in numbers:
        groups.add("all", number)
    assert list(groups.get("all")) == sorted(numbers)
    assert list(groups.descending("all", maximum=700)) == sorted((n for n in numbers if n <= 700), reverse=True)
    for number in numbers[1:]:
        groups.discard("all", number)
    assert list(groups.get("all")) == numbers[:1]
    groups.discard("all", numbers[0])
    assert not groups.items()
