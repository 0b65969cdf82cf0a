"""`cictl jobs rerun`, `delete`, `clear-queue` and `flush-history`, against a real server."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from cictl_testing.processes import DEADLINE_SECONDS
from cictl_testing.screen import Screen, end
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.jobs.remove import dependants
from tests.cli.conftest import HASTE, Run

CHAIN = "[{id: a, steps: [{run: x}]}, {id: b, needs: [a], steps: [{run: x}]}, {id: c, needs: [b], steps: [{run: x}]}]"


def ids(server: RunningServer) -> list[str]:
    return [found["id"] for found in server.get("/api/v1/jobs").json["job_executions"]]


def finished(server: RunningServer) -> str:
    server.enqueue()
    return server.finish("failed").id


def test_rerun_prints_the_new_job(run: Run, server: RunningServer) -> None:
    old = finished(server)
    ran = run("jobs", "rerun", old, "-o", "name")
    assert ran.code == 0
    assert ids(server) == [ran.out.strip(), old]
    assert ran.err == "enqueued 1/work:2\n"


def test_rerun_as_json_is_the_job(run: Run, server: RunningServer) -> None:
    old = finished(server)
    again = run("jobs", "rerun", old, "-o", "json").json()["job_execution"]
    assert (again["status"], again["metadata"]["pipeline_job_id"]) == ("queued", "work")


@pytest.mark.parametrize("how", ["--wait", "--follow"])
@pytest.mark.parametrize(("result", "code"), [("succeeded", ExitCode.OK), ("failed", ExitCode.FAILED)])
def test_a_waited_rerun_ends_with_the_result(
    run: Run, server: RunningServer, how: str, result: str, code: ExitCode
) -> None:
    old = finished(server)

    fields = {"output_append": "made\n", "output_offset": 0}
    agent = threading.Thread(target=work_once, args=(server, result), kwargs=fields)
    agent.start()
    ran = run("jobs", "rerun", old, how)
    agent.join(DEADLINE_SECONDS)
    assert ran.code == code
    assert ("made" in ran.out) is (how == "--follow")


@pytest.mark.parametrize("patience", [HASTE._replace(poll_seconds=DEADLINE_SECONDS)], ids=["no polls"])
def test_a_wait_ends_when_the_job_does(run: Run, server: RunningServer) -> None:
    """The server's events end it, long before the next look."""
    old = finished(server)
    agent = threading.Thread(target=work_once, args=(server, "succeeded"))
    agent.start()
    ran = run("jobs", "rerun", old, "--wait", "--timeout", str(DEADLINE_SECONDS))
    agent.join(DEADLINE_SECONDS)
    assert ran.code == 0


def work_once(server: RunningServer, result: str, **fields: Any) -> None:
    while (leased := server.lease(wait_seconds=20).job_execution) is None:
        pass
    server.report(leased.id, result, **fields)


def test_rerun_of_what_never_started_is_7(run: Run, server: RunningServer) -> None:
    job_id = server.enqueue()
    ran = run("jobs", "rerun", job_id)
    assert (ran.code, ran.out) == (ExitCode.CONFLICT, "")
    assert "job has not started yet" in ran.err


def test_delete_says_what_ends_with_it(run: Run, server: RunningServer) -> None:
    a, b, c = server.run(server.define(CHAIN))
    ran = run("jobs", "delete", a, "--yes")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == ("this deletes 1/a (shop/build/a) and ends 2 jobs that wait for it: 1/b, 1/c\ndeleted 1/a\n")
    assert sorted(ids(server)) == [b, c]
    assert {server.job(b).status, server.job(c).status} == {"failed"}


def test_delete_of_the_last_one_ends_nothing(run: Run, server: RunningServer) -> None:
    *_, c = server.run(server.define(CHAIN))
    assert run("jobs", "delete", c, "-y").err == "this deletes 1/c (shop/build/c)\ndeleted 1/c\n"


def test_delete_tells_who_had_it(run: Run, server: RunningServer) -> None:
    job_id = server.enqueue()
    server.leased("build-1")
    assert "(shop/build/work, leased by build-1)" in run("jobs", "delete", job_id, "-y").err
    assert ids(server) == []


def test_delete_as_json_is_the_api_shape(run: Run, server: RunningServer) -> None:
    job_id = server.enqueue()
    assert run("jobs", "delete", job_id, "-y", "-o", "json").json() == {"deleted": True, "job_execution_id": job_id}


@pytest.mark.parametrize(
    ("status", "hint"), [("running", "cictl jobs cancel"), ("succeeded", "cictl jobs flush-history")]
)
def test_delete_of_what_started_is_7(run: Run, server: RunningServer, status: str, hint: str) -> None:
    job_id = server.enqueue()
    server.running()
    server.report(job_id, status)
    ran = run("jobs", "delete", job_id, "--yes")
    assert (ran.code, ran.out) == (ExitCode.CONFLICT, "")
    assert f"1/work is {status}; only a job that has not started can be deleted" in ran.err
    assert hint in ran.err


def test_clear_queue_counts_what_dies(run: Run, server: RunningServer) -> None:
    running = server.enqueue()
    server.running("slow")
    server.enqueue()
    server.leased("build-1")
    server.enqueue()
    ran = run("jobs", "clear-queue", "--yes")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == ("this deletes 2 jobs (1 queued, 1 leased): 3/work, 2/work; what runs goes on\ndeleted 2 jobs\n")
    assert ids(server) == [running]


def test_flush_history_counts_what_dies(run: Run, server: RunningServer) -> None:
    for _ in range(6):
        finished(server)
    server.cancel(server.enqueue())
    ran = run("jobs", "flush-history", "--yes")
    newest = ", ".join(f"{number}/work" for number in (7, 6, 5, 4, 3))
    assert ran.err.startswith(f"this deletes 7 jobs (6 failed, 1 cancelled): {newest} and 2 more, with logs, ")
    assert ran.err.endswith("\ndeleted 7 jobs\n")
    assert (ran.code, ids(server)) == (0, [])


def test_flush_history_tells_when_everything_had_to_stay(run: Run, server: RunningServer) -> None:
    jobs = "[{id: a, steps: [{run: x}]}, {id: x, steps: [{run: x}]}, {id: b, needs: [a, x], steps: [{run: x}]}]"
    server.run(server.define(jobs))
    server.finish("succeeded")
    ran = run("jobs", "flush-history", "--yes", "-o", "json")
    assert (ran.code, ran.json()) == (0, {"flushed": 0})
    assert "nothing was deleted" in ran.err


@pytest.mark.parametrize(
    ("verb", "answer"), [("clear-queue", {"cleared": 0}), ("flush-history", {"flushed": 0})], ids=["queue", "history"]
)
def test_nothing_to_remove_is_fine_and_asks_nothing(
    run: Run, server: RunningServer, verb: str, answer: dict[str, int]
) -> None:
    ran = run("jobs", verb, "-o", "json")
    assert (ran.code, ran.json()) == (0, answer)
    assert "is empty already" in ran.err


@pytest.mark.parametrize("verb", ["delete", "clear-queue", "flush-history"])
def test_removal_needs_yes_when_nobody_can_be_asked(run: Run, server: RunningServer, verb: str) -> None:
    over, waiting = finished(server), server.enqueue()
    ran = run("jobs", verb, *([waiting] if verb == "delete" else []))
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert "this deletes" in ran.err
    assert "--yes" in ran.err
    assert ids(server) == [waiting, over]


@pytest.mark.parametrize(("answer", "code", "left"), [("y", ExitCode.OK, 0), ("n", ExitCode.ERROR, 2)])
def test_on_a_terminal_it_asks(screen: Screen, shop: Shop, answer: str, code: ExitCode, left: int) -> None:
    shop.put(job("job-1"), job("job-2"))
    child = screen.start("jobs", "clear-queue", env={"TERM": "dumb"})
    child.expect_exact("this deletes 2 jobs (2 queued)")
    child.expect_exact("clear the queue? [y/N]")
    child.sendline(answer)
    assert (end(child), len(ids(shop.server))) == (code, left)


def test_another_execution_of_the_same_job_keeps_what_waits() -> None:
    """A matrix row or a rerun that is left decides alone."""
    rows = [job(f"job-{n}", metadata={"pipeline_job_id": "m", "matrix_index": str(n)}) for n in (1, 2)]
    after = job("job-3", metadata={"pipeline_job_id": "after", "needs_job_ids": "x,m", "needs_blocked": "1"})
    assert dependants(rows[0], [*rows, after]) == []
    assert dependants(rows[0], [rows[0], after]) == [after]
