"""What the statements cost with a long history and a long queue: PostgreSQL reads what they return, and little else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import psycopg
import pytest
from cictl_testing.servers.postgres import Postgres
from cictl_testing.stores.records import MOMENT, make_job
from cictl_testing.stores.reopening import open_postgres_store
from msgspec.structs import replace

from cictl.base.job_parts import ConcurrencySpec
from cictl.wire.jobs import JobStatus
from cictl.wire.runs import RunStatus
from cictl_server.postgres.database import FLUSH
from cictl_server.postgres.pipeline import Pipeline
from cictl_server.store.contract import Transaction, View
from cictl_server.store.postgres.session import Session
from cictl_server.store.postgres.store import PostgresStore
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.tables import RunFilter, TestFilter

pytestmark = pytest.mark.xdist_group("a filled database")

FINISHED = 60_000
QUEUED = 3_000
RUNNING = 200
LINED_UP = 8_000
GROUPS = 200
MOST_BLOCKS = 400
"""Pages of 8 KiB that one statement may look at. The tables have thousands."""

_NUMBERS = "generate_series(1, %s) AS number"
_FINISHED_SPECS = (
    "INSERT INTO job_specs SELECT number, 'run-' || number / 10, (number / 10)::text, 'chain-' || number / 30, '1',"
    " 'p' || number %% 5, json_build_object('script', 'true', 'metadata', json_build_object('note', repeat('x', 300)))"
    f" FROM {_NUMBERS}"
)
_FINISHED_JOBS = (
    "INSERT INTO jobs SELECT number, CASE WHEN number %% 10 = 0 THEN 'failed' ELSE 'succeeded' END, 'agent-' || number %% 900,"
    " json_build_object('number', number, 'status', CASE WHEN number %% 10 = 0 THEN 'failed' ELSE 'succeeded' END,"
    f" 'created', '2026-03-01T12:00:00Z', 'error', repeat('y', 100)) FROM {_NUMBERS}"
)

_RUNS = (
    "INSERT INTO runs SELECT number, json_build_object('number', number, 'run_id', 'run-' || number, 'created',"
    " '2026-03-01T12:00:00Z', 'parts', json_build_object('succeeded', 1), 'message', repeat('z', 300))"
    f" FROM {_NUMBERS}"
)
_RUN_PLACES = (
    "INSERT INTO run_places SELECT place, number, CASE WHEN number %% 1000 = 7 THEN 'failed' ELSE 'succeeded' END"
    """ FROM unnest(ARRAY['["","",""]', '["shop","",""]', '["shop","build",""]', '["shop","","main"]']) AS place, """
    f"{_NUMBERS}"
)
_TESTS = (
    "INSERT INTO tests SELECT 'key ' || number, 'shop', 'p' || number %% 5, 'test ' || number, number %% 5000 = 7, number,"
    " json_build_object('key', 'key ' || number, 'name', 'test ' || number, 'seen', '2026-03-01T12:00:00Z',"
    " 'project', 'shop', 'pipeline', 'p' || number %% 5, 'suite', repeat('z', 300))"
    f" FROM {_NUMBERS}"
)

Look = Callable[[View], Any]
FAILED_OR_ACTIVE = frozenset({RunStatus.FAILED, RunStatus.RUNNING, RunStatus.QUEUED})


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> Iterator[tuple[str, PostgresStore]]:
    """A store with a history, a queue of four kinds of requirements, and running executions."""
    with postgres.schema() as url:
        store = open_postgres_store(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FINISHED_SPECS.encode(), (FINISHED,))
            connection.execute(_FINISHED_JOBS.encode(), (FINISHED,))
            connection.execute(_RUNS.encode(), (FINISHED,))
            connection.execute(_RUN_PLACES.encode(), (FINISHED,))
            connection.execute(_TESTS.encode(), (FINISHED,))
            connection.execute("INSERT INTO last_ids VALUES ('jobs', %s)", (FINISHED,))
        store.write(put_unfinished)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")
        yield url, store
        store.close()


def put_unfinished(tx: Transaction) -> None:
    for number in range(FINISHED + 1, FINISHED + QUEUED + 1):
        metadata = {"pipeline_run_id": f"run-{number // 10}", "run_number": f"{number // 10}", "project": "shop"}
        blocked = {"needs_blocked": "1"} if number % 10 == 9 else {}
        later = MOMENT + timedelta(seconds=number) if number % 10 == 8 else None
        tx.jobs.put(
            make_job(number, needs={"os": f"os-{number % 4}"}, metadata={**metadata, **blocked}, not_before=later)
        )
    for number in range(FINISHED + QUEUED + 1, FINISHED + QUEUED + RUNNING + 1):
        agent = number % 100
        job = make_job(number, "running", agent_id=f"agent-{agent}", job_token_hash=f"token-{number}")
        tx.jobs.put(replace(job, locks=["x"], lock_host=f"host-{agent % 20}"))
    put_groups(tx)


def put_groups(tx: Transaction) -> None:
    """Put long lines, half of them of runs. One execution, and one run of nine, have the place in each group."""
    first = FINISHED + QUEUED + RUNNING + 1
    for number in range(first, first + LINED_UP):
        group = number % GROUPS
        is_of_runs, has_place = (
            group % 2 == 0,
            number < first + 9 * GROUPS if group % 2 == 0 else number < first + GROUPS,
        )
        run = f"{9 if has_place else number}"
        metadata = {"project": "tea", "pipeline_run_id": f"tea-{run}", "run_number": run}
        key = "run_group_blocked" if is_of_runs else "group_blocked"
        job = make_job(number, metadata=metadata | ({} if has_place else {key: "1"}))
        spec = ConcurrencySpec(group=f"g{group}")
        tx.jobs.put(replace(job, run_concurrency=spec) if is_of_runs else replace(job, concurrency=spec))


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(lambda view: view.jobs.find(FINISHED // 2), id="one execution"),
        pytest.param(lambda view: view.jobs.count_by_status(), id="counts"),
        pytest.param(lambda view: view.jobs.count_claimable(), id="claimable"),
        pytest.param(lambda view: view.jobs.claimable(lambda kind: kind.needs == {"os": "os-3"}), id="a claim"),
        pytest.param(lambda view: view.jobs.count_active_by_queue(), id="what each queue has at work"),
        pytest.param(lambda view: view.jobs.with_locks("host-7"), id="who has locks on a host"),
        pytest.param(lambda view: view.jobs.with_place("job tea g7"), id="who has a place in a group"),
        pytest.param(lambda view: view.jobs.with_place("run tea g8"), id="the runs with a place in a group"),
        pytest.param(lambda view: next(view.jobs.in_line("job tea g7")), id="the first in a line"),
        pytest.param(lambda view: next(view.jobs.in_line("run tea g8")), id="the first in a line of runs"),
        pytest.param(lambda view: view.jobs.required_tools(), id="tools of the queue"),
        pytest.param(lambda view: view.jobs.due(MOMENT), id="what is due"),
        pytest.param(lambda view: view.jobs.unapproved(MOMENT), id="what nobody approved"),
        pytest.param(lambda view: view.jobs.next_due(), id="what is due next"),
        pytest.param(lambda view: next(view.jobs.newest_first()), id="the newest"),
        pytest.param(lambda view: next(view.jobs.newest_first(before=900)), id="a late page"),
        pytest.param(
            lambda view: next(view.jobs.newest_first(before=50_000, statuses=frozenset({JobStatus.FAILED}))),
            id="a page of failures",
        ),
        pytest.param(
            lambda view: next(view.jobs.newest_first(statuses=frozenset(JobStatus) - {JobStatus.QUEUED})),
            id="a page of four statuses",
        ),
        pytest.param(lambda view: next(view.jobs.with_status(JobStatus.RUNNING)), id="what runs"),
        pytest.param(lambda view: view.jobs.of_agent("agent-7"), id="what an agent held"),
        pytest.param(lambda view: view.jobs.of_agent("new"), id="what a new agent held"),
        pytest.param(lambda view: next(view.jobs.of_pipeline("1", "new"), None), id="a new pipeline"),
        pytest.param(lambda view: view.jobs.active_of_agent("agent-7"), id="what an agent holds"),
        pytest.param(lambda view: view.jobs.with_job_token(f"token-{FINISHED + QUEUED + 9}"), id="a token of a job"),
        pytest.param(lambda view: view.jobs.of_run("run-99"), id="a run"),
        pytest.param(lambda view: view.jobs.of_run_number("99"), id="a run by its number"),
        pytest.param(lambda view: view.jobs.of_chain_run("chain-99"), id="a chain run"),
        pytest.param(lambda view: view.jobs.blocked_of_run(f"run-{FINISHED // 10 + 5}"), id="the blocked of a run"),
        pytest.param(
            lambda view: next(view.jobs.unfinished_of_run(f"run-{FINISHED // 10 + 5}")), id="the rest of a run"
        ),
        pytest.param(lambda view: next(view.jobs.of_pipeline("1", "p3")), id="a pipeline's newest"),
        pytest.param(lambda view: view.jobs.count_unfinished("project shop", "6009"), id="the size of a run"),
        pytest.param(lambda view: next(view.runs.newest_first(RunFilter())), id="the newest run"),
        pytest.param(lambda view: next(view.runs.newest_first(RunFilter(), before=900)), id="a late page of runs"),
        pytest.param(
            lambda view: next(view.runs.newest_first(RunFilter(project="shop", branch="main"))), id="runs of a branch"
        ),
        pytest.param(
            lambda view: next(view.runs.newest_first(RunFilter(project="shop", statuses=FAILED_OR_ACTIVE))),
            id="failed runs",
        ),
        pytest.param(
            lambda view: next(view.runs.newest_first(RunFilter(project="new")), None), id="runs of a new project"
        ),
        pytest.param(lambda view: next(view.tests.in_order(TestFilter())), id="the first test"),
        pytest.param(
            lambda view: next(view.tests.in_order(TestFilter(project="shop", pipeline="p3"))), id="tests of a pipeline"
        ),
        pytest.param(lambda view: next(view.tests.in_order(TestFilter(is_flaky=True))), id="flaky tests"),
        pytest.param(lambda view: next(view.tests.slowest_first(TestFilter(project="shop"))), id="slow tests"),
        pytest.param(lambda view: view.tests.named("test 77"), id="a test by its name"),
        pytest.param(lambda view: view.tests.find_all(["key 77", "key 78"]), id="tests by their keys"),
        pytest.param(lambda view: view.tokens.with_digest("d"), id="a token"),
        pytest.param(lambda view: view.tokens.count(), id="whether there are tokens"),
        pytest.param(lambda view: view.settings.find("k"), id="a setting"),
        pytest.param(lambda view: view.agents.find("a"), id="an agent"),
    ],
)
def test_a_look_reads_few_pages(filled: tuple[str, PostgresStore], look: Look) -> None:
    url, store = filled
    for statement, values in statements(store, look):
        plan = explained(url, statement, values)
        assert "Seq Scan" not in node_types(plan), statement
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < MOST_BLOCKS, statement


def end(tx: Transaction) -> None:
    number = FINISHED + QUEUED + 51
    tx.jobs.put(make_job(number, "succeeded", agent_id="agent-1", metadata={"pipeline_run_id": f"run-{number}"}))


def claim(tx: Transaction) -> None:
    job = tx.jobs.claimable(lambda kind: kind.needs == {"os": "os-2"})
    assert job is not None
    tx.jobs.put(replace(job, status=JobStatus.LEASED, agent_id="agent-5"))


def change_run(tx: Transaction) -> None:
    run = tx.runs.find(FINISHED // 3)
    assert run is not None
    tx.runs.put(replace(run, message="another"))


def change_test(tx: Transaction) -> None:
    [test] = tx.tests.find_all(["key 99"]).values()
    tx.tests.put(replace(test, suite="another"))


SMALL = {"database_life", "last_ids"}
"""Tables of a few rows, however much there is in others."""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(claim, id="a lease"),
        pytest.param(
            lambda tx: tx.jobs.put(make_job(FINISHED + QUEUED + 50, "running", current_step="x")), id="progress"
        ),
        pytest.param(end, id="an end"),
        pytest.param(lambda tx: tx.jobs.put(make_job(10_000_000)), id="an execution that is enqueued"),
        pytest.param(lambda tx: tx.jobs.delete(FINISHED // 2 + 1), id="an execution that is deleted"),
        pytest.param(change_run, id="how a run stands"),
        pytest.param(lambda tx: tx.runs.delete(FINISHED // 3 + 1), id="a run that is deleted"),
        pytest.param(change_test, id="a test"),
        pytest.param(lambda tx: tx.agents.put(AgentRecord(agent_id="new", seen=MOMENT)), id="an agent"),
        pytest.param(lambda tx: tx.artifacts.put(ArtifactsRecord(number=FINISHED, entries=[])), id="artifacts"),
    ],
)
def test_a_change_reaches_its_rows_by_indexes(
    filled: tuple[str, PostgresStore], change: Callable[[Transaction], Any]
) -> None:
    url, store = filled
    for statement, values in sent(store, change):
        with psycopg.connect(url) as connection:
            connection.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off")
            [[[found]]] = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), values).fetchall()
        assert scanned_tables(found["Plan"]) <= SMALL, statement


def sent(store: PostgresStore, change: Callable[[Transaction], Any]) -> list[tuple[str, Any]]:
    """Return the statements that a change sends, its locks and counters included."""
    seen: list[tuple[str, Any]] = []
    real = Pipeline.send

    def note(pipeline: Pipeline, statement: str, given: Any = (), **options: Any) -> Any:
        seen.append((statement, given))
        return real(pipeline, statement, given, **options)

    with mock.patch.object(Pipeline, "send", note):
        store.write(change)
    assert [statement for statement, _ in seen[-2:]] == ["COMMIT", FLUSH]
    return seen[1:-2]


def scanned_tables(plan: dict[str, Any]) -> set[str]:
    """Return the tables that are read from their first row to their last."""
    below = (scanned_tables(child) for child in plan.get("Plans", []))
    own = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set[str]()
    return own.union(*below)


def statements(store: PostgresStore, look: Look) -> list[tuple[str, tuple[object, ...]]]:
    """Return the statements that *look* runs."""
    seen: list[tuple[str, tuple[object, ...]]] = []
    real = Session.rows

    def note(session: Session, statement: str, *values: object) -> Any:
        seen.append((statement, values))
        return real(session, statement, *values)

    with mock.patch.object(Session, "rows", note), store.read() as view:
        look(view)
    assert seen
    return seen


def explained(url: str, statement: str, values: tuple[object, ...]) -> dict[str, Any]:
    """Return how PostgreSQL runs the statement, as the server's connections have it planned, and what it read."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off")
        row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode(), values).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def node_types(plan: dict[str, Any]) -> set[str]:
    return {plan["Node Type"]}.union(*(node_types(child) for child in plan.get("Plans", [])))


def test_progress_stays_in_its_page(filled: tuple[str, PostgresStore]) -> None:
    """A step that begins changes no index: PostgreSQL writes the new version beside the old one."""
    url, _ = filled
    store = open_postgres_store(url)
    number = FINISHED + QUEUED + 1

    def advance(step: str) -> Callable[[Transaction], None]:
        def change(tx: Transaction) -> None:
            tx.jobs.put(make_job(number, "running", agent_id="agent-1", job_token_hash="t", current_step=step))

        return change

    before = updates(url)
    for step in range(20):
        store.write(advance(f"step {step}"))
    store.close()  # PostgreSQL counts at the end of a connection
    after = updates(url)
    assert after[0] - before[0] >= 20
    assert after[1] - before[1] >= 0.8 * (after[0] - before[0])


def updates(url: str) -> tuple[int, int]:
    """Return how many rows of `jobs` were updated, and how many of them in their page."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        row = connection.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'jobs' AND schemaname = current_schema()"
        )
        found = row.fetchone()
    assert found is not None
    return found[0], found[1]
