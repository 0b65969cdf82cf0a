"""`GET tests`: how tests went over time."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.wire.codec import decode
from cictl.wire.results.reports import TestCase, TestReport, TestReportUpload, TestSuite
from cictl.wire.results.tests import TestList, TestStory
from cictl_server.store.contract import Transaction

DAY = 86_400


def report(server: RunningServer, results: dict[str, str], *, seconds: float = 1.0, job_id: str = "") -> str:
    """Upload the results of a running job, by the names of its tests, and return the job's id."""
    job_id = job_id or server.running().id
    cases = [TestCase(name=name, status=status, duration_seconds=seconds) for name, status in results.items()]
    suite = TestSuite(format="junit-xml", name="unit", total=len(cases), cases=cases)
    failed = list(results.values()).count("fail")
    upload = TestReportUpload(agent_id="a", report=TestReport(total=len(cases), failed=failed, suites=[suite]))
    assert server.post(f"/api/v1/jobs/{job_id}/tests", upload).status_code == 200
    return job_id


def try_once(
    server: RunningServer, pipeline: int, status: str, *, commit: str = "", name: str = "pot", seconds: float = 1.0
) -> None:
    """Run a pipeline of one job that tries one test."""
    [job_id] = server.run(pipeline)
    if commit:
        server.store.write(lambda tx: build_commit(tx, job_id, commit))
    report(server, {name: status}, seconds=seconds)
    assert server.report(job_id, "succeeded" if status == "pass" else "failed").status_code == 200


def build_commit(tx: Transaction, job_id: str, commit: str) -> None:
    job = tx.jobs.find(int(job_id.removeprefix("job-")))
    assert job is not None
    tx.jobs.put(replace(job, metadata={**job.metadata, "pipeline_source_ref_resolved": commit}))


def stories(server: RunningServer, query: str = "") -> list[TestStory]:
    return server.read(TestList, f"/api/v1/tests?{query}").tests


def names(server: RunningServer, query: str = "") -> list[str]:
    return [test.name for test in stories(server, query)]


@pytest.fixture
def build(server: RunningServer) -> int:
    return server.define("[{id: check, steps: [{run: make}]}]")


def test_results_add_up(server: RunningServer, build: int) -> None:
    for status, seconds in (("pass", 1), ("fail", 3), ("fail", 2)):
        try_once(server, build, status, seconds=seconds)
    [story] = stories(server)
    assert story == TestStory(
        name="pot",
        suite="unit",
        project="shop",
        pipeline="build",
        job="check",
        passes=1,
        failures=2,
        flaky=False,
        last_failed_run=3,
        first_failed_run=2,
        mean_seconds=2.0,
    )
    try_once(server, build, "pass")
    assert [(story.last_failed_run, story.first_failed_run) for story in stories(server)] == [(3, 0)]


def test_a_report_that_is_sent_again_counts_once(server: RunningServer, build: int) -> None:
    server.run(build)
    job_id = report(server, {"pot": "pass"})
    report(server, {"pot": "pass", "cup": "pass"}, job_id=job_id)
    assert [(story.name, story.passes) for story in stories(server)] == [("cup", 1), ("pot", 1)]


def test_what_was_skipped_counts_for_nothing(server: RunningServer, build: int) -> None:
    server.run(build)
    report(server, {"pot": "skip", "cup": "unknown", "": "pass"})
    assert stories(server) == []


@pytest.mark.parametrize("order", [("pass", "fail"), ("fail", "pass")])
def test_pass_and_fail_on_one_commit_is_flaky(server: RunningServer, build: int, order: tuple[str, str]) -> None:
    for status in order:
        try_once(server, build, status, commit="c1")
    assert names(server, "flaky=true") == ["pot"]


@pytest.mark.parametrize(
    ("commit", "days", "is_flaky"),
    [
        pytest.param("c2", 0, False, id="another commit"),
        pytest.param("c1", 14, True, id="exactly 14 days later"),
        pytest.param("c1", 14 + 1 / DAY, False, id="later"),
    ],
)
def test_what_is_not_flaky(server: RunningServer, build: int, commit: str, days: float, is_flaky: bool) -> None:
    try_once(server, build, "fail", commit="c1")
    server.clock.step(days * DAY - 0.001)  # a run takes a millisecond
    try_once(server, build, "pass", commit=commit)
    assert [story.flaky for story in stories(server)] == [is_flaky]


def test_five_passes_heal(server: RunningServer, build: int) -> None:
    try_once(server, build, "pass", commit="c1")
    try_once(server, build, "fail", commit="c1")
    seen = []
    for number in range(5):
        try_once(server, build, "pass", commit=f"d{number}")
        seen.append(bool(names(server, "flaky=true")))
    assert seen == [True, True, True, True, False]


def test_rows_of_a_matrix_are_told_apart(server: RunningServer) -> None:
    server.run(server.define("[{id: check, matrix: {include: [{name: a}, {name: b}]}, steps: [{run: make}]}]"))
    for status in ("pass", "fail"):
        job_id = report(server, {"pot": status})
        server.report(job_id, "succeeded")
    told = sorted((story.job, story.passes, story.flaky) for story in stories(server))
    assert told == [
        ("check/a", 1, False),
        ("check/b", 0, False),
    ]


def test_the_slowest_come_first(server: RunningServer, build: int) -> None:
    for name, seconds in (("cup", 2), ("pot", 30), ("tea", 5)):
        try_once(server, build, "pass", name=name, seconds=seconds)
    assert names(server, "order=slowest") == ["pot", "tea", "cup"]
    assert names(server, "order=slowest&limit=1") == ["pot"]


def test_filters_and_pages(server: RunningServer, build: int) -> None:
    for name in ("cup", "pot", "tea"):
        try_once(server, build, "pass", name=name)
    assert names(server, "project=shop&pipeline=build") == ["cup", "pot", "tea"]
    assert names(server, "project=1&name=pot") == ["pot"]
    assert names(server, "project=shop&pipeline=ship") == []
    page = server.read(TestList, "/api/v1/tests?limit=2")
    assert names(server, f"limit=2&cursor={page.next_cursor}") == ["tea"]


@pytest.mark.parametrize(
    ("query", "text"), [("pipeline=build", "pipeline needs project"), ("cursor=x", "invalid cursor")]
)
def test_bad_queries_name_what_is_wrong(server: RunningServer, query: str, text: str) -> None:
    answer = server.get(f"/api/v1/tests?{query}")
    assert (answer.status_code, text in answer.text) == (400, True)


def test_tests_of_other_projects_are_not_shown(server: RunningServer, build: int) -> None:
    try_once(server, build, "pass")
    admin, viewer = server.token("admin"), server.token("viewer", projects=["tea"])
    shown: Any = [decode(server.ask("GET", "/api/v1/tests", one).content, TestList).tests for one in (admin, viewer)]
    assert [len(one) for one in shown] == [1, 0]


def test_a_test_is_forgotten_with_the_last_run_that_tried_it(server: RunningServer, build: int) -> None:
    try_once(server, build, "fail", name="old")
    try_once(server, build, "pass", name="pot")
    server.services.retention.retention.run_in_background(threading.Event())
    assert names(server) == ["old", "pot"]
    server.post("/api/v1/retention", {"keep_runs": 1})
    server.services.retention.retention.run_in_background(threading.Event())
    assert names(server) == ["pot"]


def test_a_long_report_tells_of_its_first_tests_alone(server: RunningServer, build: int) -> None:
    server.run(build)
    report(server, {f"test {number:04}": "pass" for number in range(5_100)})
    page = server.read(TestList, "/api/v1/tests?limit=1&name=test 4999")
    assert len(page.tests) == 1
    assert names(server, "name=test 5000") == []
