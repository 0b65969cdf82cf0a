"""The options of steps in containers of real engines."""

from __future__ import annotations

import uuid

import pytest
from cictl_testing.engines.image import USER
from cictl_testing.engines.site import Site
from cictl_testing.processes import eventually

from cictl.base.job_parts import CacheSpec
from cictl.wire.jobs import Cause, Step

pytestmark = pytest.mark.xdist_group("engines")


def test_a_time_limit_ends_what_the_step_started_inside_and_nothing_else(site: Site) -> None:
    late, other = (f"1{uuid.uuid4().int % 10**8:08d}" for _ in range(2))
    job = site.run(
        step_plan=[
            Step(index=1, script=f"sleep {other} & echo begun"),
            Step(index=2, script=f"trap '' INT TERM; setsid sleep {late} & sleep {late}", timeout_seconds=1),
            Step(index=3, script="ps -o args | grep -o '^sleep 1[0-9]*'", condition="always()"),
        ]
    )
    assert (job.last.error.rpartition(": ")[2], job.last.cause) == ("timed out after 1 s", Cause.TIMED_OUT)
    assert [line for line in job.text.splitlines() if line.startswith("sleep")] == [f"sleep {other}"]


def test_a_step_runs_in_its_own_directory(site: Site) -> None:
    job = site.run(
        step_plan=[
            Step(index=1, script="mkdir -p kettle/spout", working_directory="."),
            Step(index=2, script="pwd"),
            Step(index=3, script="pwd", working_directory="kettle/spout"),
        ],
        working_directory="kettle",
    )
    assert [line for line in job.text.splitlines() if line.startswith("/")] == [
        "/workspace/kettle",
        "/workspace/kettle/spout",
    ]


def test_a_shell_that_the_image_lacks_fails_the_step_alone(site: Site) -> None:
    job = site.run(
        step_plan=[
            Step(index=1, script="echo no", shell="bash"),
            Step(index=2, script="echo after", condition="failure()"),
        ]
    )
    assert "bash" in job.text
    assert job.last.error.startswith("Step 1: echo no: exit status 12")
    assert job.text.endswith("\nafter\n")
    assert eventually(lambda: site.engine.containers == [], what="the end of the container")


@pytest.mark.parametrize("wanted", [{}, {"container_user": USER}], ids=["agents-user", "another-user"])
def test_steps_leave_variables_folders_and_outputs(site: Site, wanted: dict[str, str]) -> None:
    job = site.run(
        step_plan=[
            Step(index=1, script='echo "POT=it\'s iron" >> "$CICTL_ENV"; echo "$PWD/bin" >> "$CICTL_PATH"'),
            Step(index=2, script='mkdir bin; printf "#!/bin/sh\\necho brewed" > bin/brew; chmod +x bin/brew; brew'),
            Step(index=3, script='echo "pot=$POT" >> "$CICTL_OUTPUT"'),
        ],
        declared_outputs={"pot": ""},
        **wanted,
    )
    assert job.last.error == ""
    assert "\nbrewed\n" in job.text
    assert job.last.outputs == {"pot": "it's iron"}


@pytest.mark.parametrize("wanted", [{}, {"container_user": USER}], ids=["agents-user", "another-user"])
def test_caches_of_the_checkout_are_saved_and_restored(site: Site, wanted: dict[str, str]) -> None:
    caches = [CacheSpec(id=uuid.uuid4().hex, path="deps", key="k")]
    site.run("mkdir deps; echo warm > deps/mark; chmod 600 deps/mark", caches=caches, **wanted)
    job = site.run("cat deps/mark; echo more >> deps/mark", caches=caches, **wanted)
    assert (job.last.error, "\nwarm\n" in job.text) == ("", True)
