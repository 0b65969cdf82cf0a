"""Changes that tell their reach go on beside each other, and take turns where they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from cictl_testing.processes import eventually
from cictl_testing.stores.records import make_agent, make_job, put_jobs
from cictl_testing.stores.reopening import open_postgres_store
from msgspec.structs import replace

from cictl.wire.jobs import JobStatus
from cictl_server.store.contract import Reach, Store, Transaction
from cictl_server.store.postgres.store import PostgresStore
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.tables import Kind

_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def of_run(number: int, run: int, status: str = "running") -> JobRecord:
    metadata = {"run_number": str(run), "pipeline_run_id": f"run-{run}"}
    return make_job(number, status, agent_id=f"agent-{number}", metadata=metadata)


ONE, SIBLING, OTHER = of_run(1, 7), of_run(2, 7), of_run(3, 8)
CLAIM = Reach(agent="new", is_claim=True)


def reach_of(job: JobRecord) -> Reach:
    return Reach(agent=job.agent_id, job=job)


def ending(number: int) -> Callable[[Transaction], JobRecord]:
    """Return a change that ends an execution."""

    def end(tx: Transaction) -> JobRecord:
        job = tx.jobs.find(number)
        assert job is not None
        ended = replace(job, status=JobStatus.SUCCEEDED)
        tx.jobs.put(ended)
        return ended

    return end


def leasing(tx: Transaction) -> int | None:
    job = tx.jobs.claimable(lambda _kind: True)
    if job is None:
        return None
    tx.jobs.put(replace(job, status=JobStatus.LEASED, agent_id="new"))
    return job.number


@pytest.fixture
def here(database_url: str) -> Iterator[PostgresStore]:
    store = open_postgres_store(database_url)
    put_jobs(store, ONE, SIBLING, OTHER)
    yield store
    store.close()


@pytest.fixture
def there(database_url: str) -> Iterator[PostgresStore]:
    store = open_postgres_store(database_url)
    yield store
    store.close()


def status(store: Store, number: int) -> JobStatus | None:
    job = store.look(lambda view: view.jobs.find(number))
    return job.status if job else None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(reach_of(ONE), reach_of(OTHER), id="different-runs"),
        pytest.param(CLAIM, reach_of(OTHER), id="a-claim-and-an-end"),
    ],
)
def test_changes_that_reach_different_things_go_on_at_once(
    here: PostgresStore, there: PostgresStore, one: Reach, other: Reach
) -> None:
    def look(tx: Transaction) -> None:
        assert tx.jobs.count()  # locks are taken with the first look-up
        there.write(ending(3), reach=other)

    here.write(look, reach=one)
    assert status(here, 3) is JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(reach_of(ONE), reach_of(SIBLING), id="of-one-run"),
        pytest.param(Reach(agent="a", job=ONE), Reach(agent="a", job=OTHER), id="of-one-agent"),
        pytest.param(CLAIM, Reach(agent="b", is_claim=True), id="two-claims"),
        pytest.param(None, reach_of(OTHER), id="beside-one-that-may-change-everything"),
        pytest.param(reach_of(OTHER), None, id="one-that-may-change-everything"),
    ],
)
def test_changes_that_meet_take_turns(
    here: PostgresStore, there: PostgresStore, database_url: str, one: Reach | None, other: Reach | None
) -> None:
    order: list[str] = []
    with psycopg.connect(database_url, autocommit=True) as watch, ThreadPoolExecutor(1) as thread:

        def first(tx: Transaction) -> None:
            assert tx.jobs.count()
            second = thread.submit(there.write, lambda tx: order.append(f"second of {tx.jobs.count()}"), reach=other)
            eventually(lambda: watch.execute(_WAITING).fetchone() == (1,), what="the second change to wait")
            assert not second.done()
            order.append("first")

        here.write(first, reach=one)
    assert order == ["first", "second of 3"]


def test_the_last_ends_of_a_run_see_each_other(here: PostgresStore, there: PostgresStore) -> None:
    """Else both would find the other unfinished, and nobody would release what waits for both."""

    def end(store: Store, job: JobRecord) -> list[int]:
        def change(tx: Transaction) -> list[int]:
            ending(job.number)(tx)
            return [other.number for other in tx.jobs.unfinished_of_run("run-7")]

        return store.write(change, reach=reach_of(job))

    with ThreadPoolExecutor(2) as threads:
        left = list(threads.map(end, (here, there), (ONE, SIBLING)))
    assert [] in left


@pytest.mark.parametrize(
    "beyond",
    [
        pytest.param(lambda tx: tx.agents.put(make_agent("a")), id="a-record-of-another-kind"),
        pytest.param(ending(3), id="an-execution-of-another-run"),
        pytest.param(lambda tx: tx.jobs.delete(2), id="a-removal"),
        pytest.param(leasing, id="the-queue"),
        pytest.param(lambda tx: tx.jobs.with_place("run 1 live"), id="who-has-a-place-in-a-group"),
        pytest.param(lambda tx: tx.jobs.with_locks("host"), id="who-has-the-locks-of-a-host"),
        pytest.param(lambda tx: list(tx.jobs.in_line("run 1 live")), id="who-waits-for-a-group"),
        pytest.param(
            lambda tx: tx.runs.put(RunRecord(number=8, run_id="run-8", created=ONE.created, parts={})), id="another-run"
        ),
    ],
)
def test_a_change_that_goes_beyond_its_reach_runs_again_alone(
    here: PostgresStore, beyond: Callable[[Transaction], object]
) -> None:
    put_jobs(here, of_run(4, 9, "queued"))
    runs: list[JobStatus] = []
    done: list[str] = []

    def change(tx: Transaction) -> None:
        found = tx.jobs.find(1)
        assert found is not None
        runs.append(found.status)
        tx.jobs.put(replace(found, status=JobStatus.SUCCEEDED))
        tx.after_commit(lambda: done.append("once"))
        beyond(tx)

    here.write(change, reach=reach_of(ONE))
    assert runs == [JobStatus.RUNNING] * 2  # the first run has left nothing
    assert done == ["once"]
    assert status(here, 1) is JobStatus.SUCCEEDED


def test_a_claim_gets_the_next_when_the_first_is_begun_meanwhile(here: PostgresStore, there: PostgresStore) -> None:
    put_jobs(here, of_run(4, 9, "queued"), of_run(5, 10, "queued"))
    asked: list[str] = []

    def accepts(kind: Kind) -> bool:
        if not asked:
            there.write(ending(4), reach=Reach(agent="late", job=of_run(4, 9)))
        asked.append(kind.queue)
        return True

    found = here.write(lambda tx: tx.jobs.claimable(accepts), reach=CLAIM)
    assert found is not None
    assert found.number == 5


def test_what_was_changed_after_it_was_found_is_found_anew(here: PostgresStore, there: PostgresStore) -> None:
    """A claim gives up on what its agent had run, which its report may just have ended."""
    seen: list[JobStatus] = []

    def give_up(tx: Transaction) -> None:
        job = tx.jobs.find(1)
        assert job is not None
        seen.append(job.status)
        if job.status is JobStatus.RUNNING:
            if len(seen) == 1:
                there.write(ending(1), reach=reach_of(ONE))
            tx.jobs.put(replace(job, status=JobStatus.FAILED))

    here.write(give_up, reach=CLAIM)
    assert seen == [JobStatus.RUNNING, JobStatus.SUCCEEDED]
    assert status(here, 1) is JobStatus.SUCCEEDED


def test_claims_give_each_execution_once_and_the_first_before_the_others(
    here: PostgresStore, there: PostgresStore
) -> None:
    put_jobs(here, *(of_run(number, number, "queued") for number in range(10, 30)))

    def claims(store: Store) -> list[int]:
        found = iter(lambda: store.write(leasing, reach=CLAIM), None)
        return list(found)

    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(claims, (here, there, here, there)))
    assert sorted(number for numbers in taken for number in numbers) == list(range(10, 30))
    assert all(numbers == sorted(numbers) for numbers in taken)
