"""`cictl tests`: how tests went over time."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.results.reports import TestCase, TestReport, TestReportUpload, TestSuite
from tests.cli.conftest import Run


@pytest.fixture
def tried(server: RunningServer) -> RunningServer:
    """The test tea.pot failed and then passed in a rerun of one run; tea.cup passed twice, and takes longer."""
    [job_id] = server.run(server.define("[{id: check, steps: [{run: x}]}]"))
    for status in ("fail", "pass"):
        job = server.running()
        cases = [
            TestCase(package="tea", name="pot", status=status, duration_seconds=1),
            TestCase(package="tea", name="cup", status="pass", duration_seconds=90),
        ]
        suite = TestSuite(format="junit-xml", name="unit", total=2, cases=cases)
        upload = TestReportUpload(agent_id="a", report=TestReport(total=2, suites=[suite]))
        assert server.post(f"/api/v1/jobs/{job.id}/tests", upload).status_code == 200
        server.report(job.id, "failed" if status == "fail" else "succeeded")
        server.post(f"/api/v1/jobs/{job_id}/rerun")
    return server


def test_lists(run: Run, tried: RunningServer) -> None:
    ran = run("tests", "list")
    assert [line.split()[:5] for line in ran.out.splitlines()[1:]] == [
        ["tea.cup", "shop/build", "check", "2", "0"],
        ["tea.pot", "shop/build", "check", "1", "1"],
    ]
    assert max(map(len, ran.out.splitlines())) <= 80
    assert run("tests", "list", "--pipeline", "build", "--limit", "1").err == "there are more; --limit 10 shows them\n"
    assert run("tests", "flaky", "-o", "name").out == "tea.pot\n"
    assert run("tests", "slow", "--project", "shop", "-o", "name").out == "tea.cup\ntea.pot\n"


def test_one_test(run: Run, tried: RunningServer) -> None:
    ran = run("tests", "show", "tea.pot")
    assert "Flaky:        yes" in ran.out
    assert "Last failed:  run 1" in ran.out
    [story] = run("tests", "show", "tea.pot", "-o", "json").json()["tests"]
    assert (story["suite"], story["passes"], story["failures"], story["flaky"]) == ("unit", 1, 1, True)
    assert run("tests", "show", "tea").code == ExitCode.NOT_FOUND


def test_no_tests(run: Run, server: RunningServer) -> None:
    assert run("tests", "flaky").err == "no test is flaky\n"
    assert run("tests", "flaky", "-o", "json").json() == {"tests": []}
