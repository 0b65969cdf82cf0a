"""`GET runs/{run}/summary`: short whatever the run has, and true."""

from __future__ import annotations

import os
import time

import pytest
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.cli.output.data import to_json
from cictl.wire.codec import decode
from cictl.wire.jobs import Step, StepEvent
from cictl.wire.results.reports import TestCase, TestReport, TestReportUpload, TestSuite
from cictl.wire.runs import RunSummary
from cictl_server.store.contract import Transaction

ONE_JOB = "[{id: make, steps: [{name: Warm, run: warm}, {name: Pour, run: pour}]}]"


def summary(server: RunningServer, run: int = 1, *, max_bytes: int = 4000) -> RunSummary:
    answer = server.get(f"/api/v1/runs/{run}/summary", params={"max_bytes": max_bytes})
    assert answer.status_code == 200, answer.text
    found = decode(answer.content, RunSummary)
    assert len(answer.content) <= max_bytes
    assert len(to_json(found).encode()) <= max_bytes
    return found


def fail(server: RunningServer, output: str, *, step: int = 0, error: str = "it broke") -> str:
    """Lease a job, and fail it with this log, whose last bytes from *step* on are those of its second step."""
    job = server.running()
    begun = [
        StepEvent(type="step.started", step=Step(index=index, total=2, name=f"step {index}"), log_offset=offset)
        for index, offset in ((1, 0), (2, step))
    ]
    answer = server.report(job.id, "failed", output_append=output, output_offset=0, error=error, events=begun)
    assert answer.status_code == 200, answer.text
    return job.id


def test_a_failed_job_tells_its_step_and_the_end_of_the_steps_log(server: RunningServer) -> None:
    server.run(server.define(ONE_JOB))
    fail(server, "warm\n\x1b[31mpour\x1b[0m\rit\x07 broke\n", step=5)
    found = summary(server)
    [job] = found.failed_jobs
    assert (job.job, job.step, job.error, job.tail) == ("1/make", "Pour", "it broke", "pour\nit broke")
    assert (found.status, found.counts.failed, found.truncated, found.jobs) == ("failed", 1, False, [])


def test_a_success_has_nothing_to_tell(server: RunningServer) -> None:
    server.run(server.define(ONE_JOB))
    server.finish("succeeded")
    found = summary(server)
    assert (found.failed_jobs, found.failed_tests, found.since_last_success, found.truncated) == ([], [], [], False)


def test_what_ran_since_the_last_success(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    for end in ("succeeded", "failed", "failed"):
        server.run(pipeline)
        server.finish(end)
    assert summary(server, 3).since_last_success == ["3", "2"]
    assert summary(server, 1).since_last_success == []


def test_failed_tests_come_with_their_text(server: RunningServer) -> None:
    server.run(server.define(ONE_JOB))
    job = server.running()
    cases = [
        TestCase(name="ok", status="pass"),
        TestCase(package="tea", name="pot", status="fail", output="cold\x1b[0m\n"),
    ]
    report = TestReport(total=2, passed=1, failed=1, suites=[TestSuite(format="junit-xml", total=2, cases=cases)])
    assert server.post(f"/api/v1/jobs/{job.id}/tests", TestReportUpload(agent_id="a", report=report)).status_code == 200
    server.report(job.id, "failed")
    assert [(test.name, test.text) for test in summary(server).failed_tests] == [("tea.pot", "cold")]


def test_the_end_of_a_long_log_begins_with_a_whole_line(server: RunningServer) -> None:
    server.run(server.define(ONE_JOB))
    fail(server, "".join(f"line {number} of the log\n" for number in range(5000)))
    found = summary(server)
    lines = found.failed_jobs[0].tail.splitlines()
    assert (lines[-1], lines[-2]) == ("line 4999 of the log", "line 4998 of the log")
    assert all(line.startswith("line ") for line in lines[1:])
    assert len(lines) > 10


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x", id="plain"),
        pytest.param('"\\', id="quotes"),
        pytest.param("\N{SNOWMAN}", id="long characters"),
        pytest.param("\x01\x02", id="controls"),
        pytest.param("\u202e", id="turns"),
        pytest.param("a\n", id="short lines"),
    ],
)
@pytest.mark.parametrize("max_bytes", [2000, 2500, 4000, 20_000])
def test_it_is_never_too_long(server: RunningServer, text: str, max_bytes: int) -> None:
    rows = ", ".join(f"{{name: row{number}}}" for number in range(12))
    server.run(server.define(f"[{{id: make, matrix: {{include: [{rows}]}}, steps: [{{run: ls}}]}}]"))
    for _ in range(12):
        fail(server, text * 3000, error=text * 300)
    server.store.write(lambda tx: crowd(tx, text))
    found = summary(server, max_bytes=max_bytes)
    assert found.truncated
    assert found.failed_jobs or max_bytes < 4000


def crowd(tx: Transaction, text: str) -> None:
    """Let the run tell much of itself."""
    run, long = tx.runs.find(1), text * 1000
    assert run is not None
    inputs = {"a": long, "b": long}
    tx.runs.put(replace(run, message=long, author=long, ref=long, inputs=inputs, warnings=[long] * 200))


def test_all_failed_jobs_are_told_where_there_is_room(server: RunningServer) -> None:
    rows = ", ".join(f"{{name: row{number}}}" for number in range(12))
    server.run(server.define(f"[{{id: make, matrix: {{include: [{rows}]}}, steps: [{{run: ls}}]}}]"))
    for _ in range(12):
        fail(server, "it broke\n")
    found = summary(server, max_bytes=10_000)
    assert ([job.tail for job in found.failed_jobs], found.truncated) == (["it broke"] * 12, False)


@pytest.mark.tinydb
def test_it_costs_the_same_however_long_the_logs_are(server: RunningServer) -> None:
    rows = ", ".join(f"{{name: row{number}}}" for number in range(200))
    pipeline = server.define(f"[{{id: make, matrix: {{include: [{rows}]}}, steps: [{{run: ls}}]}}]")
    server.run(pipeline)
    jobs = [fail(server, "it broke\n") for _ in range(200)]
    short = quickest(server)
    server.store.write(lambda tx: lengthen(tx, server, jobs))
    assert summary(server).failed_jobs[0].tail.endswith("it broke")
    assert quickest(server) < 5 * short


def lengthen(tx: Transaction, server: RunningServer, jobs: list[str]) -> None:
    """Make a gigabyte of the logs of *jobs*, without writing it: what is before the last line is a hole."""
    for job_id in jobs:
        path = server.directory / "logs" / f"{job_id}.log"
        os.truncate(path, 5 << 20)
        with path.open("ab") as log:
            log.write(b"\nit broke\n")
        job = tx.jobs.find(int(job_id.removeprefix("job-")))
        assert job is not None
        tx.jobs.put(replace(job, log_size=path.stat().st_size))


def quickest(server: RunningServer) -> float:
    def once() -> float:
        begun = time.process_time()
        summary(server)
        return time.process_time() - begun

    return min(once() for _ in range(5))


def test_an_unknown_run(server: RunningServer) -> None:
    assert server.get("/api/v1/runs/7/summary").status_code == 404
