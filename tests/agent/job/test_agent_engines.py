"""Which engine the containers of an agent run in; the engines are stand-ins."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from cictl_testing.agents.engine import StandInEngine
from cictl_testing.agents.thread import AgentThread
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl.wire.jobs import JobStatus
from cictl_agent.job.containers.choice import EngineChoice
from cictl_agent.job.containers.container import ContainerUse
from cictl_agent.job.failures import JobFailed
from cictl_agent.system.process_groups import PosixGroups

USE = ContainerUse(probed=())
IN_IMAGE = {"runtime_probe.container_image": "img:1"}
PODMAN = {"host": {"security": {"rootless": False}}}
NO_DAEMON = "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?"
ADVICE = "start one, or name the command of one that does in CICTL_CONTAINER_ENGINE"


@pytest.fixture
def docker(tmp_path: Path) -> StandInEngine:
    return StandInEngine(tmp_path / "docker")


@pytest.fixture
def podman(tmp_path: Path) -> StandInEngine:
    return StandInEngine(tmp_path / "podman", name="podman", info=PODMAN)


@pytest.fixture
def path(docker: StandInEngine, podman: StandInEngine) -> dict[str, str]:
    """An environment whose path leads to both, and to nothing else."""
    return {"PATH": f"{docker.bin_dir}:{podman.bin_dir}"}


@pytest.fixture
def choice() -> EngineChoice:
    return EngineChoice("", PosixGroups())


def test_docker_is_chosen_before_podman(choice: EngineChoice, docker: StandInEngine, path: dict[str, str]) -> None:
    assert choice.choose(path).path == str(docker.path)
    assert choice.capability == {"container_engine": "docker"}


def test_podman_is_chosen_where_it_is_alone(choice: EngineChoice, podman: StandInEngine) -> None:
    assert choice.choose({"PATH": str(podman.bin_dir)}).is_podman
    assert choice.capability == {"container_engine": "podman"}


def test_wanted_engine_is_chosen(podman: StandInEngine, path: dict[str, str]) -> None:
    assert EngineChoice("podman", PosixGroups()).choose(path).path == str(podman.path)


def test_engine_that_answers_is_chosen_before_one_that_does_not(
    choice: EngineChoice, docker: StandInEngine, podman: StandInEngine, path: dict[str, str]
) -> None:
    docker.fail("info", NO_DAEMON)
    assert choice.choose(path).path == str(podman.path)


def test_docker_that_reports_a_missing_daemon_as_a_success_does_not_answer(tmp_path: Path) -> None:
    docker = StandInEngine(tmp_path / "old", info={"ServerErrors": [NO_DAEMON], "ClientInfo": {"Warnings": None}})
    with pytest.raises(JobFailed, match="Cannot connect to the Docker daemon"):
        EngineChoice("", PosixGroups()).choose({"PATH": str(docker.bin_dir)})


def test_engine_that_hangs_is_given_up(docker: StandInEngine) -> None:
    docker.hang("info")
    with pytest.raises(JobFailed, match=r"docker: no answer within 0\.1 s"):
        EngineChoice("", PosixGroups(), answer_seconds=0.1).choose({"PATH": str(docker.bin_dir)})


def test_choice_is_remembered(choice: EngineChoice, docker: StandInEngine, path: dict[str, str]) -> None:
    assert choice.choose(path) == choice.choose(path)
    assert len(docker.called("info")) == 1


def test_engines_are_asked_again_while_none_answers(
    choice: EngineChoice, docker: StandInEngine, path: dict[str, str]
) -> None:
    alone = {"PATH": str(docker.bin_dir)}
    docker.fail("info", NO_DAEMON)
    with pytest.raises(JobFailed):
        choice.choose(alone)
    assert choice.capability == {}
    docker.mend("info")
    assert choice.choose(alone).path == str(docker.path)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        pytest.param(
            "",
            "docker not found on agent, nor podman; install one, or name an engine's command in CICTL_CONTAINER_ENGINE",
            id="none",
        ),
        pytest.param("nerd", "nerd not found on agent; CICTL_CONTAINER_ENGINE names it", id="wanted"),
    ],
)
def test_agent_without_an_engine_says_so(tmp_path: Path, wanted: str, error: str) -> None:
    with pytest.raises(JobFailed) as caught:
        EngineChoice(wanted, PosixGroups()).choose({"PATH": str(tmp_path)})
    assert caught.value.error == error


def test_all_that_was_tried_is_told(
    choice: EngineChoice, docker: StandInEngine, podman: StandInEngine, path: dict[str, str]
) -> None:
    docker.fail("info", NO_DAEMON)
    podman.fail("info", "Error: cannot set up namespace", code=125)
    with pytest.raises(JobFailed) as caught:
        choice.choose(path)
    tried = f"{docker.path}: {NO_DAEMON}; {podman.path}: Error: cannot set up namespace"
    assert caught.value.error == f"no container engine answers on agent ({tried}); {ADVICE}"


def test_wanted_engine_that_does_not_answer_is_told(docker: StandInEngine, path: dict[str, str]) -> None:
    docker.fail("info", NO_DAEMON)
    with pytest.raises(JobFailed) as caught:
        EngineChoice("docker", PosixGroups()).choose(path)
    assert caught.value.error == (
        f"container engine does not answer on agent ({docker.path}: {NO_DAEMON}); CICTL_CONTAINER_ENGINE names it"
    )


def test_job_goes_to_the_engine_that_answers_and_the_next_one_where_it_went(
    server: ScriptedServer,
    tmp_path: Path,
    docker: StandInEngine,
    podman: StandInEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, (docker.bin_dir, podman.bin_dir, os.environ["PATH"]))))
    agent = AgentThread(server, tmp_path / "work", container_use=USE)
    assert server.finished(server.enqueue(metadata=IN_IMAGE)).status is JobStatus.SUCCEEDED
    docker.fail("info", NO_DAEMON)
    docker.fail("run", NO_DAEMON)
    assert NO_DAEMON in server.finished(server.enqueue(metadata=IN_IMAGE)).last.error
    assert server.finished(server.enqueue(metadata=IN_IMAGE)).status is JobStatus.SUCCEEDED
    eventually(lambda: len(server.leases) > 3, what="the lease after the jobs")
    agent.stop()
    assert len(podman.called("run")) == 1
    assert server.leases[-1].capabilities["container_engine"] == "podman"


ROOTLESS = {"host": {"security": {"rootless": True}}}


@pytest.mark.parametrize(
    ("name", "info", "user", "options"),
    [
        pytest.param("podman", PODMAN, "", ["1234:{gid}"], id="podman"),
        pytest.param("podman", ROOTLESS, "", ["1234:{gid}", "keep-id"], id="rootless-podman"),
        pytest.param("podman", ROOTLESS, "root", ["root"], id="rootless-podman-as-root"),
        pytest.param("docker", ROOTLESS, "", ["1234:{gid}", "keep-id"], id="podman-named-docker"),
        pytest.param("docker", {"SecurityOptions": ["name=rootless"]}, "", ["0:0"], id="rootless-docker"),
    ],
)
def test_steps_run_as_the_agents_user_unless_the_job_wants_another(
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    info: object,
    user: str,
    options: list[str],
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1234)
    engine = StandInEngine(tmp_path / "engine", name=name, info=info)
    agent = AgentThread(server, tmp_path / "work", container_engine=str(engine.path), container_use=USE)
    server.finished(server.enqueue(metadata={**IN_IMAGE, "runtime_exec.container_user": user}))
    agent.stop()
    [call] = engine.called("run")
    given = [value for word, value in pairwise(call.arguments) if word in ("--user", "--userns")]
    assert given == [option.format(gid=os.getgid()) for option in options]
