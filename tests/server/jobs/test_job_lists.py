"""Lists of executions: caps, pages, groups, filters and cursors."""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec
import pytest
from cictl_testing.server import RunningServer

from cictl_server.store.contract import Transaction

TWO = '[{id: a, steps: [{run: "true"}]}, {id: b, steps: [{run: "true"}]}]'


def listed(server: RunningServer, query: str = "") -> Any:
    answer = server.get("/api/v1/jobs", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.json


def ids(answer: Any) -> list[str]:
    return [job["id"] for job in answer["job_executions"]]


def test_an_empty_server(server: RunningServer) -> None:
    assert listed(server) == {"job_executions": []}
    assert listed(server, "view=summary") == {
        "view": "summary",
        "max": 150,
        "total": 0,
        "queued_count": 0,
        "history_count": 0,
        "queued_group_count": 0,
        "history_group_count": 0,
        "queued_groups": None,
        "history_groups": None,
    }


def test_newest_first_without_output(server: RunningServer) -> None:
    first, second = server.enqueue(), server.enqueue()
    server.report(server.leased().id, "running", output="text")
    assert ids(listed(server)) == [second, first]
    assert all("output" not in job for job in listed(server)["job_executions"])


def test_the_cap_keeps_runs_whole(server: RunningServer) -> None:
    pipeline = server.define(TWO)
    old, new = server.run(pipeline), server.run(pipeline)
    assert ids(listed(server, "max=3")) == new[::-1]
    assert ids(listed(server, "max=1")) == new[::-1], "the newest entry is always kept"
    assert ids(listed(server, "max=4")) == [*new[::-1], *old[::-1]]


@pytest.mark.parametrize("query", ["max=x", "max=", "max=999999", "max=-4"])
def test_odd_numbers_are_forgiven(server: RunningServer, query: str) -> None:
    job_id = server.enqueue()
    assert ids(listed(server, query)) == [job_id]


def test_pages_of_queue_and_history(server: RunningServer) -> None:
    done, running, waiting = server.enqueue(), server.enqueue(), server.enqueue()
    assert server.finish("succeeded").id == done
    assert server.running().id == running
    queue = listed(server, "view=QUEUED&limit=1")
    assert (ids(queue), queue["total"], queue["view"], queue["limit"]) == ([waiting], 2, "queued", 1)
    assert ids(listed(server, "view=queued&limit=1&offset=1")) == [running]
    assert listed(server, "view=queued&offset=9")["job_executions"] == []
    assert ids(listed(server, "view=history")) == [done]


def test_groups_of_the_summary(server: RunningServer) -> None:
    pipeline = server.define(TWO)
    both = server.run(pipeline)
    server.finish("failed")
    server.run(pipeline)
    summary = listed(server, "view=summary")
    assert (summary["total"], summary["queued_count"], summary["history_count"]) == (4, 3, 1)
    pair, single = summary["queued_groups"]
    assert (pair["job_count"], pair["collapsible"]) == (2, True)
    assert pair["key"] == "run:" + pair["run_id"]
    assert single == {"key": f"job:{both[1]}", "job_count": 1, "collapsible": False}
    assert [group["key"] for group in summary["history_groups"]] == [f"job:{both[0]}"]


def test_filters(server: RunningServer) -> None:
    server.heartbeat("b")
    first, second = server.enqueue(), server.enqueue()
    server.running("b")
    run = server.job(second).metadata["pipeline_run_id"]
    for query, expected in {
        "status=running": [first],
        "status=queued": [second],
        "status=active": [second, first],
        "status=finished": [],
        "agent=b": [first],
        f"run={run}": [second],
        f"run={run}&status=running": [],
        "project=2": [second],
        "project=1": [first],
        "project=none": [],
        "pipeline=build&status=queued": [second],
    }.items():
        assert ids(listed(server, query)) == expected, query


def test_cancelled_are_some_of_the_failed(server: RunningServer) -> None:
    server.heartbeat("b")
    failed, cancelled = server.enqueue(), server.enqueue()
    assert server.finish("failed", "b").id == failed
    server.cancel(cancelled)
    waiting = server.enqueue()
    for query, expected in {
        "status=cancelled": [cancelled],
        "status=failed": [cancelled, failed],
        "status=cancelled,queued": [waiting, cancelled],
        "status=queued&status=failed": [waiting, cancelled, failed],
        "status=cancelled,failed": [cancelled, failed],
    }.items():
        assert ids(listed(server, query)) == expected, query


def test_a_chain_run_is_a_run(server: RunningServer) -> None:
    work = 'jobs: [{id: work, steps: [{run: "true"}]}]'
    defined = server.define_project(
        f"pipelines: [{{id: a, {work}}}, {{id: b, depends_on: [a], {work}}}]\npipeline_chains: [{{id: all, pipelines: [a, b]}}]"
    )
    jobs = server.run_chain(defined["all"])
    assert ids(listed(server, f"run={server.job(jobs[0]).facts.chain_run_id}")) == jobs[::-1]


def test_a_list_may_cut_a_run_apart(server: RunningServer) -> None:
    first, second = server.run(server.define(TWO))
    assert ids(listed(server, "max=1")) == [second, first]
    page = listed(server, "max=1&split_runs=true")
    assert ids(page) == [second]
    assert ids(listed(server, f"max=1&split_runs=true&cursor={page['next_cursor']}")) == [first]


def test_an_unknown_status_is_named(server: RunningServer) -> None:
    answer = server.get("/api/v1/jobs", query_string="status=green")
    assert (answer.status_code, answer.text) == (400, 'status "green" is unknown\n')


def test_a_cursor_goes_on_and_ends(server: RunningServer) -> None:
    created = [server.enqueue() for _ in range(5)]
    seen: list[str] = []
    query = "status=queued&max=2"
    while True:
        page = listed(server, query)
        seen += ids(page)
        if "next_cursor" not in page:
            break
        query = f"status=queued&max=2&cursor={page['next_cursor']}"
    assert seen == created[::-1]


@pytest.mark.parametrize("query", ["run=x&cursor=y", "cursor=y", "cursor=job-1", "cursor=job-1~", "cursor=job-1~2"])
def test_a_cursor_that_no_list_gave_is_refused(server: RunningServer, query: str) -> None:
    answer = server.get("/api/v1/jobs", query_string=query)
    assert (answer.status_code, answer.text) == (400, "invalid cursor\n")


@pytest.mark.weakness("A7.4b")
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pages_without_a_filter_show_everything_once_with_runs_whole(server: RunningServer, size: int) -> None:
    pipeline = server.define(TWO)
    runs = [server.run(pipeline) for _ in range(3)]
    alone = server.enqueue()
    server.finish("failed")
    again = server.post(f"/api/v1/jobs/{runs[0][0]}/rerun").json["job_execution"]["id"]  # the oldest run is the newest
    pages: list[list[str]] = []
    query = f"max={size}"
    while True:
        page = listed(server, query)
        pages.append(ids(page))
        if "next_cursor" not in page:
            break
        query = f"max={size}&cursor={page['next_cursor']}"
    assert sorted(chain(*pages)) == sorted([*chain(*runs), alone, again])
    assert all(any(set(run) <= set(page) for page in pages) for run in runs)
    assert again in pages[0]


@pytest.mark.weakness("A7.4b")
def test_what_is_added_between_two_pages_hides_nothing(server: RunningServer) -> None:
    pipeline = server.define(TWO)
    old, new = server.run(pipeline), server.run(pipeline)
    server.finish("failed")
    first = listed(server, "max=2")
    server.post(f"/api/v1/jobs/{old[0]}/rerun")
    server.enqueue()
    assert ids(first) == new[::-1]
    assert set(old) <= set(ids(listed(server, f"max=9&cursor={first['next_cursor']}")))


class TestUnmetRequirements:
    def unmet(self, server: RunningServer, job: str = "{}") -> list[str]:
        [job_id] = server.run(server.define(f'[{{id: j, {job} steps: [{{run: "true"}}]}}]'))
        return server.job(job_id).unmet_requirements

    def test_without_agents(self, server: RunningServer) -> None:
        assert self.unmet(server, "") == ["no agents connected"]

    @pytest.mark.parametrize(
        ("job", "expected"),
        [
            ("runs_on: {os: linux},", []),
            ("runs_on: {os: windows, gpu: a100},", ["no agent with gpu=a100", "no agent with os=windows"]),
            ("requires: {tools: {go: '>=1.20'}},", ["missing tool go"]),
            ("requires: {tools: {git: '>=3'}},", ["tool git does not satisfy >=3"]),
            ("runs_on: {container_image: i}, requires: {container: {tools: {go: '*'}}},", []),
        ],
    )
    def test_of_one_agent(self, server: RunningServer, job: str, expected: list[str]) -> None:
        server.heartbeat(capabilities={"tool.git": "2.39"})
        assert self.unmet(server, job) == expected

    @pytest.mark.weakness("A7.1")
    def test_agents_that_cannot_take_work_do_not_count(self, server: RunningServer) -> None:
        server.heartbeat("off")
        server.act("deactivate", "off")
        server.heartbeat("gone")
        server.clock.step(61)
        assert self.unmet(server, "") == ["no agents connected"]

    @pytest.mark.weakness("A7.1")
    def test_requirements_are_judged_per_agent(self, server: RunningServer) -> None:
        """No agent has both, though each is met by one: the nearest agent's lack is named."""
        server.heartbeat("a", capabilities={"gpu": "a100"})
        server.heartbeat("b", capabilities={"tool.go": "1.22"})
        assert self.unmet(server, "runs_on: {gpu: a100}, requires: {tools: {go: '*'}},") == ["tool go unavailable"]


def test_a_name_that_several_projects_have_narrows_no_list(server: RunningServer) -> None:
    first, second = server.enqueue(), server.enqueue()
    answer = server.get("/api/v1/jobs?project=shop", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    where = "https://git.example.test/shop.git"
    assert answer.json["title"] == f'several projects are called "shop": 1 ({where}), 2 ({where})'
    assert (ids(listed(server, "project=1")), ids(listed(server, "project=2"))) == ([first], [second])


def test_a_project_that_is_called_like_the_id_of_another_narrows_no_list(server: RunningServer) -> None:
    server.enqueue()

    def change(tx: Transaction) -> None:
        other = tx.projects.find(1)
        assert other is not None
        tx.projects.put(msgspec.structs.replace(other, id=tx.projects.next_id(), name="1"))

    server.store.write(change)
    assert server.get("/api/v1/jobs?project=1").status_code == 409
    assert len(listed(server, "project=shop")["job_executions"]) == 1
