"""`cictl run`, `cictl pipelines run` and `cictl jobs watch`: waits that tell the truth."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from cictl_testing.shop import Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.jobs import CANCELLED_BY_USER, Cause, JobExecution, JobStatus
from cictl.wire.problems import Code
from tests.cli.conftest import EAGER, Run

ONE = "shop/build/compile"
RUNNING, FAILED, SUCCEEDED = JobStatus.RUNNING, JobStatus.FAILED, JobStatus.SUCCEEDED


@pytest.fixture
def one(shop: Shop) -> Shop:
    """A server where a run of `ONE` creates job-2, which succeeds when its state is asked for."""
    shop.append("job-2", b"hello\n")
    shop.when_asked(shop.finish)
    return shop


@pytest.fixture
def two(shop: Shop) -> Shop:
    """A server where a run of shop/build creates job-2 and job-3, which succeed when their states are asked for."""
    shop.append("job-2", b"one\nmore")
    shop.append("job-3", b"two\n")
    shop.when_asked(shop.finish)
    return shop


def failing(shop: Shop, error: str, **fields: Any) -> Callable[[str], None]:
    return lambda job_id: shop.finish(job_id, FAILED, error=error, exit_code=3, **fields)


def test_run_prints_the_ids(cli: Run, two: Shop) -> None:
    ran = cli("run", "shop/build")
    assert ran.code == 0
    assert [line.split()[:4] for line in ran.out.splitlines()] == [
        ["ID", "STATUS", "RUN", "PIPELINE"],
        ["1/compile", "queued", "1", "shop/build"],
        ["1/test/linux", "queued", "1", "shop/build"],
    ]
    assert ran.err == "run 1 of shop/build: 2 jobs\n"


@pytest.mark.parametrize(("how", "status"), [((), "queued"), (("--wait",), "succeeded"), (("-f",), "succeeded")])
def test_run_as_json_has_one_shape(cli: Run, one: Shop, how: tuple[str, ...], status: str) -> None:
    shown = cli("run", ONE, *how, "-o", "json").json()
    assert (shown["run_number"], shown["job_execution_ids"], shown["pipeline_run_id"]) == (1, ["job-2"], "run-1")
    assert [(j["id"], j["status"]) for j in shown["job_executions"]] == [("job-2", status)]


@pytest.mark.parametrize(
    ("target", "sent_to", "job_id"),
    [
        pytest.param("shop/build", "pipelines/7/run-selection", None, id="pipeline"),
        pytest.param("7", "pipelines/7/run-selection", None, id="database id"),
        pytest.param("build", "pipelines/7/run-selection", None, id="unique name"),
        pytest.param("sh/bu", "pipelines/7/run-selection", None, id="beginnings"),
        pytest.param("shop/build/compile", "pipelines/7/run-selection", "compile", id="job"),
        pytest.param("sh/bu/co", "pipelines/7/run-selection", "compile", id="beginning of a job"),
        pytest.param("release", "pipeline-chains/2/run", None, id="chain"),
        pytest.param("shop/release", "pipeline-chains/2/run", None, id="chain of a project"),
    ],
)
def test_targets(cli: Run, one: Shop, target: str, sent_to: str, job_id: str | None) -> None:
    assert cli("run", target).code == 0
    [(path, request)] = one.gate.sent
    assert (path, request.get("pipeline_job_id")) == (f"POST /api/v1/{sent_to}", job_id)


def test_options_reach_the_server(cli: Run, one: Shop) -> None:
    cli("run", "build", "--matrix", "linux", "--dry-run", "--ref", "topic", "--agent", "build-1")
    asked = {"matrix_name": "linux", "dry_run": True, "source_ref": "topic", "agent_id": "build-1"}
    assert one.gate.sent[0][1].items() >= asked.items()


def test_a_job_takes_its_needs_along_unless_it_is_to_run_alone(cli: Run, shop: Shop) -> None:
    assert "run 1 of shop/build/test: 2 jobs" in cli("run", "shop/build/test").err
    assert "run 2 of shop/build/test: 1 job\n" in cli("run", "shop/build/test", "--only").err
    shown = cli("pipelines", "preview", "shop/build/test", "-o", "name").out
    assert shown.splitlines() == ["compile", "test/linux"]
    assert cli("pipelines", "preview", "shop/build/test", "--only", "-o", "name").out == "test/linux\n"


def test_matrix_index_zero_is_sent(cli: Run, one: Shop) -> None:
    cli("run", "build", "--matrix-index", "0")
    assert one.gate.sent[0][1]["matrix_index"] == 0


@pytest.mark.parametrize("target", ["shop/nothing", "shop/build/tset", "nothing", "99"])
def test_unknown_target_is_5(shown: Run, showcase: Shop, target: str) -> None:
    ran = shown("run", target)
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert ("did you mean test?" in ran.err) is target.endswith("tset")
    assert showcase.gate.posts() == []


def test_pipelines_run_takes_no_chain(cli: Run, one: Shop) -> None:
    assert cli("pipelines", "run", "release").code == ExitCode.NOT_FOUND
    assert cli("pipelines", "run", "build").code == 0


def test_refused_run_shows_the_reason(cli: Run, one: Shop) -> None:
    ran = cli("run", "build", "--matrix", "none")
    assert (ran.code, ran.out) == (ExitCode.ERROR, "")
    assert "selection matched no matrix entries" in ran.err


def test_wait_ends_with_success(cli: Run, one: Shop) -> None:
    ran = cli("run", ONE, "--wait")
    assert (ran.code, ran.out) == (0, "")
    assert "1/compile: succeeded after 1m05s\n" in ran.err


def test_wait_as_json_shows_how_it_ended(cli: Run, one: Shop) -> None:
    jobs = cli("run", ONE, "--wait", "-o", "json").json()["job_executions"]
    assert [(j["id"], j["status"], "output" in j) for j in jobs] == [("job-2", "succeeded", False)]


def test_wait_shows_the_failed_step_and_the_end_of_its_log(cli: Run, one: Shop) -> None:
    one.append("job-2", b"".join(b"line %d\n" % number for number in range(30)))
    one.when_asked(failing(one, "Step 1/2: build: exit status 3"))
    ran = cli("run", ONE, "--wait")
    assert (ran.code, ran.out) == (ExitCode.FAILED, "")
    assert "1/compile: failed after 1m05s: Step 1/2: build: exit status 3\n" in ran.err
    assert "  line 29\n" in ran.err
    assert "  line 9\n" not in ran.err


def test_failure_without_a_step_in_its_error_names_the_last_one_seen(cli: Run, one: Shop) -> None:
    def steps(job_id: str) -> None:
        if one.job(job_id).status is RUNNING:
            failing(one, "job timed out", current_step="")(job_id)
        else:
            one.change(job_id, status=RUNNING, current_step="Step 2/2: test")

    one.when_asked(steps)
    assert "1/compile failed in Step 2/2: test\n" in cli("run", ONE, "--wait").err


def test_an_error_that_names_its_step_is_told_once(cli: Run, one: Shop) -> None:
    """The step that was seen last is an earlier one."""

    def steps(job_id: str) -> None:
        if one.job(job_id).status is RUNNING:
            failing(one, "Step 1/1: make: exit status 1", failed_step=1, cause=Cause.STEP_FAILED)(job_id)
        else:
            one.change(job_id, status=RUNNING, current_step="Checking out source")

    one.when_asked(steps)
    assert "failed in" not in cli("run", ONE, "--wait").err


def test_cancelled_run_is_4(cli: Run, one: Shop) -> None:
    one.when_asked(failing(one, CANCELLED_BY_USER, cause=Cause.CANCELLED))
    ran = cli("run", ONE, "--wait")
    assert ran.code == ExitCode.CANCELLED
    assert "1/compile: cancelled" in ran.err


def test_follow_prints_the_log_of_one_job_as_it_is(cli: Run, one: Shop) -> None:
    ran = cli("run", ONE, "--follow")
    assert (ran.code, ran.out) == (0, "hello\n")


def test_follow_labels_the_lines_of_several_jobs_and_sums_up_on_stderr(cli: Run, two: Shop) -> None:
    ran = cli("run", "build", "-f")
    assert ran.code == 0
    assert sorted(ran.out.splitlines()) == ["compile | more", "compile | one", "test/linux | two"]
    assert ran.err.splitlines()[-2:] == [
        "1/compile     succeeded  1m05s  -",
        "1/test/linux  succeeded  1m05s  -",
    ]


def test_follow_as_json_keeps_stdout_for_the_result(cli: Run, one: Shop) -> None:
    ran = cli("run", ONE, "-f", "-o", "json")
    assert ran.json()["job_executions"][0]["id"] == "job-2"
    assert "hello" in ran.err


def test_follow_names_the_failed_step(cli: Run, one: Shop) -> None:
    one.when_asked(failing(one, "Step 2/2: test: exit status 1"))
    ran = cli("run", ONE, "-f")
    assert (ran.code, ran.out) == (ExitCode.FAILED, "hello\n")
    assert "1/compile: failed after 1m05s: Step 2/2: test: exit status 1\n" in ran.err


def test_jobs_of_one_name_are_told_apart(cli: Run, shop: Shop) -> None:
    jobs = "jobs: [{id: compile, steps: [{run: make}]}]"
    shop.server.define_project(
        f"pipelines: [{{id: a, {jobs}}}, {{id: b, {jobs}}}]\npipeline_chains: [{{id: both, pipelines: [a, b]}}]"
    )
    for job_id in ("job-4", "job-5"):
        shop.append(job_id, b"hello\n")
    shop.when_asked(shop.finish)
    assert {line.split(" |")[0] for line in cli("run", "both", "-f").out.splitlines()} == {"a/compile", "b/compile"}


def test_many_jobs_show_the_logs_of_failed_ones_only(cli: Run, shop: Shop) -> None:
    rows = ", ".join(f"{{name: n{n}}}" for n in range(2, 27))
    part = f"{{id: part, matrix: {{include: [{rows}]}}, steps: [{{run: make}}]}}"
    shop.server.define_project(f"pipelines: [{{id: many, jobs: [{part}]}}]")
    for n in range(2, 27):
        shop.append(f"job-{n}", b"log of job-%d\n" % n)
    shop.when_asked(lambda job_id: shop.finish(job_id, FAILED if job_id == "job-16" else SUCCEEDED))
    ran = cli("run", "many", "--follow")
    assert (ran.code, ran.out) == (ExitCode.FAILED, "part/n16 | log of job-16\n")


def test_time_limit_is_8_and_says_how_to_attach(cli: Run, one: Shop) -> None:
    one.when_asked(lambda _: None)
    ran = cli("run", ONE, "--wait", "--timeout", "0.05")
    assert (ran.code, ran.out) == (ExitCode.TIMED_OUT, "")
    assert ran.err.endswith("try: cictl jobs watch 1/compile\n")
    data = cli("run", ONE, "--wait", "--timeout", "0.05", "-o", "json")
    assert (data.code, data.out, data.error()["code"]) == (ExitCode.TIMED_OUT, "", "wait_timed_out")


@pytest.mark.parametrize("patience", [EAGER], ids=["eager"])
def test_time_limit_without_any_fitting_agent_is_11(cli: Run, shop: Shop) -> None:
    shop.put(job("job-1", required_capabilities={"requires.tool.go": "*"}))
    ran = cli("jobs", "watch", "job-1", "--timeout", "0.3")
    assert ran.code == ExitCode.NO_AGENT
    assert ran.err.count("no agent can take it: missing tool go") == 1
    assert "`cictl jobs explain job-1`" in ran.err


def test_wait_goes_on_through_server_errors(cli: Run, one: Shop) -> None:
    def break_down(job_id: str) -> None:
        one.gate.refuse(f"GET /api/v1/jobs/{job_id}", 503, Code.INTERNAL, "restarting", times=6)
        one.when_asked(one.finish)

    one.when_asked(break_down)
    ran = cli("run", ONE, "--wait")
    assert ran.code == 0
    assert "connection lost (restarting" in ran.err
    assert "connected again\n" in ran.err


def test_wait_ends_when_the_job_is_gone(cli: Run, one: Shop) -> None:
    one.when_asked(lambda job_id: one.gate.refuse(f"GET /api/v1/jobs/{job_id}", 404, Code.NOT_FOUND, "job not found"))
    ran = cli("run", ONE, "--wait")
    assert ran.code == ExitCode.NOT_FOUND
    assert "job not found" in ran.err


def test_interrupt_detaches_and_leaves_the_job_alone(cli: Run, one: Shop) -> None:
    one.when_asked(lambda _: press_ctrl_c())
    ran = cli("run", ONE, "--wait")
    assert ran.code == ExitCode.INTERRUPTED
    assert "Attach again with: cictl jobs watch 1/compile" in ran.err
    assert not one.job("job-2").status.is_terminal


def test_interrupt_cancels_when_told_to(cli: Run, one: Shop) -> None:
    one.when_asked(lambda _: press_ctrl_c())
    ran = cli("run", ONE, "--wait", "--cancel-on-interrupt")
    assert ran.code == ExitCode.INTERRUPTED
    assert one.job("job-2").error == CANCELLED_BY_USER


def press_ctrl_c() -> None:
    """Send this process the signal, which Python handles in the main thread."""
    os.kill(os.getpid(), signal.SIGINT)


def watched(shop: Shop, *jobs: JobExecution) -> None:
    shop.put(*jobs)
    shop.when_asked(shop.finish)


def test_watch_by_id(cli: Run, shop: Shop) -> None:
    watched(shop, job("job-1"), job("job-2"), job("job-3"))
    ran = cli("jobs", "watch", "1", "job-2", "-o", "name")
    assert (ran.code, ran.out) == (0, "job-1\njob-2\n")


def test_watch_a_run(cli: Run, shop: Shop) -> None:
    test = job("job-2", metadata={"pipeline_job_id": "test"})
    watched(shop, job("job-1"), test, job("job-3", metadata={"pipeline_run_id": "run-2"}))
    assert cli("jobs", "watch", "--run", "run-1", "-o", "name").out == "job-1\njob-2\n"


def test_watch_an_unknown_run(cli: Run, shop: Shop) -> None:
    watched(shop, job("job-1"))
    assert cli("jobs", "watch", "--run", "run-9").code == ExitCode.NOT_FOUND


def test_watch_is_3_when_one_failed(cli: Run, shop: Shop) -> None:
    watched(shop, job("job-1"), job("job-2"))
    shop.when_asked(lambda job_id: shop.finish(job_id, FAILED if job_id == "job-2" else SUCCEEDED))
    assert cli("jobs", "watch", "job-1", "job-2").code == ExitCode.FAILED


def test_a_project_alone_is_told_what_it_has(shown: Run, showcase: Shop) -> None:
    ran = shown("run", "shop")
    assert ran.code == ExitCode.NOT_FOUND
    assert "shop is a project; name one of its own: shop/build, shop/deploy, shop/release" in ran.err
