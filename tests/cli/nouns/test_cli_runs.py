"""`cictl runs`: lists, single runs, waiting, cancelling, running again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

JOBS = "[{id: make, steps: [{run: x}]}, {id: ship, needs: [make], steps: [{run: y}]}]"


@pytest.fixture
def runs(server: RunningServer) -> RunningServer:
    """A run of shop/build that failed, and one that waits."""
    pipeline = server.define(JOBS)
    server.run(pipeline)
    job = server.running()
    server.report(job.id, "failed", error="exit status 2")
    server.run(pipeline)
    return server


def test_a_list(run: Run, runs: RunningServer) -> None:
    ran = run("runs", "list")
    head, second, first = ran.out.splitlines()
    assert head.split() == ["RUN", "STATUS", "PIPELINE", "REF", "JOBS", "CREATED", "TIME"]
    assert (second.split()[:5], first.split()[:5]) == (
        ["2", "queued", "shop/build", "-", "0/2"],
        ["1", "failed", "shop/build", "-", "2/2"],
    )
    assert max(map(len, ran.out.splitlines())) <= 80
    assert run("runs", "list", "--status", "failed", "-o", "name").out == "1\n"
    assert [one["number"] for one in run("runs", "list", "--pipeline", "build", "-o", "json").json()["runs"]] == [2, 1]
    assert run("runs", "list", "--limit", "1").err == "there are more; --limit 10 shows them\n"
    assert run("runs", "list", "--branch", "dev").err == "no runs match\n"


def test_what_a_list_refuses(run: Run, runs: RunningServer) -> None:
    assert run("runs", "list", "--status", "leased").code == ExitCode.USAGE
    assert run("runs", "list", "--project", "nothing").code == ExitCode.NOT_FOUND
    assert run("runs", "list", "--since", "soon", "--server", "http://127.0.0.1:1").code == ExitCode.USAGE


def test_a_run_is_shown_by_its_number_and_its_id(run: Run, runs: RunningServer) -> None:
    long_id = run("runs", "show", "1", "--query", "id", "-o", "name").out.strip()
    ran = run("runs", "show", "1")
    assert "Status:    failed\n" in ran.out
    assert "1/make failed after 0.0s: exit status 2" in ran.out
    assert "1/ship failed" in ran.out
    assert run("runs", "show", long_id, "-o", "json").json() == run("runs", "show", "1", "-o", "json").json()


def test_the_newest_run_and_that_of_a_pipeline(run: Run, runs: RunningServer) -> None:
    assert run("runs", "show", "@last", "-o", "name").out == "2\n"
    assert run("runs", "show", "shop/build@last", "-o", "name").out == "2\n"
    assert run("runs", "show", "7").code == ExitCode.NOT_FOUND


def test_a_wait_ends_with_the_result(run: Run, runs: RunningServer) -> None:
    assert run("runs", "watch", "1").code == ExitCode.FAILED
    finishing = threading.Thread(target=lambda: [runs.finish("succeeded") for _ in range(2)])
    finishing.start()
    assert run("runs", "watch", "2").code == ExitCode.OK
    finishing.join()


def test_a_cancelled_run(run: Run, runs: RunningServer) -> None:
    ran = run("runs", "cancel", "2")
    assert (ran.code, ran.err) == (0, "run 2: cancelled\n")
    assert run("runs", "watch", "2").code == ExitCode.CANCELLED
    assert run("runs", "cancel", "2").code == ExitCode.CONFLICT
    assert run("runs", "show", "2", "--query", "status", "-o", "name").out == "cancelled\n"


def test_runs_of_a_group_name_each_other(run: Run, server: RunningServer) -> None:
    jobs = "jobs: [{id: ship, steps: [{run: x}]}]"
    text = f"pipelines: [{{id: deploy, concurrency: {{group: live, on_new: replace_waiting}}, {jobs}}}]"
    deploy = server.define_project(text)["deploy"]
    for _ in range(3):
        server.run(deploy)
    assert "2/ship cancelled: superseded by run 3\n" in run("runs", "show", "2").out
    assert run("runs", "watch", "2").code == ExitCode.CANCELLED
    text = "run 1 of shop/deploy holds the group live"
    assert f"3/ship queued: {text}\n" in run("runs", "show", "3").out
    assert text in run("jobs", "list", "-o", "wide", "--run", "3").out
    explained = run("jobs", "explain", "3/ship").out
    assert f"it waits: {text}." in explained
    assert "cictl runs show 1" in explained


def test_a_rerun_of_what_failed(run: Run, runs: RunningServer) -> None:
    ran = run("runs", "rerun", "1", "--failed", "-o", "json")
    assert ran.err == "enqueued 2 jobs of run 1\n"
    assert (ran.json()["status"], len(ran.json()["job_execution_ids"])) == ("queued", 2)
    assert run("runs", "rerun", "1", "--failed").code == ExitCode.CONFLICT
    assert run("runs", "rerun", "1").code == ExitCode.CONFLICT


def test_a_rerun_that_waits_ends_with_the_result(run: Run, runs: RunningServer) -> None:
    runs.post("/api/v1/runs/2/cancel")
    finishing = threading.Thread(target=_finish_when_there, args=(runs,))
    finishing.start()
    assert run("runs", "rerun", "2", "--wait").code == ExitCode.FAILED
    finishing.join()


def _finish_when_there(server: RunningServer) -> None:
    while (job := server.lease(wait_seconds=5).job_execution) is None:
        pass
    server.report(job.id, "failed")


def test_read_only(run: Run, runs: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    for command in (("cancel", "2"), ("rerun", "1", "--failed")):
        assert run("runs", *command).code == ExitCode.NOT_ALLOWED
    assert run("runs", "list").code == 0


def test_a_summary(run: Run, runs: RunningServer) -> None:
    ran = run("runs", "summary", "1")
    assert "1/make failed: exit status 2" in ran.out
    assert "Status:" in ran.out
    data = run("runs", "summary", "1", "-o", "json", "--max-bytes", "2000")
    assert len(data.out.encode()) <= 2000
    assert (data.json()["failed_jobs"][0]["job"], data.json()["truncated"]) == ("1/make", False)
    assert run("runs", "summary", "1", "--max-bytes", "10").code == ExitCode.USAGE


@pytest.fixture
def waiting(server: RunningServer) -> RunningServer:
    """A run of shop/build whose job waits for an approval."""
    server.run(server.define("[{id: ship, approval: {}, matrix: {axes: {to: [eu, us]}}, steps: [{run: x}]}]"))
    return server


@pytest.mark.parametrize("option", ["--wait", "--follow"])
def test_a_wait_goes_on_with_the_execution_that_repeats_a_job(run: Run, server: RunningServer, option: str) -> None:
    server.define("[{id: make, retry: {limit: 1, on: [exit: 75]}, steps: [{run: x}]}, {id: lint, steps: [{run: y}]}]")
    server.heartbeat()
    said: dict[str, Any] = {"output_append": "kneading\n", "output_offset": 0, "output_size": 9}
    ends = iter([("failed", 75), ("succeeded", 0), ("succeeded", 0)])

    def work() -> None:
        for status, exit_code in ends:
            eventually(lambda: server.lease("a").assigned, what="a job")
            [job] = server.get("/api/v1/jobs?status=leased").json["job_executions"]
            server.report(job["id"], "running")
            server.report(job["id"], status, exit_code=exit_code, **said)

    working = threading.Thread(target=work)
    working.start()
    ran = run("run", "shop/build", option)
    working.join()
    assert ran.code == ExitCode.OK
    assert "make: the server runs it again, as 1/make:2" in ran.err
    assert ran.out.count("kneading") == (3 if option == "--follow" else 0)


def test_an_approval_is_shown_with_its_reason(run: Run, waiting: RunningServer) -> None:
    assert "1/ship/eu queued: it needs an approval by an operator or an admin" in run("runs", "show", "1").out
    ran = run("runs", "approve", "1/ship/eu", "--reason", "tests look good")
    assert (ran.code, ran.err) == (ExitCode.OK, "1/ship/eu: approved\n")
    assert "1/ship/eu queued, approved: tests look good" in run("runs", "show", "1").out
    assert "Decision:" in run("jobs", "show", "1/ship/eu").out
    again = run("runs", "approve", "1/ship/eu")
    assert (again.code, "1/ship/eu was approved already" in again.err) == (ExitCode.CONFLICT, True)


def test_a_rejection_needs_a_reason(run: Run, waiting: RunningServer) -> None:
    assert run("runs", "reject", "1/ship").code == ExitCode.USAGE
    ran = run("runs", "reject", "shop/build@last/ship", "--reason", "not on a Friday", "-o", "json").json()
    assert (ran["status"], {job["error"] for job in ran["jobs"]}) == ("failed", {"rejected: not on a Friday"})


def test_what_is_to_be_approved_is_named_by_a_job_too(run: Run, waiting: RunningServer) -> None:
    [us] = [job for job in run("runs", "show", "1", "-o", "json").json()["jobs"] if job["name"] == "1/ship/us"]
    assert run("runs", "approve", us["id"]).code == ExitCode.OK
    assert waiting.leased().facts.matrix_name == "us"
    assert run("runs", "approve", "1").code == ExitCode.CONFLICT
    assert run("runs", "approve", "9/ship").code == ExitCode.NOT_FOUND
