"""`cictl jobs`: lists, details, cancel, tests; logs and downloads have files of their own."""

from __future__ import annotations

import pytest
from cictl_testing.shop import Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.outcome import result_code
from cictl.wire.jobs import CANCELLED_BY_USER, CacheStat, Cause, JobExecution, JobStatus, Step
from cictl.wire.problems import Code
from cictl.wire.results.reports import Coverage, TestCase, TestReport, TestSuite
from tests.cli.conftest import Run

RUNNING, FAILED, SUCCEEDED = JobStatus.RUNNING, JobStatus.FAILED, JobStatus.SUCCEEDED


@pytest.fixture
def queue(shop: Shop) -> Shop:
    """Three executions: one over, one running, one waiting."""
    steps = [Step(index=1, total=1, name="make", script="make")]
    needs_go = {"requires.tool.go": "*"}
    shop.put(
        job("job-100", SUCCEEDED),
        job("job-101", RUNNING, current_step="Step 1/1: make", step_plan=steps, leased_by_agent_id="build-1"),
        job(
            "job-200", required_capabilities=needs_go, metadata={"pipeline_job_id": "test", "pipeline_run_id": "run-2"}
        ),
    )
    return shop


def test_list_newest_first(cli: Run, queue: Shop) -> None:
    rows = [line.split() for line in cli("jobs", "list").out.splitlines()]
    assert rows[0] == ["ID", "STATUS", "PIPELINE", "JOB", "CREATED", "TIME"]
    assert rows[1] == ["job-200", "queued", "shop/build", "test", "1966-01-02T03:04:05Z", "-"]


def test_list_filters_by_status(cli: Run, queue: Shop) -> None:
    assert cli("jobs", "list", "--status", "running", "-o", "name").out == "job-101\n"


def test_list_takes_several_states(cli: Run, queue: Shop) -> None:
    queue.finish("job-101", FAILED, error=CANCELLED_BY_USER, cause=Cause.CANCELLED)
    for states, expected in {
        ("cancelled",): "job-101\n",
        ("cancelled", "queued"): "job-200\njob-101\n",
        ("succeeded,queued",): "job-200\njob-100\n",
        ("finished",): "job-101\njob-100\n",
    }.items():
        options = [word for state in states for word in ("--status", state)]
        assert cli("jobs", "list", *options, "-o", "name").out == expected


NAMES = [
    pytest.param("--project", "sh", "job-200\njob-101\njob-100\n", id="beginning of a project"),
    pytest.param("--pipeline", "shop/bui", "job-200\njob-101\njob-100\n", id="beginning of a pipeline"),
    pytest.param("--pipeline", "nightly", "", id="a pipeline without jobs"),
    pytest.param("--run", "2", "job-200\n", id="a run without its prefix"),
    pytest.param("--agent", "build-1", "job-101\n", id="an agent"),
]


@pytest.mark.parametrize(("option", "value", "expected"), NAMES)
def test_list_filters_by_names_as_arguments_take_them(
    cli: Run, queue: Shop, option: str, value: str, expected: str
) -> None:
    assert cli("jobs", "list", option, value, "-o", "name").out == expected


@pytest.mark.parametrize(
    ("option", "value", "meant"),
    [
        ("--project", "shpo", "shop"),
        ("--pipeline", "shop/bild", "shop/build"),
        ("--run", "run-3", "run-2"),
        ("--agent", "biuld-1", "build-1"),
    ],
)
def test_a_filter_that_means_nothing_is_not_found(cli: Run, queue: Shop, option: str, value: str, meant: str) -> None:
    ran = cli("jobs", "list", option, value)
    assert ran.code == ExitCode.NOT_FOUND
    assert meant in ran.err


def test_what_is_gone_is_found_by_its_jobs(cli: Run, queue: Shop) -> None:
    queue.forget_agents()
    assert cli("jobs", "list", "--agent", "build-1", "-o", "name").out == "job-101\n"


def test_list_shows_as_many_rows_as_the_limit_says(cli: Run, queue: Shop) -> None:
    facts = {"pipeline_job_id": "lint", "pipeline_run_id": "run-2"}
    queue.put(job("job-201", metadata=facts), job("job-202", metadata=facts))
    assert cli("jobs", "list", "--limit", "2", "-o", "name").out == "job-202\njob-201\n"


def test_list_says_when_there_are_more(cli: Run, queue: Shop) -> None:
    ran = cli("jobs", "list", "--limit", "1")
    assert "--limit 10" in ran.err
    assert "there are more" not in cli("jobs", "list").err


def test_list_of_none(cli: Run) -> None:
    ran = cli("jobs", "list")
    assert (ran.code, ran.out, ran.err) == (0, "", "no jobs match\n")


def test_list_as_json_is_the_api_shape(cli: Run, queue: Shop) -> None:
    assert [j["id"] for j in cli("jobs", "list", "-o", "json").json()["job_executions"]] == [
        "job-200",
        "job-101",
        "job-100",
    ]


@pytest.mark.parametrize("text", ["job-200", "200", "2", "job-2"])
def test_show_by_id_or_its_beginning(cli: Run, queue: Shop, text: str) -> None:
    ran = cli("jobs", "show", text)
    assert ran.code == 0
    assert "missing tool go" in ran.out


def test_show_lists_steps(cli: Run, queue: Shop) -> None:
    assert "Steps:\n  1. make\n" in cli("jobs", "show", "job-101").out


def test_show_tells_the_outputs(cli: Run, queue: Shop) -> None:
    queue.put(job("job-300", SUCCEEDED, outputs={"version": "1.2", "menu": "green\nblack"}))
    assert "Outputs:\n  version=1.2\n  menu=green …\n" in cli("jobs", "show", "job-300").out
    shown = cli("jobs", "show", "job-300", "-o", "json").json()["job_execution"]
    assert shown["outputs"] == {"version": "1.2", "menu": "green\nblack"}


def test_warnings_are_shown_by_show_and_at_the_end_of_a_wait(cli: Run, queue: Shop) -> None:
    queue.put(job("job-300", SUCCEEDED, warnings=["pattern '*.zip' matches no file"]))
    assert "Warnings:\n  pattern '*.zip' matches no file\n" in cli("jobs", "show", "job-300").out
    ran = cli("jobs", "watch", "job-300")
    assert (ran.code, "job-300: warning: pattern '*.zip' matches no file\n" in ran.err) == (0, True)
    shown = cli("jobs", "watch", "job-300", "-o", "json").json()["job_executions"]
    assert [found["warnings"] for found in shown] == [["pattern '*.zip' matches no file"]]


def test_warnings_of_a_big_run_are_counted(cli: Run, shop: Shop) -> None:
    names = {f"job-{n}": {"matrix_name": f"n{n}"} for n in range(300, 314)}
    shop.put(*(job(i, SUCCEEDED, warnings=["one", "two"], metadata=facts) for i, facts in names.items()))
    ran = cli("jobs", "watch", "--run", "run-1")
    assert ran.err.count(": warning: ") == 20
    assert "8 more warnings; `cictl jobs show JOB`" in ran.err


def test_show_tells_of_caches(cli: Run, queue: Shop) -> None:
    stats = [
        CacheStat(id="go-mod", source="hit", size_bytes=3 << 30),
        CacheStat(id="deps", source="miss", size_bytes=2048, incomplete=True),
        CacheStat(id="npm", source="fallback", error="No space left on device"),
    ]
    queue.put(job("job-300", SUCCEEDED, cache_stats=stats))
    shown = cli("jobs", "show", "job-300").out
    assert "Caches:\n  go-mod: hit, 3.0 GiB\n  deps: miss, at least 2.0 KiB\n  npm: fallback, No space left" in shown


def test_ambiguous_id(cli: Run, queue: Shop) -> None:
    ran = cli("jobs", "show", "10")
    assert ran.code == ExitCode.USAGE
    assert "job-101, job-100" in ran.err


@pytest.mark.parametrize("verb", ["show", "logs", "cancel", "artifacts", "download", "tests", "watch"])
def test_unknown_job_is_5(cli: Run, queue: Shop, verb: str) -> None:
    ran = cli("jobs", verb, "job-999")
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert "job 'job-999' not found" in ran.err


def test_cancel(cli: Run, queue: Shop) -> None:
    ran = cli("jobs", "cancel", "job-101")
    assert (ran.code, ran.out, ran.err) == (0, "", "job-101: cancelled\n")
    assert queue.job("job-101").error == CANCELLED_BY_USER
    assert cli("jobs", "cancel", "job-101").err == "job-101: already cancelled\n", "twice is fine"


def test_cancel_what_is_over_is_fine(cli: Run, queue: Shop) -> None:
    ran = cli("jobs", "cancel", "job-100")
    assert (ran.code, ran.err) == (0, "job-100: already succeeded\n")


def test_cancel_refused_for_another_reason_is_7(cli: Run, queue: Shop) -> None:
    queue.gate.refuse("POST /api/v1/jobs/job-101/cancel", 409, Code.CONFLICT, "not now")
    assert cli("jobs", "cancel", "job-101").code == ExitCode.CONFLICT


def test_cancel_as_json_shows_the_job(cli: Run, queue: Shop) -> None:
    assert cli("jobs", "cancel", "job-101", "-o", "json").json()["job_execution"]["cause"] == "cancelled"


def test_tests_show_counts_and_failures(cli: Run, queue: Shop) -> None:
    queue.report("job-100", REPORT)
    ran = cli("jobs", "tests", "job-100")
    assert ran.code == 0
    assert "Tests:     2 total, 1 passed, 1 failed, 0 skipped\n" in ran.out
    assert "  shop.adds (sum_test.go:7)\n      want 2\n" in ran.out
    assert "80.0 %" in ran.out
    assert cli("jobs", "tests", "job-100", "-o", "name").out == "shop.adds\n", "by name they are the failed ones"


def test_tests_without_a_report(cli: Run, queue: Shop) -> None:
    assert "0 total" in cli("jobs", "tests", "job-101").out


REPORT = TestReport(
    total=2,
    passed=1,
    failed=1,
    skipped=0,
    suites=[
        TestSuite(
            format="go-test-json",
            total=2,
            cases=[
                TestCase(status="pass", name="ok"),
                TestCase(status="fail", package="shop", name="adds", file="sum_test.go", line=7, output="want 2\n"),
            ],
        )
    ],
    coverage=Coverage(format="lcov", percent=80.0),
)


def over(status: JobStatus, error: str = "", cause: Cause | None = None) -> JobExecution:
    return job("job-1", status, error=error, cause=cause)


@pytest.mark.parametrize(
    ("jobs", "code"),
    [
        pytest.param([over(SUCCEEDED)], ExitCode.OK, id="succeeded"),
        pytest.param([over(SUCCEEDED), over(FAILED, "exit status 1")], ExitCode.FAILED, id="one failed"),
        pytest.param([over(FAILED, cause=Cause.CANCELLED)], ExitCode.CANCELLED, id="cancelled by cause"),
        pytest.param([over(FAILED, CANCELLED_BY_USER)], ExitCode.CANCELLED, id="cancelled by text"),
        pytest.param(
            [over(FAILED, CANCELLED_BY_USER), over(FAILED, "cancelled: required job compile failed")],
            ExitCode.CANCELLED,
            id="cancelled with dependants",
        ),
        pytest.param(
            [over(FAILED, CANCELLED_BY_USER), over(FAILED, "exit status 1")], ExitCode.FAILED, id="failure outweighs"
        ),
        pytest.param([over(FAILED, cause=Cause.DEPENDENCY_FAILED)], ExitCode.FAILED, id="dependant alone"),
        pytest.param([over(FAILED, cause=Cause.TIMED_OUT)], ExitCode.FAILED, id="time limit of the job"),
    ],
)
def test_result_code(jobs: list[JobExecution], code: ExitCode) -> None:
    assert result_code(jobs) is code
