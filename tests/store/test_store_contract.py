"""What every store promises about transactions and tables."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from cictl_testing.stores.records import make_agent, make_chain, make_job, make_pipeline, make_project
from cictl_testing.stores.reopening import Reopenable
from msgspec.structs import replace

from cictl_server.store.contract import Store, StoreFailed, Transaction
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.artifacts import ArtifactEntry, ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.settings import SettingRecord


def test_a_committed_record_is_found(store: Store) -> None:
    job = make_job(1, metadata={"branch": "käse\n"}, exit_code=3)
    store.write(lambda tx: tx.jobs.put(job))
    with store.read() as view:
        assert view.jobs.find(1) == job


def test_a_look_finds_what_is_committed_and_raises_what_its_question_raises(store: Store) -> None:
    store.write(lambda tx: tx.jobs.put(make_job(1)))
    assert store.look(lambda view: view.jobs.find(1)) == make_job(1)
    assert store.look(lambda view: view.jobs.find(2)) is None
    with pytest.raises(ZeroDivisionError):
        store.look(lambda view: view.jobs.count() / 0)


def test_a_field_is_kept_whose_name_is_another_in_json(store: Store) -> None:
    job = make_job(1, condition="success()", allow_failure=True)
    store.write(lambda tx: tx.jobs.put(job))
    with store.read() as view:
        assert view.jobs.find(1) == job


def test_a_transaction_sees_its_own_changes(store: Store) -> None:
    def change(tx: Transaction) -> None:
        tx.jobs.put(make_job(1))
        tx.jobs.put(make_job(1, "leased", agent_id="a"))
        assert [job.number for job in tx.jobs.active_of_agent("a")] == [1]
        assert tx.jobs.delete(1)
        assert tx.jobs.find(1) is None

    store.write(change)


def test_put_replaces_and_delete_tells_whether_there_was_one(store: Store) -> None:
    def change(tx: Transaction) -> None:
        tx.agents.put(make_agent("a"))
        tx.agents.put(make_agent("a", os="linux"))
        assert [agent.os for agent in tx.agents.iter_all()] == ["linux"]
        assert tx.agents.delete("a")
        assert not tx.agents.delete("a")
        assert tx.agents.count() == 0

    store.write(change)


def test_bytes_of_artifacts_are_summed_by_project(store: Store) -> None:
    def artifacts(number: int, project: str, size: int) -> ArtifactsRecord:
        link = ArtifactEntry(path="l", size_bytes=9, link="f")
        return ArtifactsRecord(number=number, project=project, entries=[ArtifactEntry(path="f", size_bytes=size), link])

    def change(tx: Transaction) -> None:
        for record in (artifacts(1, "1", 10), artifacts(2, "1", 20), artifacts(3, "2", 40)):
            tx.artifacts.put(record)
        tx.artifacts.put(artifacts(2, "1", 5))
        tx.artifacts.delete(3)

    store.write(change)
    with store.read() as view:
        assert [view.artifacts.bytes_of_project(project) for project in ("1", "2", "3")] == [15, 0, 0]


def test_editing_a_returned_record_changes_nothing_stored(store: Store) -> None:
    def put(tx: Transaction) -> None:
        given = make_job(1, env={"A": "1"})
        tx.jobs.put(given)
        given.env["A"] = "2"

    store.write(put)
    with store.read() as view:
        found = view.jobs.find(1)
        assert found is not None
        found.env["A"] = "3"
        again = view.jobs.find(1)
        assert again is not None
        assert again.env == {"A": "1"}


def test_nothing_of_a_raising_transaction_happened(store: Store) -> None:
    def change(tx: Transaction) -> None:
        tx.jobs.put(make_job(1, needs={"os": "linux"}))
        tx.agents.put(make_agent("a"))

    store.write(change)
    with pytest.raises(ZeroDivisionError):
        store.write(change_everything_and_raise)
    with store.read() as view:
        assert [job.number for job in view.jobs.iter_all()] == [1]
        assert view.jobs.last_number() == 1
        assert view.jobs.claimable(lambda kind: kind.needs == {"os": "linux"}) == make_job(1, needs={"os": "linux"})
        assert [agent.agent_id for agent in view.agents.iter_all()] == ["a"]
        assert view.projects.count() == 0


def change_everything_and_raise(tx: Transaction) -> None:
    tx.jobs.put(make_job(1, "leased", agent_id="a"))
    tx.jobs.put(make_job(2))
    tx.jobs.delete(1)
    tx.agents.put(make_agent("b"))
    tx.agents.delete("a")
    tx.projects.put(make_project(tx.projects.next_id()))
    raise ZeroDivisionError


def test_a_rolled_back_transaction_leaves_nothing_after_reopening(place: Reopenable) -> None:
    place.store.write(lambda tx: tx.jobs.put(make_job(1)))
    with pytest.raises(ZeroDivisionError):
        place.store.write(change_everything_and_raise)
    with place.reopen().read() as view:
        assert [job.number for job in view.jobs.iter_all()] == [1]


def test_everything_is_there_after_reopening(place: Reopenable) -> None:
    artifacts = ArtifactsRecord(number=4, entries=[ArtifactEntry(path="a/b", size_bytes=1)])

    def change(tx: Transaction) -> None:
        tx.jobs.put(make_job(4))
        tx.agents.put(make_agent("a", deactivated=True))
        tx.projects.put(make_project(1))
        tx.pipelines.put(make_pipeline(2, 1, "build"))
        tx.chains.put(make_chain(3, 1, "all"))
        tx.artifacts.put(artifacts)

    place.store.write(change)
    with place.reopen().read() as view:
        assert view.jobs.find(4) == make_job(4)
        assert view.agents.find("a") == make_agent("a", deactivated=True)
        assert view.projects.find(1) == make_project(1)
        assert view.pipelines.find(2) == make_pipeline(2, 1, "build")
        assert view.chains.find(3) == make_chain(3, 1, "all")
        assert view.artifacts.find(4) == artifacts


def test_ids_are_never_handed_out_twice(place: Reopenable) -> None:
    first, second = place.store.write(add_project), place.store.write(add_project)
    place.store.write(lambda tx: tx.projects.delete(second))
    third = place.reopen().write(add_project)
    assert first < second < third


def add_project(tx: Transaction) -> int:
    project_id = tx.projects.next_id()
    tx.projects.put(make_project(project_id))
    return project_id


def test_an_id_put_and_deleted_in_one_transaction_stays_used(place: Reopenable) -> None:
    def add_and_delete(tx: Transaction) -> int:
        used = add_project(tx)
        tx.projects.delete(used)
        return used

    used = place.store.write(add_and_delete)
    assert place.reopen().write(add_project) > used


def test_the_last_number_outlives_its_execution(place: Reopenable) -> None:
    with place.store.read() as view:
        assert view.jobs.last_number() == 0
    place.store.write(lambda tx: tx.jobs.put(make_job(1_772_366_400_000_000_007)))
    place.store.write(lambda tx: tx.jobs.delete(1_772_366_400_000_000_007))
    with place.reopen().read() as view:
        assert view.jobs.last_number() == 1_772_366_400_000_000_007


def test_agents_come_by_ascending_id_also_after_deletions(place: Reopenable) -> None:
    def change(tx: Transaction) -> None:
        for agent_id in ("c", "a", "b"):
            tx.agents.put(make_agent(agent_id))
        tx.agents.delete("a")
        tx.agents.put(make_agent("a"))

    place.store.write(change)
    with place.reopen().read() as view:
        assert [agent.agent_id for agent in view.agents.iter_all()] == ["a", "b", "c"]


def test_settings_are_kept_by_key(place: Reopenable) -> None:
    def change(tx: Transaction) -> None:
        tx.settings.put(SettingRecord(key="b", value="1"))
        tx.settings.put(SettingRecord(key="a", value="2"))
        tx.settings.put(SettingRecord(key="b", value="3"))

    place.store.write(change)
    with place.reopen().read() as view:
        assert [(setting.key, setting.value) for setting in view.settings.iter_all()] == [("a", "2"), ("b", "3")]


def test_pipelines_and_chains_of_a_project_come_in_byte_order(store: Store) -> None:
    def change(tx: Transaction) -> None:
        for number, name in enumerate(("é", "b", "B", "a"), start=1):
            tx.pipelines.put(make_pipeline(number, 1, name))
            tx.chains.put(make_chain(number, 1, name))
        tx.pipelines.put(make_pipeline(9, 2, "other"))
        tx.chains.put(make_chain(9, 2, "other"))

    store.write(change)
    with store.read() as view:
        assert [pipeline.definition.id for pipeline in view.pipelines.of_project(1)] == ["B", "a", "b", "é"]
        assert [chain.chain_id for chain in view.chains.of_project(1)] == ["B", "a", "b", "é"]


def test_actions_run_after_the_commit_and_in_order(store: Store) -> None:
    seen: list[str] = []

    def look() -> None:
        with store.read() as view:
            seen.append(f"{view.jobs.count()} job")

    def change(tx: Transaction) -> None:
        tx.after_commit(look)
        tx.after_commit(lambda: seen.append("second"))
        tx.jobs.put(make_job(1))
        assert seen == []

    store.write(change)
    assert seen == ["1 job", "second"]


def test_actions_of_a_rolled_back_transaction_never_run(store: Store) -> None:
    seen: list[str] = []

    def act_and_raise(tx: Transaction) -> None:
        tx.after_commit(lambda: seen.append("ran"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(act_and_raise)
    store.write(lambda tx: tx.jobs.put(make_job(1)))
    assert seen == []


def test_a_change_counts_once_however_often_it_runs(store: Store) -> None:
    seen: list[int] = []

    def count(tx: Transaction) -> int:
        number = tx.jobs.count() + 1
        tx.jobs.put(make_job(number))
        tx.after_commit(lambda: seen.append(number))
        return number

    assert [store.write(count), store.write(count)] == [1, 2]
    assert seen == [1, 2]


def test_a_mark_is_taken_back_before_each_further_run(store: Store) -> None:
    told: list[str] = []

    def mark() -> Callable[[], None]:
        assert not told
        return lambda: told.append("taken back")

    store.before_rerun(mark)
    store.write(lambda _: told.append("run"))
    assert told == ["run", *["taken back", "run"] * (told.count("run") - 1)]


def test_an_action_may_begin_a_transaction(store: Store) -> None:
    def follow_up() -> None:
        store.write(lambda tx: tx.jobs.put(make_job(2)))

    def change(tx: Transaction) -> None:
        tx.after_commit(follow_up)
        tx.jobs.put(make_job(1))

    store.write(change)
    with store.read() as view:
        assert view.jobs.count() == 2


def test_transactions_of_several_threads_follow_each_other(place: Reopenable) -> None:
    store = place.store
    store.write(lambda tx: tx.jobs.put(make_job(1, exit_code=0)))

    def increase() -> None:
        for _ in range(50):

            def change(tx: Transaction) -> None:
                job = tx.jobs.find(1)
                assert job is not None
                tx.jobs.put(replace(job, exit_code=(job.exit_code or 0) + 1))

            store.write(change)

    in_threads(increase, count=4)
    with place.reopen().read() as view:
        job = view.jobs.find(1)
        assert job is not None
        assert job.exit_code == 200


def in_threads(work: Callable[[], None], *, count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_closing_twice_is_fine_and_a_closed_store_takes_no_changes(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreFailed, match="closed"):
        store.write(lambda tx: tx.jobs.put(make_job(1)))


def test_changes_outside_a_write_transaction_are_refused(store: Store) -> None:
    tx = store.write(lambda tx: tx)
    with pytest.raises(AssertionError, match="write transaction"):
        tx.jobs.put(make_job(1))
    with store.read() as view:
        assert view.jobs.count() == 0


@pytest.mark.parametrize("is_reopened", [pytest.param(False, id="at once"), pytest.param(True, id="after a restart")])
def test_used_numbers_are_not_handed_out(place: Reopenable, *, is_reopened: bool) -> None:
    def use(tx: Transaction) -> None:
        tx.projects.use_ids(41)
        tx.jobs.use_numbers(7)
        tx.jobs.use_numbers(5)

    store = place.store
    store.write(use)
    if is_reopened:
        store = place.reopen()
    with store.read() as view:
        assert (view.projects.last_id(), view.jobs.last_number(), view.pipelines.last_id()) == (41, 7, 0)
        assert (view.projects.count(), view.jobs.count()) == (0, 0)
    assert store.write(lambda tx: tx.projects.next_id()) == 42


def test_used_numbers_are_forgotten_with_a_change_that_fails(store: Store) -> None:
    def fail(tx: Transaction) -> None:
        tx.projects.use_ids(41)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(fail)
    assert store.write(lambda tx: tx.projects.next_id()) == 1


def test_what_is_foreseen_changes_no_answer(store: Store) -> None:
    def change(tx: Transaction) -> tuple[JobRecord | None, AgentRecord | None]:
        tx.foresee(lambda view: view.jobs.find(1), lambda view: view.agents.find("a"))
        tx.jobs.put(make_job(1))
        return tx.jobs.find(1), tx.agents.find("a")

    assert store.write(change) == (make_job(1), None)
    with store.read() as view:
        view.foresee(lambda view: view.jobs.find(1), lambda view: view.jobs.find(2))
        assert (view.jobs.find(1), view.jobs.find(2)) == (make_job(1), None)
