"""`cictl run`, `cictl pipelines run` and `cictl jobs watch`: waits that tell the truth."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from cictl_testing.fake_server import FakeServer, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.jobs import wait as following
from cictl.wire.jobs import CANCELLED_BY_USER, Cause, JobExecution, JobStatus
from cictl.wire.problems import Code
from tests.cli.conftest import Run

RUNNING, FAILED, SUCCEEDED = JobStatus.RUNNING, JobStatus.FAILED, JobStatus.SUCCEEDED


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(following, "RETRY_SECONDS", 0.01)


@pytest.fixture
def one(fake: FakeServer) -> FakeServer:
    """A server where a run creates one execution, which succeeds when its state is asked for."""
    fake.enqueue = [job("job-1")]
    fake.logs["job-1"] = b"hello\n"
    fake.on_state = fake.finish
    return fake


@pytest.fixture
def two(fake: FakeServer) -> FakeServer:
    """A server where a run creates two executions, which succeed when their states are asked for."""
    linux = {"pipeline_job_id": "test", "matrix_name": "linux"}
    fake.enqueue = [job("job-1"), job("job-2", metadata=linux)]
    fake.logs = {"job-1": b"one\nmore", "job-2": b"two\n"}
    fake.on_state = fake.finish
    return fake


def failing(fake: FakeServer, error: str, **fields: Any) -> Callable[[str], None]:
    return lambda job_id: fake.finish(job_id, FAILED, error=error, exit_code=3, **fields)


def test_run_prints_the_ids_and_how_to_follow(faked: Run, two: FakeServer) -> None:
    ran = faked("run", "shop/build")
    assert ran.code == 0
    assert [line.split() for line in ran.out.splitlines()[1:]] == [
        ["job-1", "shop/build", "run-1"],
        ["job-2", "shop/build", "run-1"],
    ]
    assert ran.err == "enqueued 2 jobs of shop/build as run-1\nfollow with: cictl jobs watch --run run-1\n"


def test_run_as_json_is_the_api_shape(faked: Run, one: FakeServer) -> None:
    assert faked("run", "shop/build", "-o", "json").json()["job_execution_ids"] == ["job-1"]


@pytest.mark.parametrize(
    ("target", "sent_to", "job_id"),
    [
        pytest.param("shop/build", "pipelines/7", "", id="pipeline"),
        pytest.param("7", "pipelines/7", "", id="database id"),
        pytest.param("build", "pipelines/7", "", id="unique name"),
        pytest.param("sh/dep", "pipelines/8", "", id="beginnings"),
        pytest.param("shop/build/test", "pipelines/7", "test", id="job"),
        pytest.param("sh/bu/te", "pipelines/7", "test", id="beginning of a job"),
        pytest.param("release", "pipeline-chains/2", "", id="chain"),
        pytest.param("shop/release", "pipeline-chains/2", "", id="chain of a project"),
    ],
)
def test_targets(faked: Run, one: FakeServer, target: str, sent_to: str, job_id: str) -> None:
    assert faked("run", target).code == 0
    path, request = one.run_requests[0]
    assert (path, request.pipeline_job_id) == (sent_to, job_id)


def test_options_reach_the_server(faked: Run, one: FakeServer) -> None:
    faked("run", "build", "--matrix", "linux", "--dry-run", "--ref", "topic", "--agent", "build-1")
    request = one.run_requests[0][1]
    assert (request.matrix_name, request.dry_run, request.source_ref) == ("linux", True, "topic")
    assert request.agent_id == "build-1"


def test_matrix_index_zero_is_sent(faked: Run, one: FakeServer) -> None:
    faked("run", "build", "--matrix-index", "0")
    assert one.run_requests[0][1].matrix_index == 0


@pytest.mark.parametrize("target", ["shop/nothing", "shop/build/tset", "nothing", "99"])
def test_unknown_target_is_5(faked: Run, one: FakeServer, target: str) -> None:
    ran = faked("run", target)
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert one.posts() == []


def test_typo_in_a_job_is_answered_with_a_suggestion(faked: Run, one: FakeServer) -> None:
    assert "did you mean test?" in faked("run", "shop/build/tset").err


def test_pipelines_run_takes_no_chain(faked: Run, one: FakeServer) -> None:
    assert faked("pipelines", "run", "release").code == ExitCode.NOT_FOUND
    assert faked("pipelines", "run", "build").code == 0


def test_refused_run_shows_the_reason(faked: Run, one: FakeServer) -> None:
    title = "selection matched no matrix entries"
    one.refuse("POST /api/v1/pipelines/7/run-selection", 400, Code.INVALID_REQUEST, title)
    ran = faked("run", "build", "--matrix", "none")
    assert (ran.code, ran.out) == (ExitCode.ERROR, "")
    assert title in ran.err


def test_wait_ends_with_success(faked: Run, one: FakeServer) -> None:
    ran = faked("run", "build", "--wait")
    assert (ran.code, ran.out) == (0, "")
    assert "job-1: succeeded after 1m05s\n" in ran.err


def test_wait_as_json_shows_how_it_ended(faked: Run, one: FakeServer) -> None:
    jobs = faked("run", "build", "--wait", "-o", "json").json()["job_executions"]
    assert [(j["id"], j["status"], "output" in j) for j in jobs] == [("job-1", "succeeded", False)]


def test_wait_shows_the_failed_step_and_the_end_of_its_log(faked: Run, one: FakeServer) -> None:
    one.logs["job-1"] = b"".join(b"line %d\n" % number for number in range(30))
    one.on_state = failing(one, "Step 1/2: build: exit status 3")
    ran = faked("run", "build", "--wait")
    assert (ran.code, ran.out) == (ExitCode.FAILED, "")
    assert "job-1: failed after 1m05s: Step 1/2: build: exit status 3\n" in ran.err
    assert "  line 29\n" in ran.err
    assert "  line 9\n" not in ran.err


def test_failure_without_a_step_in_its_error_names_the_last_one_seen(faked: Run, one: FakeServer) -> None:
    def steps(job_id: str) -> None:
        if one.jobs[job_id].status is RUNNING:
            failing(one, "job timed out", current_step="")(job_id)
        else:
            one.change(job_id, status=RUNNING, current_step="Step 2/2: test")

    one.on_state = steps
    assert "job-1 failed in Step 2/2: test\n" in faked("run", "build", "--wait").err


def test_cancelled_run_is_4(faked: Run, one: FakeServer) -> None:
    one.on_state = failing(one, CANCELLED_BY_USER, cause=Cause.CANCELLED)
    ran = faked("run", "build", "--wait")
    assert ran.code == ExitCode.CANCELLED
    assert "job-1: cancelled" in ran.err


def test_follow_prints_the_log_of_one_job_as_it_is(faked: Run, one: FakeServer) -> None:
    ran = faked("run", "build", "--follow")
    assert (ran.code, ran.out) == (0, "hello\n")


def test_follow_labels_the_lines_of_several_jobs(faked: Run, two: FakeServer) -> None:
    ran = faked("run", "build", "-f")
    assert ran.code == 0
    assert sorted(ran.out.splitlines()) == ["compile | more", "compile | one", "test/linux | two"]


def test_follow_ends_with_a_summary_on_stderr(faked: Run, two: FakeServer) -> None:
    assert faked("run", "build", "-f").err.splitlines()[-2:] == [
        "compile     succeeded  1m05s  job-1  -",
        "test/linux  succeeded  1m05s  job-2  -",
    ]


def test_follow_as_json_keeps_stdout_for_the_result(faked: Run, one: FakeServer) -> None:
    ran = faked("run", "build", "-f", "-o", "json")
    assert ran.json()["job_executions"][0]["id"] == "job-1"
    assert "hello" in ran.err


def test_follow_names_the_failed_step(faked: Run, one: FakeServer) -> None:
    one.on_state = failing(one, "Step 2/2: test: exit status 1")
    ran = faked("run", "build", "-f")
    assert (ran.code, ran.out) == (ExitCode.FAILED, "hello\n")
    assert "job-1: failed after 1m05s: Step 2/2: test: exit status 1\n" in ran.err


def test_jobs_of_one_name_are_told_apart(faked: Run, two: FakeServer) -> None:
    two.enqueue = [job("job-1"), job("job-2", metadata={"pipeline_id": "deploy"})]
    assert {line.split(" |")[0] for line in faked("run", "release", "-f").out.splitlines()} == {
        "build/compile",
        "deploy/compile",
    }


def test_many_jobs_show_the_logs_of_failed_ones_only(faked: Run, fake: FakeServer) -> None:
    fake.enqueue = [job(f"job-{n}", metadata={"pipeline_job_id": f"part-{n}"}) for n in range(10, 35)]
    fake.logs = {j.id: b"log of %s\n" % j.id.encode() for j in fake.enqueue}
    fake.on_state = lambda job_id: fake.finish(job_id, FAILED if job_id == "job-17" else SUCCEEDED)
    ran = faked("run", "build", "--follow")
    assert (ran.code, ran.out) == (ExitCode.FAILED, "part-17 | log of job-17\n")


def test_time_limit_is_8_and_says_how_to_attach(faked: Run, one: FakeServer) -> None:
    one.on_state = lambda _: None
    ran = faked("run", "build", "--wait", "--timeout", "0.05")
    assert (ran.code, ran.out) == (ExitCode.TIMED_OUT, "")
    assert ran.err.endswith("try: cictl jobs watch job-1\n")


def test_time_limit_as_json(faked: Run, one: FakeServer) -> None:
    one.on_state = lambda _: None
    ran = faked("run", "build", "--wait", "--timeout", "0.05", "-o", "json")
    assert (ran.code, ran.out, ran.error()["code"]) == (ExitCode.TIMED_OUT, "", "wait_timed_out")


def test_time_limit_without_any_fitting_agent_is_11(
    faked: Run, one: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "UNMET_AFTER_SECONDS", 0.0)
    one.enqueue = [job("job-1", unmet_requirements=["missing tool go"])]
    one.on_state = lambda _: None
    ran = faked("run", "build", "--wait", "--timeout", "0.3")
    assert ran.code == ExitCode.NO_AGENT
    assert ran.err.count("no agent can take it: missing tool go") == 1
    assert "`cictl jobs explain job-1`" in ran.err


def test_wait_goes_on_through_server_errors(faked: Run, one: FakeServer) -> None:
    def break_down(job_id: str) -> None:
        one.refuse(f"GET /api/v1/jobs/{job_id}", 503, Code.INTERNAL, "restarting", times=6)
        one.on_state = one.finish

    one.on_state = break_down
    ran = faked("run", "build", "--wait")
    assert ran.code == 0
    assert "connection lost (restarting" in ran.err
    assert "connected again\n" in ran.err


def test_wait_ends_when_the_job_is_gone(faked: Run, one: FakeServer) -> None:
    one.on_state = lambda job_id: one.refuse(f"GET /api/v1/jobs/{job_id}", 404, Code.NOT_FOUND, "job not found")
    ran = faked("run", "build", "--wait")
    assert ran.code == ExitCode.NOT_FOUND
    assert "job not found" in ran.err


def test_interrupt_detaches_and_leaves_the_job_alone(faked: Run, one: FakeServer) -> None:
    one.on_state = lambda _: press_ctrl_c()
    ran = faked("run", "build", "--wait")
    assert ran.code == ExitCode.INTERRUPTED
    assert "Attach again with: cictl jobs watch job-1" in ran.err
    assert not one.jobs["job-1"].status.is_terminal


def test_interrupt_cancels_when_told_to(faked: Run, one: FakeServer) -> None:
    one.on_state = lambda _: press_ctrl_c()
    ran = faked("run", "build", "--wait", "--cancel-on-interrupt")
    assert ran.code == ExitCode.INTERRUPTED
    assert one.jobs["job-1"].error == CANCELLED_BY_USER


def press_ctrl_c() -> None:
    """Send this process the signal, which Python handles in the main thread."""
    os.kill(os.getpid(), signal.SIGINT)


def watched(fake: FakeServer, *jobs: JobExecution) -> None:
    fake.jobs = {j.id: j for j in jobs}
    fake.on_state = fake.finish


def test_watch_by_id(faked: Run, fake: FakeServer) -> None:
    watched(fake, job("job-1"), job("job-2"), job("job-3"))
    ran = faked("jobs", "watch", "1", "job-2", "-o", "name")
    assert (ran.code, ran.out) == (0, "job-1\njob-2\n")


def test_watch_a_run(faked: Run, fake: FakeServer) -> None:
    watched(fake, job("job-1"), job("job-2"), job("job-3", metadata={"pipeline_run_id": "run-2"}))
    assert faked("jobs", "watch", "--run", "run-1", "-o", "name").out == "job-1\njob-2\n"


def test_watch_an_unknown_run(faked: Run, fake: FakeServer) -> None:
    watched(fake, job("job-1"))
    assert faked("jobs", "watch", "--run", "run-9").code == ExitCode.NOT_FOUND


def test_watch_is_3_when_one_failed(faked: Run, fake: FakeServer) -> None:
    watched(fake, job("job-1"), job("job-2"))
    fake.on_state = lambda job_id: fake.finish(job_id, FAILED if job_id == "job-2" else SUCCEEDED)
    assert faked("jobs", "watch", "job-1", "job-2").code == ExitCode.FAILED


def test_attach_command_repeats_the_server(faked: Run, one: FakeServer) -> None:
    assert f"cictl jobs watch job-1 --server {one.url}" in faked("run", "build", "--server", one.url).err


def test_a_project_alone_is_told_what_it_has(faked: Run, fake: FakeServer) -> None:
    ran = faked("run", "shop")
    assert ran.code == ExitCode.NOT_FOUND
    assert "shop is a project; name one of its own: shop/build, shop/deploy, shop/release" in ran.err
