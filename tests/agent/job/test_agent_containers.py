"""Jobs in containers, with a stand-in for the engine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.agents.engine import StandInEngine
from cictl_testing.agents.thread import AgentThread, gone
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import ScriptedServer, ServedJob, nth_job_id

from cictl.base.job_parts import CacheSpec
from cictl.wire.jobs import JobStatus, Step
from cictl.wire.metadata import JobMetadata
from cictl_agent.job.containers.container import ContainerSpec, ContainerUse, container_name, read_spec

RunJob = Callable[..., ServedJob]
NAME = container_name(nth_job_id(1))
USE = ContainerUse(probed=("git",))
"""One tool is looked for inside, because each costs a process."""
IN_IMAGE = {"runtime_probe.container_image": "img:1"}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandInEngine:
    """A docker that comes first on the path."""
    standing_in = StandInEngine(tmp_path / "engine")
    monkeypatch.setenv("PATH", f"{standing_in.bin_dir}{os.pathsep}{os.environ['PATH']}")
    return standing_in


@pytest.fixture
def container_use() -> ContainerUse:
    return USE


@pytest.fixture
def agent(
    engine: StandInEngine, server: ScriptedServer, tmp_path: Path, container_use: ContainerUse
) -> Iterator[AgentThread]:
    running = AgentThread(server, tmp_path / "work", container_use=container_use)
    yield running
    running.stop()


@pytest.fixture
def run(engine: StandInEngine, server: ScriptedServer, agent: AgentThread) -> RunJob:
    """Return a verb that has a job run to its end in a container."""

    def run_job(**fields: Any) -> ServedJob:
        return server.finished(server.enqueue(**{"metadata": IN_IMAGE, **fields}))

    return run_job


@pytest.mark.parametrize(
    ("job", "digest"),
    [
        ("", "cbf29ce484222325"),
        ("a", "af63dc4c8601ec8c"),
        ("foobar", "85944171f73967e8"),
        pytest.param("job-700", "866a2ff068fdedc", id="not-padded"),
    ],
)
def test_container_is_named_by_the_jobs_digest(job: str, digest: str) -> None:
    assert container_name(job) == f"ciwi-probe-{digest}"


def test_job_without_an_image_wants_no_container() -> None:
    assert read_spec(JobMetadata({"runtime_exec.container_user": "1", "runtime_probe.container_image": " "})) is None


def test_what_the_metadata_say_of_a_container() -> None:
    keys = {"workdir": "/w", "user": "1:2", "devices": "/dev/a, /dev/b,,/dev/a", "groups": " video "}
    metadata = {**IN_IMAGE, **{f"runtime_exec.container_{key}": value for key, value in keys.items()}}
    assert read_spec(JobMetadata(metadata)) == ContainerSpec(
        image="img:1", directory="/w", user="1:2", devices=("/dev/a", "/dev/b"), groups=("video",)
    )


def test_steps_run_in_the_container(run: RunJob, engine: StandInEngine, agent: AgentThread) -> None:
    job = run(step_plan=[Step(index=1, script="echo text > made"), Step(index=2, script="cat made")])
    assert (job.status, job.text.endswith("text\n")) == (JobStatus.SUCCEEDED, True)
    steps = [call.arguments for call in engine.called("exec") if "-i" in call.arguments]
    assert [step[:4] for step in steps] == [["exec", "-i", "-w", "/workspace"]] * 2
    assert [workspace.joinpath("made").read_text() for workspace in agent.config.workspaces_dir.iterdir()] == ["text\n"]


def test_bash_runs_in_the_container_with_its_own_options(run: RunJob, engine: StandInEngine) -> None:
    job = run(step_plan=[Step(index=1, script="false | true\necho on", shell="bash")])
    [step] = [call.arguments for call in engine.called("exec") if "-i" in call.arguments]
    assert step[-3:-1] == ["bash", "-lc"]
    assert job.last.error.endswith(": exit status 1")


def test_container_is_started_with_what_the_job_wants(run: RunJob, engine: StandInEngine, agent: AgentThread) -> None:
    wanted = {"workdir": "/w", "user": "7:8", "devices": "/dev/null", "groups": "video,44"}
    metadata = {**IN_IMAGE, **{f"runtime_exec.container_{key}": value for key, value in wanted.items()}}
    run(script="true", metadata=metadata, caches=[CacheSpec(id="deps", env="DEPS")])
    [call] = engine.called("run")
    [workspace] = agent.config.workspaces_dir.iterdir()
    [cache] = agent.config.cache_dir.glob(".projects/*/deps")
    options = ["--name", NAME, "--stop-timeout", "0", "-w", "/w", "--user", "7:8", "--device", "/dev/null"]
    groups = ["--group-add", "video", "--group-add", "44"]
    files = agent.config.spool_dir / f"{nth_job_id(1)}.files"
    places = {workspace: "/w", cache: cache, files: files}
    mounts = [part for source, at in places.items() for part in ("--mount", f"type=bind,source={source},target={at}")]
    expected = ["run", "-d", *options, *groups, *mounts, "img:1", "sleep"]
    assert call.arguments == [*expected, "infinity"]


def test_container_belongs_to_the_agents_user_and_is_mounted_at_the_usual_place(
    run: RunJob, engine: StandInEngine
) -> None:
    run()
    arguments = engine.called("run")[0].arguments
    assert arguments[arguments.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert any(argument.endswith(",target=/workspace") for argument in arguments)


def test_only_the_jobs_variables_reach_the_steps(run: RunJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_AGENT", "agent")
    job = run(
        env={"WHO": "job", "WHERE": "job", "CIWI_X": "it's\nnew", "UID": "7"},
        step_plan=[
            Step(
                index=1,
                env={"WHERE": "step", "dotted.name": "d"},
                script='tr "\\0" "\\n" < /proc/$$/environ; env; echo "<$WHO $WHERE $CICTL_X>"; echo "<$CI>"',
            )
        ],
        caches=[CacheSpec(id="deps", env="DEPS")],
    )
    assert "<job step it's\nnew>\n<true>" in job.text
    assert "\nGOFLAGS=-v\n" in job.text
    assert re.search(r"\nDEPS=.*/cache/\.projects/.*/deps\n", job.text)
    assert "\ndotted.name=d\n" in job.text
    assert "FROM_AGENT" not in job.text


def test_secrets_are_seen_by_the_step_alone(run: RunJob, engine: StandInEngine) -> None:
    step = Step(index=1, script='echo "${#PASSWORD} letters: $PASSWORD"', env={"PASSWORD": "hunter22"})
    job = run(step_plan=[step], sensitive_values=["hunter22"], metadata={**IN_IMAGE, "has_secrets": "1"})
    assert job.text.endswith("8 letters: ***\n")
    assert "hunter22" not in str(engine.calls)


def test_variables_of_the_job_do_not_act_on_the_engines_client(run: RunJob, engine: StandInEngine) -> None:
    script = 'test "$DOCKER_HOST,$PATH" = "tcp://evil:1,/nowhere" && echo as set'
    job = run(script=script, env={"DOCKER_HOST": "tcp://evil:1", "PATH": "/nowhere"})
    assert job.text.endswith("as set\n")
    assert all("evil" not in str(call.environment) for call in engine.calls)


def test_steps_have_no_input(run: RunJob) -> None:
    job = run(script="cat; cat /dev/stdin; echo end")
    assert job.text.split("\n")[-2:] == ["end", ""]
    assert "export" not in job.text


def test_trace_shows_the_script_and_nothing_of_its_environment(
    server: ScriptedServer, engine: StandInEngine, tmp_path: Path
) -> None:
    agent = AgentThread(server, tmp_path / "work", trace_shell=True, container_use=USE)
    job = server.finished(server.enqueue(script="echo one", metadata=IN_IMAGE, env={"A": "b"}))
    agent.stop()
    assert job.text.endswith("+ echo one\none\n")
    assert "export" not in job.text


@pytest.mark.parametrize("script", ["exit 3", "false\nexit 3", "nonesuch-command\nexit 3"])
def test_failing_step_fails_the_job_with_its_code(run: RunJob, script: str) -> None:
    job = run(step_plan=[Step(index=1, name="s", script=script)])
    code, meaning = {"e": (3, ""), "f": (1, ""), "n": (127, " (command not found)")}[script[0]]
    assert (job.last.error, job.last.exit_code) == (f"Step 1: s: exit status {code}{meaning}", code)


def test_long_script_runs_whole(run: RunJob) -> None:
    job = run(script=f": {'x' * 300_000}\necho 'the end'", env={"A": "b"})
    assert job.text.endswith("the end\n")


def test_missing_image_is_pulled_and_a_present_one_is_not(run: RunJob, engine: StandInEngine) -> None:
    assert "Pulling img:1\n" in run().text
    assert "Pulling" not in run().text
    assert len(engine.called("pull")) == 1


@pytest.mark.parametrize(
    ("verb", "text", "error"),
    [
        pytest.param(
            "pull",
            "Error response from daemon: manifest unknown",
            f'start runtime container "{NAME}" from "img:1": Error response from daemon: manifest unknown',
            id="no-image",
        ),
        pytest.param(
            "run",
            "docker: Error response from daemon: no such device\n\nRun 'docker run --help' for more information",
            f'start runtime container "{NAME}" from "img:1": docker: Error response from daemon: no such device',
            id="advice-after-the-error",
        ),
        pytest.param(
            "pull",
            'time="2026" level=warning msg="Failed, retrying in 1s. Error: refused"\nError: pinging container registry: refused',
            f'start runtime container "{NAME}" from "img:1": Error: pinging container registry: refused',
            id="podman-tries-again",
        ),
        pytest.param("run", "", f'start runtime container "{NAME}" from "img:1": exit status 1', id="silent"),
        pytest.param("inspect", "gone", f'runtime container "{NAME}" is not inspectable: gone', id="not-inspectable"),
    ],
)
def test_container_that_does_not_come_up_fails_the_job(
    run: RunJob, engine: StandInEngine, verb: str, text: str, error: str
) -> None:
    engine.fail(verb, text)
    assert run(script="echo never").last.error == error
    assert engine.containers == []


def test_container_that_exits_at_once_fails_the_job_with_its_last_words(run: RunJob, engine: StandInEngine) -> None:
    engine.let_containers_exit_at_once()
    job = run()
    assert job.last.error == f'runtime container "{NAME}" is not running'
    assert "[runtime] cannot sleep\n" in job.text


def test_image_that_looks_like_an_option_is_refused(run: RunJob, engine: StandInEngine) -> None:
    last = run(metadata={"runtime_probe.container_image": "--privileged"}).last
    assert last.error == f'start runtime container "{NAME}" from "--privileged": the image looks like an option'
    assert engine.called("run") == []


@pytest.mark.parametrize("container_use", [replace(USE, up_seconds=1.0)])
def test_container_that_is_slow_to_start_is_given_up(run: RunJob, engine: StandInEngine) -> None:
    engine.hang("run")
    assert run().last.error == f'start runtime container "{NAME}" from "img:1": stopped after 1 s'


@pytest.mark.weakness("A12.8")
@pytest.mark.parametrize("container_use", [replace(USE, up_seconds=0.0)])
def test_pull_takes_as_long_as_the_job_may(run: RunJob, engine: StandInEngine) -> None:
    engine.hang("pull")
    assert run(timeout_seconds=2).last.error == "job timed out"


@pytest.mark.weakness("A12.8")
def test_cancel_ends_what_runs_inside(
    server: ScriptedServer, engine: StandInEngine, agent: AgentThread, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    script = f"trap '' INT; echo $$ > {pid_file}; echo ready; while :; do sleep 0.05; done"
    begun = server.enqueue(script=script, metadata=IN_IMAGE)
    server.begun(begun, "ready")
    server.cancel(begun)
    assert server.finished(begun).last.exit_code == 137
    assert gone(int(pid_file.read_text()))
    assert [call.verb for call in engine.calls][-2:] == ["kill", "rm"]


def test_stopped_agent_removes_the_container(server: ScriptedServer, engine: StandInEngine, agent: AgentThread) -> None:
    begun = server.enqueue(script="echo ready; sleep 1000", metadata=IN_IMAGE)
    server.begun(begun, "ready")
    agent.stop()
    assert server.finished(begun).last.error == "agent stopped"
    assert engine.containers == []


@pytest.mark.parametrize("fields", [{"script": "echo \0"}, {"env": {"A": "\0"}}, {"env": {"a.b": "\0"}}])
def test_nul_fails_the_job(run: RunJob, fields: dict[str, Any]) -> None:
    assert run(**fields).last.error == "start shell: embedded null byte"


def test_background_process_in_the_container_ends_with_the_job(run: RunJob, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    run(script=f"sleep 1000 > /dev/null 2>&1 & echo $! > {pid_file}")
    assert gone(int(pid_file.read_text()))


@pytest.mark.parametrize("script", ["true", "exit 1"])
def test_container_is_removed_at_the_end(run: RunJob, engine: StandInEngine, agent: AgentThread, script: str) -> None:
    run(script=script)
    assert engine.containers == []
    assert list(agent.config.containers_dir.iterdir()) == []


def test_container_that_cannot_be_removed_is_removed_by_the_next_agent(
    server: ScriptedServer, engine: StandInEngine, tmp_path: Path
) -> None:
    agent = AgentThread(server, tmp_path / "work", container_use=USE)
    begun = server.enqueue(script="touch ready; while [ ! -e go ]; do sleep 0.02; done", metadata=IN_IMAGE)
    [ready] = eventually(lambda: list(agent.config.workspaces_dir.glob("*/ready")), what="the step")
    engine.fail("rm", "no contact")
    (ready.parent / "go").touch()
    job = server.finished(begun)
    agent.stop()
    assert job.status is JobStatus.SUCCEEDED
    assert f"[runtime] container {NAME} is not removed: no contact\n" in job.text
    engine.mend("rm")
    AgentThread(server, tmp_path / "work").stop()
    assert engine.containers == []
    assert list(agent.config.containers_dir.iterdir()) == []


def test_container_that_could_not_be_removed_is_removed_after_the_next_job(run: RunJob, engine: StandInEngine) -> None:
    engine.fail("rm", "no contact")
    run()
    assert engine.containers == [NAME]
    engine.mend("rm")
    run()
    assert engine.containers == []


def test_container_of_an_agent_of_a_former_version_is_removed(
    server: ScriptedServer, engine: StandInEngine, tmp_path: Path
) -> None:
    engine.add_container(NAME)
    markers = tmp_path / "work" / "containers"
    markers.mkdir(parents=True)
    (markers / NAME).touch()
    AgentThread(server, tmp_path / "work").stop()
    assert (engine.containers, list(markers.iterdir())) == ([], [])


def test_a_step_begins_after_few_calls_of_the_engine(run: RunJob, engine: StandInEngine) -> None:
    """Each costs a process, which is most of the time until then. The last two look for tools inside."""
    run()
    before = len(engine.calls)
    run()
    [first, *_] = [number for number, call in enumerate(engine.calls) if number >= before and "-i" in call.arguments]
    assert [call.verb for call in engine.calls[before:first]] == ["image", "run", "inspect", "exec", "exec"]


def test_stale_container_is_removed_first(run: RunJob, engine: StandInEngine) -> None:
    engine.add_container(NAME)
    assert run().status is JobStatus.SUCCEEDED


def test_tools_in_the_container_are_told(run: RunJob, engine: StandInEngine) -> None:
    told = run().last.runtime_capabilities
    assert told["container.name"] == NAME
    assert told["container.tool.git"] == told["host.tool.git"]
    assert "container.probe_error" not in told


def test_container_that_cannot_be_probed_is_told(run: RunJob, engine: StandInEngine) -> None:
    engine.fail("exec", 'OCI runtime exec failed: exec: "sh": not found', code=127)
    last = run(script="true").last
    assert last.runtime_capabilities["container.probe_error"] == 'OCI runtime exec failed: exec: "sh": not found'
    assert last.error == "exit status 127 (command not found)"


def test_missing_tools_in_the_container_fail_the_job(run: RunJob) -> None:
    required = {"nonesuch": "", "rare": ">=2", "git": ">=1000"}
    last = run(required_capabilities={f"requires.container.tool.{k}": v for k, v in required.items()}).last
    git = last.runtime_capabilities["container.tool.git"]
    assert last.error == (
        f"container tool requirements unmet: git={git} does not satisfy >=1000; "
        "nonesuch missing in runtime container; rare missing in runtime container (required >=2)"
    )


def test_tool_that_tells_no_version_is_there_all_the_same(run: RunJob) -> None:
    job = run(required_capabilities={"requires.container.tool.true": ""})
    assert (job.status, job.last.runtime_capabilities["container.tool.true"]) == (JobStatus.SUCCEEDED, "1")
