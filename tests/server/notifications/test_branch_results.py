"""What the end of a run is called: by the last result of its pipeline and branch, reruns included."""

from __future__ import annotations

from functools import partial

import pytest
from cictl_testing.notifications.telling import (
    define_telling,
    end,
    notifications,
    rerun,
    run,
    start,
    types,
    webhook,
)
from cictl_testing.server import RunningServer

from cictl_server.services.history.run_book import put_run
from cictl_server.store.records.runs import RunRecord

URL = "https://chat.example.test/hook"


@pytest.fixture
def build(server: RunningServer) -> int:
    """A pipeline whose every end is told."""
    return define_telling(server, webhook(URL))


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        pytest.param(["succeeded"], ["succeeded"], id="first-success"),
        pytest.param(["failed"], ["broken"], id="first-failure"),
        pytest.param(["succeeded", "failed", "failed", "succeeded"], ["succeeded", "broken", "still_failing", "fixed"]),
    ],
)
def test_each_end_is_compared_with_the_one_before(
    server: RunningServer, build: int, ends: list[str], told: list[str]
) -> None:
    for status in ends:
        run(server, build, status)
    assert types(server) == told


def test_a_notification_tells_the_run_and_what_was_before(server: RunningServer, build: int) -> None:
    run(server, build, "succeeded")
    run(server, build, "failed")
    found = notifications(server)[-1]
    assert (found.project, found.pipeline, found.branch, found.run) == ("shop", "build", "main", 2)
    assert (found.status, found.previous, found.target, found.state) == ("failed", "succeeded", URL, "waiting")
    assert (found.created_utc, found.attempts) == (server.clock.now, 0)


def test_a_rerun_that_mends_its_run_is_told_once(server: RunningServer, build: int) -> None:
    failed = run(server, build, "failed")
    again = rerun(server, failed, "succeeded")
    assert types(server) == ["broken", "fixed"]
    rerun(server, again, "succeeded")
    assert types(server) == ["broken", "fixed", "succeeded"]
    run(server, build, "succeeded")
    assert types(server)[3:] == ["succeeded"]


def test_a_rerun_of_an_old_run_changes_nothing_for_the_branch(server: RunningServer, build: int) -> None:
    failed = run(server, build, "failed")
    run(server, build, "succeeded")
    rerun(server, failed, "failed")
    run(server, build, "succeeded")
    assert types(server) == ["broken", "fixed", "failed", "succeeded"]


def test_while_a_run_is_run_again_its_former_result_counts(server: RunningServer, build: int) -> None:
    failed = run(server, build, "failed")
    other = start(server, build)
    assert server.post(f"/api/v1/jobs/{failed}/rerun").status_code == 201
    end(server, other, "succeeded")
    assert types(server) == ["broken", "fixed"]


def test_a_retry_is_no_end(server: RunningServer) -> None:
    build = define_telling(
        server, webhook(URL), jobs="[{id: work, retry: {limit: 1, on: [exit: 75]}, steps: [{run: x}]}]"
    )
    start(server, build)
    first = server.running()
    server.report(first.id, "failed", exit_code=75)
    assert types(server) == []
    server.finish("succeeded")
    assert types(server) == ["succeeded"]


def test_a_cancelled_run_says_nothing_of_the_branch(server: RunningServer, build: int) -> None:
    run(server, build, "succeeded")
    server.cancel(start(server, build))
    run(server, build, "failed")
    assert types(server) == ["succeeded", "cancelled", "broken"]


def test_branches_are_compared_each_with_itself(server: RunningServer, build: int) -> None:
    run(server, build, "succeeded", ref="main")
    run(server, build, "failed", ref="dev")
    run(server, build, "succeeded", ref="main")
    assert types(server) == ["succeeded", "broken", "succeeded"]


def test_runs_of_a_tag_are_compared_with_themselves_alone(server: RunningServer, build: int) -> None:
    run(server, build, "failed", ref="refs/tags/v1")
    failed = run(server, build, "failed", ref="refs/tags/v1")
    rerun(server, failed, "succeeded")
    assert types(server) == ["broken", "broken", "fixed"]


def test_runs_without_a_source_are_compared_with_each_other(server: RunningServer, build: int) -> None:
    run(server, build, "succeeded", ref="main")
    for status in ("failed", "failed", "succeeded"):
        run(server, build, status, ref="")
    assert types(server) == ["succeeded", "broken", "still_failing", "fixed"]


@pytest.mark.parametrize("ref", ["refs/pull/7/head", "0123456789"])
def test_pull_requests_and_commits_break_nothing(server: RunningServer, build: int, ref: str) -> None:
    run(server, build, "failed", ref=ref)
    run(server, build, "succeeded", ref=ref)
    assert types(server) == ["failed", "succeeded"]


def test_two_entries_with_one_target_tell_it_once(server: RunningServer) -> None:
    build = define_telling(server, webhook(URL, "broken"), webhook(URL))
    run(server, build, "failed")
    assert types(server) == ["broken"]


def test_a_dry_run_is_not_told(server: RunningServer, build: int) -> None:
    job_id = start(server, build, dry_run=True)
    end(server, job_id, "failed")
    assert types(server) == []


def test_a_run_that_ends_because_its_last_job_is_removed_is_told(server: RunningServer) -> None:
    build = define_telling(server, webhook(URL), jobs="[{id: a, steps: [{run: x}]}, {id: b, steps: [{run: x}]}]")
    server.run(build)
    server.finish("failed")
    server.post("/api/v1/jobs/clear-queue")
    assert types(server) == ["broken"]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        pytest.param(webhook(URL, "broken, fixed"), ["broken", "fixed"], id="changes"),
        pytest.param(webhook(URL, "still_failing"), ["still_failing"], id="still-failing"),
        pytest.param(webhook(URL, rest=", pipelines: [other]"), [], id="other-pipeline"),
        pytest.param(webhook(URL, "broken", ", pipelines: [build]"), ["broken"], id="pipeline"),
        pytest.param(webhook(URL, "broken", ", branches: [main]"), ["broken"], id="branch"),
        pytest.param(webhook(URL, "broken", ", branches: ['**', '!ma*']"), [], id="excluded-branch"),
        pytest.param(webhook(URL, "broken", ", branches: ['!ma*', main]"), ["broken"], id="later-pattern-wins"),
    ],
)
def test_an_entry_gets_what_it_asks_for(server: RunningServer, entry: str, told: list[str]) -> None:
    other = ", {id: other, jobs: [{id: work, steps: [{run: x}]}]}"
    build = define_telling(server, entry, pipelines=other)
    for status in ("succeeded", "failed", "failed", "succeeded"):
        run(server, build, status)
    assert types(server) == told


def test_runs_of_no_branch_are_not_told_to_who_names_branches(server: RunningServer) -> None:
    build = define_telling(server, webhook(URL, rest=", branches: ['**']"))
    run(server, build, "failed", ref="refs/tags/v1")
    assert types(server) == []


def test_a_project_file_that_cannot_be_read_breaks_each_time(server: RunningServer) -> None:
    define_telling(server, webhook(URL, "broken"), webhook("https://other.example.test", rest=", pipelines: [build]"))
    for number in (1, 2):
        failed = RunRecord(
            number=number,
            run_id=f"run-{number}",
            created=server.clock.now,
            finished=server.clock.now,
            parts={},
            project="shop",
            project_id="1",
            ref="refs/heads/main",
            branch="main",
            error="line 1: no YAML",
        )
        server.store.write(partial(put_run, run=failed))
    assert [(found.type, found.pipeline, found.target) for found in notifications(server)] == [("broken", "", URL)] * 2
