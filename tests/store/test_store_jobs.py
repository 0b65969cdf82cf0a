"""What every store promises about looking up executions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

import pytest
from cictl_testing.stores.records import MOMENT, make_job, put_jobs
from cictl_testing.stores.reopening import Reopenable

from cictl.base.job_parts import ConcurrencySpec
from cictl.project_file.definition import Job, Pipeline
from cictl.wire.jobs import JobStatus
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import PipelineRecord
from cictl_server.store.tables import Kind


def numbers(jobs: Iterable[JobRecord]) -> list[int]:
    return [job.number for job in jobs]


def anything(_kind: Kind) -> bool:
    return True


def test_executions_are_counted_and_found_by_status(store: Store) -> None:
    put_jobs(store, make_job(3), make_job(1), make_job(2, "failed"), make_job(4, "running", agent_id="a"))
    with store.read() as view:
        assert view.jobs.count_by_status() == {"queued": 2, "leased": 0, "running": 1, "succeeded": 0, "failed": 1}
        assert numbers(view.jobs.with_status(JobStatus.QUEUED)) == [1, 3]
        assert numbers(view.jobs.with_status(JobStatus.LEASED)) == []


def test_all_executions_come_by_ascending_number(store: Store) -> None:
    put_jobs(store, make_job(3), make_job(1), make_job(2))
    with store.read() as view:
        assert numbers(view.jobs.iter_all()) == [1, 2, 3]


@pytest.mark.weakness("A1.7")
@pytest.mark.parametrize(
    ("before", "statuses", "expected"),
    [
        pytest.param(None, None, [5, 4, 3, 2, 1], id="all"),
        pytest.param(4, None, [3, 2, 1], id="before-is-excluded"),
        pytest.param(1, None, [], id="before-the-first"),
        pytest.param(None, {"failed", "queued"}, [5, 3, 2], id="two-statuses"),
        pytest.param(5, {"failed", "queued"}, [3, 2], id="both-filters"),
        pytest.param(None, set(), [], id="no-status"),
    ],
)
def test_newest_first(store: Store, before: int | None, statuses: set[str] | None, expected: list[int]) -> None:
    put_jobs(store, make_job(2), make_job(1, "succeeded"), make_job(3, "failed"), make_job(4, "running"), make_job(5))
    wanted = None if statuses is None else frozenset(JobStatus(status) for status in statuses)
    with store.read() as view:
        assert numbers(view.jobs.newest_first(before=before, statuses=wanted)) == expected


def test_executions_of_an_agent_are_found_and_the_active_ones_apart(store: Store) -> None:
    put_jobs(
        store,
        make_job(4, "leased", agent_id="a"),
        make_job(2, "running", agent_id="a"),
        make_job(1, "failed", agent_id="a"),
        make_job(3, "running", agent_id="b"),
    )
    with store.read() as view:
        assert numbers(view.jobs.active_of_agent("a")) == [2, 4]
        assert numbers(view.jobs.of_agent("a")) == [1, 2, 4]
        assert view.jobs.of_agent("c") == []


def test_an_execution_is_found_by_the_token_of_its_steps_while_it_is_active(store: Store) -> None:
    active = [make_job(1, "leased", job_token_hash="l"), make_job(2, "running", agent_id="a", job_token_hash="r")]
    put_jobs(store, *active, make_job(3, job_token_hash="q"), make_job(4, "failed", agent_id="a", job_token_hash="f"))
    with store.read() as view:
        found = {digest: view.jobs.with_job_token(digest) for digest in ("l", "r", "q", "f", "")}
    assert {digest: job.number for digest, job in found.items() if job} == {"l": 1, "r": 2}


def test_executions_are_found_by_run_chain_run_and_pipeline(store: Store) -> None:
    in_run = {"pipeline_run_id": "r", "chain_run_id": "c", "project_id": "1", "pipeline_id": "build"}
    put_jobs(
        store,
        make_job(2, metadata=in_run),
        make_job(1, metadata=in_run),
        make_job(3, metadata={**in_run, "pipeline_run_id": "other", "project_id": "2"}),
        make_job(4),
    )
    with store.read() as view:
        assert numbers(view.jobs.of_run("r")) == [1, 2]
        assert numbers(view.jobs.of_chain_run("c")) == [1, 2, 3]
        assert numbers(view.jobs.of_pipeline("1", "build")) == [2, 1]
        assert view.jobs.of_run("absent") == []


def test_the_blocked_executions_of_a_run_are_found(store: Store) -> None:
    put_jobs(
        store,
        make_job(3, metadata={"pipeline_run_id": "r", "needs_blocked": "1"}),
        make_job(2, metadata={"pipeline_run_id": "r", "chain_blocked": "1"}),
        make_job(1, metadata={"pipeline_run_id": "r"}),
        make_job(4, "failed", metadata={"pipeline_run_id": "r", "needs_blocked": "1"}),
    )
    with store.read() as view:
        assert numbers(view.jobs.blocked_of_run("r")) == [2, 3]
    put_jobs(store, make_job(3, metadata={"pipeline_run_id": "r"}))
    with store.read() as view:
        assert numbers(view.jobs.blocked_of_run("r")) == [2]


def test_what_is_blocked_or_not_over_is_found_by_run_and_chain_run(store: Store) -> None:
    place = {"pipeline_run_id": "r", "chain_run_id": "c"}
    put_jobs(
        store,
        make_job(3, metadata={**place, "chain_blocked": "1"}),
        make_job(1, "running", metadata=place),
        make_job(2, "succeeded", metadata=place),
        make_job(4, "leased", metadata={"pipeline_run_id": "r", "needs_blocked": "1"}),
    )
    with store.read() as view:
        assert numbers(view.jobs.unfinished_of_run("r")) == [1, 3, 4]
        assert numbers(view.jobs.unfinished_of_chain_run("c")) == [1, 3]
        assert numbers(view.jobs.blocked_of_chain_run("c")) == [3]
    put_jobs(store, make_job(3, metadata=place), make_job(1, "failed", metadata=place))
    store.write(lambda tx: tx.jobs.delete(4))
    with store.read() as view:
        assert numbers(view.jobs.unfinished_of_run("r")) == numbers(view.jobs.unfinished_of_chain_run("c")) == [3]
        assert numbers(view.jobs.blocked_of_chain_run("c")) == []


def test_the_runs_of_a_queue_that_are_not_over_are_counted(store: Store) -> None:
    first, second = ({"project": "shop", "project_id": "7", "run_number": number} for number in ("1", "2"))
    put_jobs(
        store,
        make_job(1, metadata=first),
        make_job(2, "running", metadata=first),
        make_job(3, "failed", metadata=second),
        make_job(4, metadata=second),
        make_job(5, metadata={"adhoc_agent_id": "a"}),
    )

    def counted() -> tuple[int, int, int]:
        with store.read() as view:
            of_run, of_project = (
                view.jobs.count_unfinished("project 7", "1"),
                view.jobs.count_unfinished_runs("project 7"),
            )
            return of_run, of_project, view.jobs.count_unfinished_runs("agent a")

    assert counted() == (2, 2, 1)
    put_jobs(store, make_job(1, "failed", metadata=first), make_job(4, "succeeded", metadata=second))
    assert counted() == (1, 1, 1)

    def change(tx: Transaction) -> None:
        tx.jobs.delete(2)
        tx.jobs.delete(5)

    store.write(change)
    assert counted() == (0, 0, 0)


def test_the_oldest_waiting_execution_is_claimed_first(store: Store) -> None:
    put_jobs(
        store,
        make_job(1, "running", agent_id="b"),
        make_job(2, metadata={"needs_blocked": "1"}),
        make_job(3, needs={"os": "windows"}),
        make_job(5, needs={"os": "linux"}),
        make_job(4, needs={"os": "linux", "arch": "arm64"}),
        make_job(6, needs={"os": "linux"}),
    )

    def claim(tx: Transaction) -> int | None:
        job = tx.jobs.claimable(lambda kind: kind.needs["os"] == "linux")
        if job is None:
            return None
        tx.jobs.put(make_job(job.number, "leased", agent_id="a"))
        return job.number

    assert [store.write(claim) for _ in range(4)] == [4, 5, 6, None]


def test_an_unblocked_execution_becomes_claimable_in_its_place(store: Store) -> None:
    put_jobs(store, make_job(1, metadata={"chain_blocked": "1"}), make_job(2))
    put_jobs(store, make_job(1))
    with store.read() as view:
        job = view.jobs.claimable(anything)
        assert job is not None
        assert job.number == 1


def test_a_postponed_execution_is_not_claimable_but_due(place: Reopenable) -> None:
    later, latest = MOMENT + timedelta(seconds=1), MOMENT + timedelta(seconds=9)
    put_jobs(
        place.store,
        make_job(1, not_before=latest),
        make_job(2, not_before=later),
        make_job(3, not_before=later, metadata={"chain_blocked": "1"}),
        make_job(4, "failed", not_before=later),
        make_job(5, not_before=later),
    )
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        with store.read() as view:
            assert view.jobs.claimable(anything) is None
            assert view.jobs.next_due() == later
            assert numbers(view.jobs.due(later - timedelta(microseconds=1))) == []
            assert numbers(view.jobs.due(later)) == [2, 5]
            assert numbers(view.jobs.due(latest)) == [2, 5, 1]
    put_jobs(place.store, make_job(2), make_job(5, "failed"))

    def delete(tx: Transaction) -> None:
        tx.jobs.delete(1)
        assert tx.jobs.next_due() is None
        claimed = tx.jobs.claimable(anything)
        assert claimed is not None
        assert claimed.number == 2

    place.store.write(delete)


def test_what_nobody_approved_in_time_is_found(place: Reopenable) -> None:
    later, latest = MOMENT + timedelta(seconds=1), MOMENT + timedelta(seconds=9)
    asks = {"approval_blocked": "1"}
    put_jobs(
        place.store,
        make_job(1, approval_due=latest, metadata=asks),
        make_job(2, approval_due=later, metadata=asks),
        make_job(3, "failed", approval_due=later, metadata=asks),
        make_job(4, metadata=asks),
    )
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        with store.read() as view:
            assert view.jobs.claimable(anything) is None
            assert numbers(view.jobs.unapproved(later - timedelta(microseconds=1))) == []
            assert numbers(view.jobs.unapproved(later)) == [2]
            assert numbers(view.jobs.unapproved(latest)) == [2, 1]
    put_jobs(place.store, make_job(2))
    with place.store.read() as view:
        assert numbers(view.jobs.unapproved(latest)) == [1]
        claimed = view.jobs.claimable(anything)
        assert claimed is not None
        assert claimed.number == 2


def test_deleted_executions_are_found_nowhere(store: Store) -> None:
    metadata = {"pipeline_run_id": "r", "chain_run_id": "c", "project_id": "1", "pipeline_id": "p"}
    put_jobs(store, make_job(1, metadata=metadata), make_job(2, "leased", agent_id="a", metadata=metadata))

    def change(tx: Transaction) -> None:
        tx.jobs.delete(1)
        tx.jobs.delete(2)

    store.write(change)
    with store.read() as view:
        assert view.jobs.claimable(anything) is None
        assert view.jobs.of_agent("a") == view.jobs.active_of_agent("a") == []
        assert view.jobs.of_run("r") == view.jobs.of_chain_run("c") == []
        assert numbers(view.jobs.of_pipeline("1", "p")) == numbers(view.jobs.newest_first()) == []


def test_look_ups_work_after_reopening(place: Reopenable) -> None:
    put_jobs(place.store, make_job(2, needs={"os": "linux"}), make_job(1, "leased", agent_id="a"))
    with place.reopen().read() as view:
        assert numbers(view.jobs.active_of_agent("a")) == [1]
        claimed = view.jobs.claimable(anything)
        assert claimed is not None
        assert claimed.number == 2


@pytest.mark.parametrize("queued", [20, 20_000])
def test_claiming_asks_once_for_each_distinct_map_of_requirements(store: Store, queued: int) -> None:
    put_jobs(store, *(make_job(number, needs={"os": f"os-{number % 4}"}) for number in range(1, queued + 1)))
    asked: list[dict[str, str]] = []

    def refuse(kind: Kind) -> bool:
        asked.append(dict(kind.needs))
        return False

    with store.read() as view:
        assert view.jobs.claimable(refuse) is None
    assert asked == [{"os": "os-1"}, {"os": "os-2"}, {"os": "os-3"}, {"os": "os-0"}]


def test_a_claim_takes_the_highest_priority_and_then_the_oldest_place(place: Reopenable) -> None:
    put_jobs(
        place.store,
        make_job(1, priority=-5),
        make_job(2),
        make_job(3, priority=7, needs={"os": "linux"}),
        make_job(4, priority=7),
        make_job(5, keeps_place_of=1),
    )
    place.reopen()

    def claim(tx: Transaction) -> int:
        job = tx.jobs.claimable(anything)
        assert job is not None
        tx.jobs.put(make_job(job.number, "leased", agent_id="a"))
        return job.number

    assert [place.store.write(claim) for _ in range(5)] == [3, 4, 5, 2, 1]


def test_a_claim_asks_for_each_queue(store: Store) -> None:
    put_jobs(store, *(make_job(number, metadata={"project": f"p{number % 2}"}) for number in range(1, 9)))
    asked: list[str] = []

    def even(kind: Kind) -> bool:
        asked.append(kind.queue)
        return kind.queue == "project p0"

    with store.read() as view:
        job = view.jobs.claimable(even)
    assert (job and job.number, asked) == (2, ["project p1", "project p0"])


def test_a_claim_asks_for_each_set_of_locks(store: Store) -> None:
    put_jobs(store, *(make_job(number, locks=[f"x{number % 2}"] * (number > 2)) for number in range(1, 9)))
    asked: list[list[str]] = []

    def is_free(kind: Kind) -> bool:
        asked.append(list(kind.locks))
        return "x0" in kind.locks

    with store.read() as view:
        job = view.jobs.claimable(is_free)
    assert (job and job.number, asked) == (4, [[], ["x1"], ["x0"]])


def test_who_has_locks_on_a_host_is_found_while_an_agent_has_it(place: Reopenable) -> None:
    put_jobs(
        place.store,
        make_job(1, "running", agent_id="a", lock_host="moss", locks=["x"]),
        make_job(2, "leased", agent_id="b", lock_host="moss", locks=["y"]),
        make_job(3, "failed", agent_id="b", lock_host="moss", locks=["x"]),
        make_job(4, "running", agent_id="c", lock_host="fern", locks=["x"]),
        make_job(5, locks=["x"]),
    )
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        with store.read() as view:
            assert numbers(view.jobs.with_locks("moss")) == [1, 2]
            assert view.jobs.with_locks("new") == []


def test_a_group_tells_who_has_a_place_and_who_is_next(place: Reopenable) -> None:
    live = ConcurrencySpec(group="live")

    def member(number: int, status: str = "queued", *, run: int, **metadata: str) -> JobRecord:
        facts = {"project_id": "1", "run_number": str(run), "pipeline_run_id": f"run-{run}", **metadata}
        return make_job(number, status, metadata=facts, concurrency=live, agent_id="a" if status == "leased" else "")

    put_jobs(
        place.store,
        member(1, run=1, group_blocked="1", needs_blocked="1"),
        member(2, run=10, group_blocked="1"),
        member(3, run=1, group_blocked="1"),
        member(4, run=9, group_blocked="1", chain_blocked="1"),
        member(5, "failed", run=9, group_blocked="1"),
        member(6, run=9),
        member(7, "leased", run=9),
        member(8, "failed", run=9),
        make_job(9, metadata={"project_id": "2", "group_blocked": "1", "run_number": "1"}, concurrency=live),
    )
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        with store.read() as view:
            assert numbers(view.jobs.with_place("job 1 live")) == [6, 7]
            assert numbers(view.jobs.in_line("job 1 live")) == [3, 1, 2]
            assert numbers(view.jobs.with_place("run 1 live")) == numbers(view.jobs.in_line("run 1 live")) == []
    put_jobs(place.store, member(3, run=1), member(6, "failed", run=9))
    with place.store.read() as view:
        assert (numbers(view.jobs.with_place("job 1 live")), numbers(view.jobs.in_line("job 1 live"))) == (
            [3, 7],
            [1, 2],
        )


def test_a_group_of_runs_tells_of_each_run_its_oldest_execution(place: Reopenable) -> None:
    live = ConcurrencySpec(group="live")

    def member(number: int, status: str = "queued", *, run: int, **metadata: str) -> JobRecord:
        facts = {"project_id": "1", "run_number": str(run), "pipeline_run_id": f"run-{run}", **metadata}
        return make_job(number, status, metadata=facts, run_concurrency=live)

    put_jobs(
        place.store,
        *(member(number, run=2, needs_blocked="1") for number in (3, 4)),
        *(member(number, run=1) for number in (6, 7)),
        *(member(number, run=3, run_group_blocked="1") for number in (1, 5)),
        member(2, "succeeded", run=2),
        member(8, run=4, run_group_blocked="1", chain_blocked="1"),
    )
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        with store.read() as view:
            assert numbers(view.jobs.with_place("run 1 live")) == [3, 6]
            assert numbers(view.jobs.in_line("run 1 live")) == [1, 5, 8]
    place.store.write(lambda tx: [tx.jobs.delete(number) for number in (3, 6, 7)])
    with place.store.read() as view:
        assert numbers(view.jobs.with_place("run 1 live")) == [4]


def test_a_store_tells_whether_anything_can_be_claimed(store: Store) -> None:
    put_jobs(
        store, make_job(1, needs={"os": "linux"}), make_job(2, needs={"os": "beos"}, metadata={"row_blocked": "1"})
    )
    with store.read() as view:
        assert view.jobs.is_any_claimable(lambda kind: kind.needs["os"] == "linux")
        assert not view.jobs.is_any_claimable(lambda kind: kind.needs["os"] == "beos")


def test_what_agents_hold_is_counted_by_queue(place: Reopenable) -> None:
    shop, tea = {"project": "shop"}, {"project": "tea"}
    put_jobs(
        place.store,
        make_job(1, "leased", agent_id="a", metadata=shop),
        make_job(2, "running", agent_id="b", metadata=shop),
        make_job(3, metadata=shop),
        make_job(4, "running", agent_id="c", metadata=tea),
    )
    put_jobs(place.store, make_job(4, "failed", agent_id="c", metadata=tea))
    for is_reopened in (False, True):
        store = place.reopen() if is_reopened else place.store
        with store.read() as view:
            assert view.jobs.count_active_by_queue() == {"project shop": 2}


def test_tools_that_queued_executions_require(place: Reopenable) -> None:
    go, both = {"requires.tool.go": "*", "os": "linux"}, {"requires.tool.go": ">=1", "requires.tool.jq": "*"}
    container = {"requires.container.tool.rustc": "*"}
    put_jobs(place.store, make_job(1, needs=go), make_job(2, needs=both, metadata={"needs_blocked": "1"}))
    put_jobs(place.store, make_job(3, "failed", needs={"requires.tool.cc": "*"}), make_job(4, needs=container))
    with place.store.read() as view:
        tools = view.jobs.required_tools()
    assert tools == {"go", "jq"}
    put_jobs(place.store, make_job(1, "leased", needs=go, agent_id="a"), make_job(5, needs=go))
    with place.store.read() as view:
        assert view.jobs.required_tools() is tools, "nothing has to be made anew"

    def delete_and_raise(tx: Transaction) -> None:
        tx.jobs.delete(2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        place.store.write(delete_and_raise)
    with place.reopen().read() as view:
        assert view.jobs.required_tools() == {"go", "jq"}

    def change(tx: Transaction) -> None:
        tx.jobs.delete(2)
        assert tx.jobs.required_tools() == {"go"}

    place.store.write(change)


def test_tools_that_pipelines_require(place: Reopenable) -> None:
    def put(tx: Transaction, *, tools: Iterable[str]) -> None:
        rows = [{"tool": tool} for tool in tools]
        jobs = [Job(id="j", requires_tools={"{{tool}}": "*"}, matrix=rows), Job(id="k", requires_tools={"jq": "*"})]
        tx.pipelines.put(PipelineRecord(id=1, project_id=1, definition=Pipeline(id="p", jobs=jobs)))

    for tools in (("go", "jq"), ("jq",), ("jq", "cc")):
        place.store.write(partial(put, tools=tools))
        with place.reopen().read() as view:
            assert view.pipelines.required_tools() == set(tools)

    def change(tx: Transaction) -> None:
        tx.pipelines.delete(1)
        assert tx.pipelines.required_tools() == frozenset()

    place.store.write(change)
