"""The options of steps, through a real agent: conditions, time limits, directories, shells, and going on after a failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.agents.ending import EndLate
from cictl_testing.agents.thread import gone, is_alive
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import ScriptedServer, ServedJob

from cictl.wire.jobs import Cause, JobStatus, Step

RunSteps = Callable[..., ServedJob]


def said(job: ServedJob) -> list[str]:
    """Return the lines that the steps themselves printed."""
    return [line for line in job.text.splitlines() if not line.startswith("[")]


# After a failure


@pytest.mark.parametrize(
    ("condition", "runs_after_success", "runs_after_failure"),
    [
        ("", True, False),
        ("success()", True, False),
        ("failure()", False, True),
        ("always()", True, True),
        ("env.MODE == 'full'", True, False),
        ("env.MODE == 'quick'", False, False),
        ("always() and env.MODE == 'full' and env.COUNT > 2", True, True),
        ("failure() and env.MISSING", False, False),
    ],
)
def test_a_step_runs_if_its_condition_says_so(
    run: RunSteps, condition: str, runs_after_success: bool, runs_after_failure: bool
) -> None:
    step = Step(script="echo here", condition=condition, env={"COUNT": "3"})
    after_success = run("true", step, env={"MODE": "full", "COUNT": "1"})
    after_failure = run("false", step, env={"MODE": "full", "COUNT": "1"})
    assert (said(after_success), said(after_failure)) == (
        ["here"] * runs_after_success,
        ["here"] * runs_after_failure,
    )


def test_the_job_ends_as_its_first_failing_step(run: RunSteps) -> None:
    always = "always()"
    job = run("exit 3", Step(script="exit 4", condition=always), Step(script="echo last", condition=always))
    assert (job.last.error, job.last.exit_code) == ("Step 1/3: exit 3: exit status 3", 3)
    assert job.last.failed_step == 1
    assert "[run] step failed: Step 2/3: exit 4: exit status 4\n" in job.text
    assert said(job) == ["last"]


def test_the_log_says_which_step_is_left_out_and_why(run: RunSteps) -> None:
    job = run("false", "echo silent", Step(script="echo no", name="Brew", condition="env.POT == 'iron'"))
    assert job.text.endswith("exit status 1\n[run] skipped Step 3/3: Brew: if: env.POT == 'iron'\n")


def test_the_log_shows_the_condition_that_the_file_has(run: RunSteps) -> None:
    job = run("true", Step(script="echo no", condition="false", written_if="tea == 'green'"))
    assert job.text.endswith("[run] skipped Step 2/2: echo no: if: tea == 'green'\n")


def test_only_steps_that_run_are_told_as_begun(run: RunSteps) -> None:
    job = run("true", Step(script="true", condition="failure()"), Step(script="true", condition="always()"))
    assert [event.step.index for report in job.reports for event in report.events if event.step] == [1, 3]


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        pytest.param(
            "env.A ==",
            "column 9: expected a value after ==; write a name, a text in quotes, a number, true or false",
            id="no-expression",
        ),
        pytest.param(
            "env.A and branch", "column 11: the agent does not know branch; it knows env.NAME", id="unknown-name"
        ),
        pytest.param("env.A > 3", "column 1: > compares numbers; env.A is 'x'", id="no-number"),
    ],
)
def test_a_condition_that_means_nothing_fails_its_step(run: RunSteps, condition: str, problem: str) -> None:
    job = run(Step(script="echo no", condition=condition), env={"A": "x"})
    assert (job.last.error, job.last.cause) == (f"Step 1/1: echo no: if: {problem}", Cause.STEP_FAILED)
    assert said(job) == []


def test_the_job_goes_on_after_a_step_that_may_fail(run: RunSteps) -> None:
    job = run(Step(script="exit 3", continue_on_error=True), Step(script="echo on", condition="success()"))
    warning = "Step 1/2: exit 3: exit status 3; the job goes on, as continue_on_error says"
    assert (job.status, job.last.error, job.last.exit_code) == (JobStatus.SUCCEEDED, "", 0)
    assert job.last.failed_step == 0
    assert job.last.warnings == [warning]
    assert f"[run] warning: {warning}\n" in job.text
    assert said(job) == ["on"]


# Time limits


def test_a_step_that_takes_too_long_is_killed_with_its_group(run: RunSteps, tmp_path: Path, end_late: EndLate) -> None:
    end_late(tmp_path / "pid")
    script = f"trap '' INT TERM; sleep 1000 & echo $! > {tmp_path}/pid; sleep 1000"
    job = run(Step(script=script, name="Wait", timeout_seconds=1), Step(script="echo after", condition="always()"))
    assert (job.last.error, job.last.cause) == ("Step 1/2: Wait: timed out after 1 s", Cause.TIMED_OUT)
    assert "[run] step failed: Step 1/2: Wait: timed out after 1 s\n" in job.text
    assert said(job) == ["after"]
    assert gone(int((tmp_path / "pid").read_text()))


def test_what_earlier_steps_left_running_outlives_the_time_limit_of_another(
    enqueue: Callable[..., str], server: ScriptedServer, tmp_path: Path
) -> None:
    background = f"sleep 1000 & echo $! > {tmp_path}/pid"
    waiting = f"touch {tmp_path}/late; while [ ! -e {tmp_path}/seen ]; do sleep 0.05; done"
    job = enqueue(background, Step(script="sleep 1000", timeout_seconds=1), Step(script=waiting, condition="failure()"))
    eventually((tmp_path / "late").exists, what="the step after the one that took too long")
    process = int((tmp_path / "pid").read_text())
    lived = is_alive(process)
    (tmp_path / "seen").touch()
    server.finished(job)
    assert lived
    assert gone(process)


def test_a_step_within_its_time_limit_ends_as_it_does(run: RunSteps) -> None:
    job = run(Step(script="exit 3", timeout_seconds=60))
    assert (job.last.error, job.last.cause) == ("Step 1/1: exit 3: exit status 3", Cause.STEP_FAILED)


def test_a_cancel_ends_the_job_although_later_steps_always_run(
    enqueue: Callable[..., str], server: ScriptedServer
) -> None:
    job = enqueue("echo ready; sleep 1000", Step(script="echo never", condition="always()"))
    server.begun(job, "ready")
    server.cancel(job)
    assert said(server.finished(job)) == ["ready"]


# Directories


def test_a_step_runs_in_its_own_directory_else_in_that_of_the_job(run: RunSteps) -> None:
    job = run(
        Step(script="mkdir -p kettle/spout", working_directory="."),
        "basename $PWD",
        Step(script="basename $PWD", working_directory="kettle//spout/"),
        Step(script="ls -d kettle", working_directory="."),
        working_directory="kettle",
    )
    assert said(job) == ["kettle", "spout", "kettle"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        pytest.param("..", "leads out of the checkout", id="above"),
        pytest.param("pot/../../..", "leads out of the checkout", id="above-by-a-detour"),
        pytest.param("/tmp", "leads out of the checkout", id="absolute"),
        pytest.param("link", "leads out of the checkout", id="link"),
        pytest.param("nowhere", "is not there; a step before, or the repository, must make it", id="missing"),
        pytest.param("file", "is not there; a step before, or the repository, must make it", id="file"),
    ],
)
def test_a_directory_that_is_none_of_the_checkout_fails_the_step(run: RunSteps, path: str, problem: str) -> None:
    job = run("ln -s / link; touch file; mkdir pot", Step(script="echo no", working_directory=path))
    assert job.last.error == f"Step 2/2: echo no: working_directory {path!r} {problem}"
    assert said(job) == []


# Shells


@pytest.mark.parametrize(
    ("fields", "step", "fails"),
    [
        pytest.param({}, "", False, id="posix-by-default"),
        pytest.param({}, "bash", True, id="of-the-step"),
        pytest.param({"shell": "bash"}, "", True, id="of-the-job"),
        pytest.param({"shell": "bash"}, "posix", False, id="the-step-wins"),
        pytest.param({"required_capabilities": {"shell": "bash"}}, "", True, id="required"),
    ],
)
def test_a_pipe_fails_with_any_of_its_commands_in_bash_alone(
    run: RunSteps, fields: dict[str, object], step: str, fails: bool
) -> None:
    job = run(Step(script="false | true\necho on", shell=step), **fields)
    assert (said(job), bool(job.last.error)) == ([] if fails else ["on"], fails)


def test_bash_understands_what_is_its_own(run: RunSteps) -> None:
    long = "x" * 200_000
    job = run(Step(script=f'words=(a b); echo "${{words[1]}}" # {long}', shell="bash"))
    assert said(job) == ["b"]


def test_a_shell_that_is_not_there_fails_the_step(run: RunSteps) -> None:
    job = run(Step(script="echo no", shell="powershell"))
    assert job.last.error == 'Step 1/1: echo no: unsupported shell "powershell"; there is posix, bash'


# Environment


def test_the_environment_of_a_step_wins_over_that_of_the_job(run: RunSteps) -> None:
    job = run(Step(script='echo "$A $B"', env={"A": "step"}), 'echo "$A $B"', env={"A": "job", "B": "job"})
    assert said(job) == ["step job", "job job"]
