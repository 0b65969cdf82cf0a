"""Who gets the files of a job's container when; that it works is tried with real engines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from cictl_testing.agents.engine import StandInEngine

from cictl_agent.job.containers.engine import Engine
from cictl_agent.job.containers.ownership import Ownership
from cictl_agent.system.commands import CommandResult
from cictl_agent.system.process_groups import PosixGroups


@pytest.mark.parametrize(
    ("agent", "user", "is_rootless", "handed", "taken"),
    [
        pytest.param("7:7", "", False, [], [], id="agents-own"),
        pytest.param("7:7", "7", False, [], [], id="named-agents-own"),
        pytest.param("7:7", "1000:1000", False, ["1000:1000"], ["7:7"], id="another"),
        pytest.param("7:7", "root", False, [], ["7:7"], id="root"),
        pytest.param("0:0", "builder", False, ["builder"], [], id="another-by-root"),
        pytest.param("0:0", "builder", True, ["builder"], ["0:0"], id="another-in-a-rootless-engine"),
        pytest.param("0:0", "root", True, [], [], id="root-in-a-rootless-engine"),
        pytest.param("", "builder", False, [], [], id="system-without-ids"),
    ],
)
def test_files_go_to_the_steps_user_and_back(
    tmp_path: Path, agent: str, user: str, *, is_rootless: bool, handed: list[str], taken: list[str]
) -> None:
    docker = StandInEngine(tmp_path / "docker")
    engine = Engine(path=str(docker.path), environment={}, groups=PosixGroups(), is_rootless=is_rootless)
    commands: list[Sequence[str]] = []

    def run(arguments: Sequence[str]) -> CommandResult:
        commands.append(arguments)
        return CommandResult(0, "")

    ownership = Ownership(engine=engine, name="c", user=user, agent=agent, paths=["/w", "/cache"])
    assert ownership.hand_over(run) == ""
    docker.fail("exec", "Error: no chown here")
    assert ownership.take_back() == ("Error: no chown here" if taken else "")
    chown = ["exec", "--user", "0:0", "c", "chown", "-R", "-h"]
    assert commands == [[*chown, owner, "/w", "/cache"] for owner in handed]
    assert [call.arguments for call in docker.called("exec")] == [[*chown, owner, "/w", "/cache"] for owner in taken]
