"""What every store promises about looking up runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from cictl_testing.stores.records import MOMENT
from cictl_testing.stores.reopening import Reopenable
from msgspec.structs import replace

from cictl.wire.runs import RunStatus
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.runs import RunPart, RunRecord
from cictl_server.store.tables import RunFilter

QUEUED, RUNNING, WAITING, SUCCEEDED, FAILED, CANCELLED = RunStatus


def make_run(
    number: int, part: str = "queued", *, project: str = "shop", pipeline: str = "build", branch: str = "main"
) -> RunRecord:
    return RunRecord(
        number=number,
        run_id=f"run-{number}",
        created=MOMENT,
        parts={RunPart(part): 1},
        project=project,
        pipeline=pipeline,
        branch=branch,
    )


def put(store: Store, *runs: RunRecord) -> None:
    def change(tx: Transaction) -> None:
        for run in runs:
            tx.runs.put(run)

    store.write(change)


def numbers(store: Store, where: RunFilter | None = None, *, before: int | None = None, most: int = 1000) -> list[int]:
    with store.read() as view:
        found: Iterator[RunRecord] = view.runs.newest_first(where or RunFilter(), before=before)
        return [run.number for run in islice(found, most)]


@pytest.fixture
def filled(store: Store) -> Store:
    put(
        store,
        make_run(3, "failed", branch="dev"),
        make_run(1, "succeeded"),
        make_run(2, "failed"),
        make_run(4, "running", pipeline="ship"),
        make_run(5, "failed", project="tea"),
        make_run(6, "cancelled", project="", pipeline="", branch=""),
        make_run(7, "waiting_approval", project="hall", branch=""),
    )
    return store


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(RunFilter(), [7, 6, 5, 4, 3, 2, 1], id="all"),
        pytest.param(RunFilter(project="shop"), [4, 3, 2, 1], id="a project"),
        pytest.param(RunFilter(project="shop", pipeline="build"), [3, 2, 1], id="a pipeline"),
        pytest.param(RunFilter(project="shop", pipeline="build", branch="main"), [2, 1], id="a branch of a pipeline"),
        pytest.param(RunFilter(project="shop", branch="main"), [4, 2, 1], id="a branch of a project"),
        pytest.param(RunFilter(branch="main"), [5, 4, 2, 1], id="a branch"),
        pytest.param(RunFilter(statuses=frozenset({FAILED})), [5, 3, 2], id="a status"),
        pytest.param(RunFilter(statuses=frozenset({FAILED, CANCELLED, RUNNING})), [6, 5, 4, 3, 2], id="three statuses"),
        pytest.param(RunFilter(statuses=frozenset({WAITING})), [7], id="what waits for an approval"),
        pytest.param(RunFilter(project="shop", branch="dev", statuses=frozenset({SUCCEEDED})), [], id="none"),
        pytest.param(RunFilter(project="tea", statuses=frozenset({FAILED, QUEUED})), [5], id="a project and statuses"),
    ],
)
def test_runs_are_found_newest_first(filled: Store, where: RunFilter, expected: list[int]) -> None:
    assert numbers(filled, where) == expected
    assert numbers(filled, where, before=4) == [number for number in expected if number < 4]


def test_a_run_is_found_by_what_it_has_become(place: Reopenable) -> None:
    put(place.store, make_run(1), make_run(2))
    put(place.store, make_run(1, "failed"), replace(make_run(2), branch="dev"))
    place.reopen()
    assert numbers(place.store, RunFilter(statuses=frozenset({QUEUED}))) == [2]
    assert numbers(place.store, RunFilter(project="shop", statuses=frozenset({FAILED}))) == [1]
    assert (numbers(place.store, RunFilter(branch="dev")), numbers(place.store, RunFilter(branch="main"))) == ([2], [1])
    with place.store.read() as view:
        assert view.runs.find(1) == make_run(1, "failed")


def test_a_deleted_run_is_found_nowhere(place: Reopenable) -> None:
    put(place.store, make_run(1), make_run(2))
    assert place.store.write(lambda tx: (tx.runs.delete(2), tx.runs.delete(2))) == (True, False)
    place.reopen()
    for where in (RunFilter(), RunFilter(project="shop", pipeline="build"), RunFilter(statuses=frozenset({QUEUED}))):
        assert numbers(place.store, where) == [1]


def test_a_change_that_did_not_happen_leaves_the_lists_as_they_were(store: Store) -> None:
    put(store, make_run(1))

    def change_and_raise(tx: Transaction) -> None:
        tx.runs.put(make_run(1, "failed", branch="dev"))
        tx.runs.put(make_run(2))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(change_and_raise)
    assert (numbers(store), numbers(store, RunFilter(branch="dev"))) == ([1], [])


def test_a_long_list_comes_whole(store: Store) -> None:
    put(store, *(make_run(number, "failed" if number % 2 else "queued") for number in range(1, 301)))
    assert numbers(store) == list(range(300, 0, -1))
    assert numbers(store, RunFilter(statuses=frozenset({FAILED, QUEUED}))) == list(range(300, 0, -1))
