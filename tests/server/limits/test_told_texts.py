"""What agents tell of an execution is kept up to a limit, and lists stay small whatever that is."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.jobs import CacheStat, JobExecution, JobStateResponse, JobSteps, Step, StepEvent
from cictl.wire.results.reports import Coverage, TestCase, TestReport, TestReportResponse, TestReportUpload, TestSuite
from cictl.wire.waiting.queue import JobList

LONG = "x" * (1 << 20)
HUGE = 2**62
MARK = " … [cut]"


@pytest.fixture
def job(server: RunningServer) -> JobExecution:
    server.enqueue()
    return server.running()


def listed(server: RunningServer, query: str = "") -> JobExecution:
    """Return the only execution of a list; pages have the same key."""
    [only] = server.read(JobList, f"/api/v1/jobs{query}").job_executions
    return only


@pytest.mark.parametrize("query", ["", "?status=finished", "?view=history"])
def test_lists_cut_a_long_error_that_the_view_of_the_job_has(
    server: RunningServer, job: JobExecution, query: str
) -> None:
    server.report(job.id, "failed", error="broken " + "x" * 2000)
    assert server.job(job.id).error == "broken " + "x" * 2000
    assert not server.job(job.id).is_cut
    short = listed(server, query)
    assert short.error == "broken " + "x" * (500 - len("broken ") - len(MARK.encode())) + MARK
    assert short.is_cut


def test_a_short_error_is_the_same_everywhere(server: RunningServer, job: JobExecution) -> None:
    server.report(job.id, "failed", error="exit status 3")
    assert (listed(server).error, listed(server).is_cut) == ("exit status 3", False)


def test_the_state_of_a_job_is_small(server: RunningServer, job: JobExecution) -> None:
    server.report(job.id, "failed", error=LONG)
    answer = server.get(f"/api/v1/jobs/{job.id}?view=state").content
    assert len(answer) < 2000
    assert decode(answer, JobStateResponse).job_execution.is_cut


def test_no_report_makes_lists_large(server: RunningServer, job: JobExecution) -> None:
    caches = [
        CacheStat(
            id=LONG[:900], env=LONG[:900], path=LONG[:900], error=LONG[:900], tool_metrics={LONG[:90]: LONG[:900]}
        )
    ] * 150
    tools = {f"host.tool.{number}": LONG[:900] for number in range(400)}
    answer = server.report(
        job.id,
        "running",
        error=LONG,
        current_step=LONG,
        warnings=[LONG[:9000]] * 50,
        cache_stats=caches,
        runtime_capabilities=tools,
    )
    assert answer.status_code == 200
    assert len(server.get("/api/v1/jobs").content) < 40_000
    assert len(server.get(f"/api/v1/jobs/{job.id}").content) < 400_000


def test_texts_of_a_report_are_kept_up_to_their_limits(server: RunningServer, job: JobExecution) -> None:
    step, tools = LONG, {"a": LONG}
    answer = server.report(job.id, "running", error=LONG, current_step=step, exit_code=HUGE, runtime_capabilities=tools)
    assert answer.status_code == 200
    kept = server.job(job.id)
    assert (len(kept.error.encode()), kept.error[-len(MARK) :]) == (64 << 10, MARK)
    assert (len(kept.current_step.encode()), kept.current_step[-len(MARK) :]) == (1 << 10, MARK)
    assert len(kept.runtime_capabilities["a"].encode()) == 256
    assert kept.exit_code == 2**53 - 1


def test_a_key_that_is_too_long_is_left_out(server: RunningServer, job: JobExecution) -> None:
    server.report(job.id, "running", runtime_capabilities={"x" * 257: "1", "host.os": "linux"})
    assert server.job(job.id).runtime_capabilities == {"host.os": "linux"}


def test_a_long_script_is_whole_in_the_view_of_its_job_alone(server: RunningServer) -> None:
    script = "echo " + "x" * 20_000
    [job_id] = server.run(server.define(f"[{{id: j, steps: [{{run: {script!r}}}]}}]"))
    assert server.job(job_id).step_plan[0].script == script
    assert len(server.get("/api/v1/jobs").content) < 10_000
    assert listed(server).is_cut


class TestSteps:
    def report(self, server: RunningServer, job_id: str, indexes: range) -> None:
        events = [StepEvent(type="step.started", step=Step(index=n, total=HUGE, name=LONG[:5000])) for n in indexes]
        assert server.report(job_id, "running", events=events).status_code == 200

    def test_a_job_has_a_thousand_at_most(self, server: RunningServer, job: JobExecution) -> None:
        for start in range(1, 1500, 300):
            self.report(server, job.id, range(start, start + 300))
        steps = server.read(JobSteps, f"/api/v1/jobs/{job.id}/steps").steps
        assert [step.index for step in steps] == list(range(1, 1001))
        assert len(steps[0].name) == 200
        assert steps[0].total == 2**53 - 1

    @pytest.mark.tinydb
    def test_a_step_that_is_told_again_takes_no_room(self, server: RunningServer, job: JobExecution) -> None:
        index = server.directory / "logs" / f"{job.id}.index"
        self.report(server, job.id, range(1, 3))
        before = index.stat().st_size
        for _ in range(20):
            self.report(server, job.id, range(1, 3))
        assert index.stat().st_size == before


def test_numbers_and_texts_of_a_test_report_are_kept_up_to_their_limits(
    server: RunningServer, job: JobExecution
) -> None:
    case = TestCase(status="fail", name=LONG[:5000], line=-1, duration_seconds=-1e300, output=LONG)
    report = TestReport(
        total=HUGE,
        passed=-HUGE,
        suites=[TestSuite(name="unit", total=-1, cases=[case])],
        coverage=Coverage(format="lcov", percent=1e9),
    )
    server.post(f"/api/v1/jobs/{job.id}/tests", TestReportUpload(agent_id="a", report=report))
    kept = server.read(TestReportResponse, f"/api/v1/jobs/{job.id}/tests").report
    [found] = kept.suites[0].cases
    assert (kept.total, kept.passed, kept.suites[0].total) == (2**53 - 1, 0, 0)
    assert (len(found.name.encode()), len(found.output.encode())) == (1 << 10, 64 << 10)
    assert (found.line, found.duration_seconds) == (0, 0)
    assert kept.coverage is not None
    assert kept.coverage.percent == 100
    summary = server.job(job.id).test_summary
    assert summary is not None
    assert (summary.total, summary.passed) == (2**53 - 1, 0)
