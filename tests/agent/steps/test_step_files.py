"""What steps leave for later steps and other jobs, through a real agent: `$CICTL_ENV`, `$CICTL_PATH` and `$CICTL_OUTPUT`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import ServedJob

from cictl.wire.jobs import Cause, JobStatus, Step

RunSteps = Callable[..., ServedJob]
FORMS = "write NAME=value, or NAME<<END, lines, and END"


def said(job: ServedJob) -> list[str]:
    """Return the lines that the steps themselves printed."""
    return [line for line in job.text.splitlines() if not line.startswith("[")]


def test_later_steps_inherit_the_variables_that_a_step_leaves(run: RunSteps) -> None:
    job = run(
        """echo "POT=iron=cast" >> "$CICTL_ENV"; echo "<${POT-}>" """,
        """{ echo "MENU<<EOF"; echo green; echo "A=b"; echo EOF; echo; echo EMPTY=; } >> "$CICTL_ENV" """,
        """echo "<$POT> <$MENU> <${EMPTY-unset}>" """,
        Step(script='echo "$POT"', env={"POT": "own"}),
        env={"POT": "job"},
    )
    assert said(job) == ["<job>", "<iron=cast> <green", "A=b> <>", "own"]


def test_the_last_value_counts_also_in_conditions(run: RunSteps) -> None:
    job = run(
        'echo "POT=tin" >> "$CICTL_ENV"',
        'echo "POT=iron" >> "$CICTL_ENV"; echo "POT=clay" >> "$CICTL_ENV"',
        Step(script="echo clay", condition="env.POT == 'clay'"),
    )
    assert said(job) == ["clay"]


def test_a_step_that_fails_leaves_variables_too(run: RunSteps) -> None:
    job = run('echo "WHY=steam" >> "$CICTL_ENV"; false', Step(script="echo $WHY", condition="failure()"))
    assert said(job) == ["steam"]


def test_later_steps_find_programs_in_the_folders_that_a_step_leaves(run: RunSteps) -> None:
    program = (
        'mkdir -p {0}; printf "#!/bin/sh\\necho {0}" > {0}/brew; chmod +x {0}/brew; echo "$PWD/{0}" >> $CICTL_PATH'
    )
    job = run(program.format("first") + "; " + program.format("second"), "brew; cat /dev/null")
    assert said(job) == ["second"]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        pytest.param('echo "no sign" >> "$CICTL_ENV"', f"$CICTL_ENV: line 1: {FORMS}", id="no-sign"),
        pytest.param('printf "A=1\\n\\nB-C=2" >> "$CICTL_ENV"', f"$CICTL_ENV: line 3: {FORMS}", id="no-name"),
        pytest.param('printf "A<<E\\nx\\n" >> "$CICTL_ENV"', "$CICTL_ENV: line 1: no line 'E' ends it", id="open"),
        pytest.param('printf "A=\\377" >> "$CICTL_ENV"', "$CICTL_ENV: it is not UTF-8", id="no-utf-8"),
        pytest.param('printf "A=\\0" >> "$CICTL_OUTPUT"', "$CICTL_OUTPUT: it has a NUL in it", id="nul"),
        pytest.param(
            'echo "CICTL_JOB_TOKEN=x" >> "$CICTL_ENV"', "$CICTL_ENV: CICTL_JOB_TOKEN is the agent's to set", id="ours"
        ),
        pytest.param('mkfifo "$CICTL_PATH"', "$CICTL_PATH: not a regular file", id="pipe"),
        pytest.param('ln -s /etc/passwd "$CICTL_PATH"', "$CICTL_PATH: it leads out of the checkout", id="link"),
        pytest.param(
            'head -c 1048577 /dev/zero | tr "\\0" "x" > "$CICTL_PATH"', "$CICTL_PATH: more than 1 MiB", id="size"
        ),
    ],
)
def test_what_can_not_be_read_fails_the_step_that_left_it(run: RunSteps, script: str, problem: str) -> None:
    last = run(Step(script=script, name="Leave")).last
    assert (last.error, last.exit_code, last.cause) == (f"Step 1/1: Leave: {problem}", None, Cause.STEP_FAILED)


def test_files_of_steps_are_gone_after_the_job(run: RunSteps, agent: AgentThread) -> None:
    run('echo "A=1" >> "$CICTL_ENV"; git init -q .; git status --porcelain')
    assert eventually(lambda: not list(agent.config.spool_dir.iterdir()), what="the end of the job's files")


# Outputs


def test_outputs_are_told_with_the_end_of_the_job(run: RunSteps) -> None:
    job = run(
        'echo "level=full" >> "$CICTL_OUTPUT"; echo "other=x" >> "$CICTL_OUTPUT"',
        'mkdir out; printf "\\n 1.2\\nü \\n" > out/version; printf "tea-kind<<E\\ngreen\\nE" >> "$CICTL_OUTPUT"',
        declared_outputs={"version": "out/version", "level": "", "tea-kind": ""},
    )
    assert job.last.outputs == {"version": "1.2\nü", "level": "full", "tea-kind": "green"}


def test_secrets_in_outputs_are_masked(run: RunSteps) -> None:
    job = run(
        'echo "login=me:$PASSWORD" >> "$CICTL_OUTPUT"',
        env={"PASSWORD": "hunter22"},
        sensitive_values=["hunter22"],
        declared_outputs={"login": ""},
    )
    assert job.last.outputs == {"login": "me:***"}


@pytest.mark.parametrize(
    ("script", "path", "error"),
    [
        pytest.param(
            "true",
            "",
            """output x: no step has written it; a step writes it by echo "x=…" >> "$CICTL_OUTPUT\"""",
            id="no",
        ),
        pytest.param("true", "gone", "output x from file 'gone': No such file or directory", id="no-file"),
        pytest.param("true", "../../x", "output x from file '../../x': No such file or directory", id="outside"),
        pytest.param(
            "ln -s / l", "l/etc/passwd", "output x from file 'l/etc/passwd': it leads out of the checkout", id="link"
        ),
        pytest.param("printf '\\377' > f", "f", "output x: the file 'f' is not UTF-8", id="no-utf-8"),
        pytest.param(
            "head -c 65537 /dev/zero | tr '\\0' x > f",
            "f",
            "output x has 65537 bytes, and an output has 64.0 KiB at most",
            id="too-long",
        ),
    ],
)
def test_an_output_that_can_not_be_had_fails_the_job(run: RunSteps, script: str, path: str, error: str) -> None:
    job = run(script, declared_outputs={"x": path})
    assert (job.status, job.last.error, job.last.outputs) == (JobStatus.FAILED, error, {})


def test_the_longest_output_is_kept_and_blanks_do_not_count(run: RunSteps) -> None:
    job = run("{ head -c 65536 /dev/zero | tr '\\0' x; echo; } > f", declared_outputs={"x": "f"})
    assert len(job.last.outputs["x"]) == 65536


def test_a_job_that_failed_has_no_outputs(run: RunSteps) -> None:
    job = run('echo "x=1" >> "$CICTL_OUTPUT"; exit 3', declared_outputs={"x": ""})
    assert (job.last.exit_code, job.last.outputs) == (3, {})
