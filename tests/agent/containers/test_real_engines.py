"""Jobs in containers of real engines, docker and podman; what a real engine can't be made to do is in `job`."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import psutil
import pytest
from cictl_testing.engines.image import IMAGE, USER
from cictl_testing.engines.registry import Registry
from cictl_testing.engines.site import Site
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import nth_job_id

from cictl.base.job_parts import CacheSpec
from cictl.wire.jobs import JobStatus, Step
from cictl_agent.job.containers.container import container_name
from cictl_agent.job.containers.launching import Launch, Launcher

NASTY = 'it\'s "quoted" \\ $HOME `id` %s\n\ttab, Zürich, 東京 🙂 end'


pytestmark = pytest.mark.xdist_group("engines")


@pytest.fixture
def mark() -> str:
    """A number of seconds to sleep that no other process on this machine has on its command line."""
    return f"1{uuid.uuid4().int % 10**8:08d}"


@pytest.fixture
def registry(site: Site) -> Iterator[Registry]:
    running = Registry()
    site.engine.trust(running.address)
    yield running
    running.close()


def command_lines() -> str:
    """Return the command lines of all processes."""
    lines = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return "\n".join(" ".join(line) for line in lines)


def none_left(text: str) -> bool:
    """Wait until no process has *text* on its command line."""
    return bool(eventually(lambda: text not in command_lines(), what=f"the end of {text}"))


def test_steps_find_their_variables_directory_caches_and_network(site: Site, mark: str) -> None:
    # Where the engine's default is the host's network, those of other tests come and go in it.
    interfaces = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | grep -v -e ^cictl -e ^veth"
    values = 'printf "<%s>\\n" "$NASTY" "${EMPTY-unset}"; pwd; cat; tr "\\0" "\\n" < /proc/$$/environ; env'
    job = site.run(
        step_plan=[
            Step(index=1, env={"NASTY": NASTY, "EMPTY": "", "dotted.name": "d"}, script=values),
            Step(index=2, script=f'test -z "${{NASTY+set}}"; echo made > own; echo made > "$DEPS/own"; {interfaces}'),
            Step(index=3, script=f"sleep {mark} > /dev/null 2>&1 &"),
            Step(index=4, script=f": {'x' * 300_000}\nfor n in $(seq 3000); do echo out$n; echo err$n >&2; done"),
        ],
        env={"OF_JOB": "job", "UID": "7", "LONG": "b" * 100_000},
        caches=[CacheSpec(id="deps", env="DEPS")],
    )
    assert job.status is JobStatus.SUCCEEDED, job.text
    assert f"<{NASTY}>\n<>\n/workspace\n" in job.text
    assert "\ndotted.name=d\n" in job.text
    assert "\nOF_JOB=job\n" in job.text
    assert "FROM_AGENT" not in job.text
    [cache] = (site.work_dir / "cache").glob(".projects/*/deps")
    written = (site.workspace / "own", cache / "own")
    assert {path.stat().st_uid for path in written} == {os.getuid()}
    own_network = site.engine.ask("run", "--rm", IMAGE, "sh", "-c", interfaces)
    assert f"\n{own_network}[run] Step 3: " in job.text
    assert job.text.endswith("".join(f"out{n}\nerr{n}\n" for n in range(1, 3001)))
    assert none_left(mark)


def test_secret_is_on_no_command_line_and_the_engine_does_not_know_it(site: Site) -> None:
    secret = uuid.uuid4().hex
    step = Step(
        index=1, env={"PASSWORD": secret}, script='echo "ready $PASSWORD"; while [ ! -e go ]; do sleep 0.05; done'
    )
    begun = site.enqueue(step_plan=[step], sensitive_values=[secret], metadata={"has_secrets": "1"})
    site.server.begun(begun, "ready ***")
    [name] = site.engine.containers
    assert secret not in command_lines()
    assert secret not in site.engine.ask("inspect", name)
    assert not any(secret in str(path.read_bytes()) for path in site.workspace.rglob("*") if path.is_file())
    (site.workspace / "go").touch()
    assert site.server.finished(begun).status is JobStatus.SUCCEEDED


def test_container_has_the_user_directory_groups_and_devices_that_the_job_wants(site: Site) -> None:
    job = site.run(
        'echo own > own; echo own > "$DEPS/of-builder"; id -u; id -g; id -G; pwd; stat -c %t:%T /dev/mine; echo $HOME',
        container_user=USER,
        container_workdir="/somewhere/deep",
        container_groups="video,4242",
        container_devices="/dev/null:/dev/mine",
        caches=[CacheSpec(id="deps", env="DEPS")],
    )
    assert job.status is JobStatus.SUCCEEDED, job.text
    lines = job.text.splitlines()[-6:]
    assert lines[:2] == ["1000", "1000"]
    assert {"44", "4242"} <= set(lines[2].split())
    assert lines[3:] == ["/somewhere/deep", "1:3", "/home/builder"]


def test_user_whom_the_image_does_not_know_has_a_home(site: Site) -> None:
    job = site.run('echo kept > "$HOME/file"; echo kept > file; cat "$HOME/file"', container_user="4321:4321")
    assert job.text.endswith("kept\n")


@pytest.mark.parametrize(
    ("script", "code", "meaning"),
    [("nonesuch-command", 127, "command not found"), ("kill -9 $$", 137, "128 + SIGKILL")],
)
def test_failing_step_fails_the_job_with_its_code(site: Site, script: str, code: int, meaning: str) -> None:
    last = site.run(script).last
    assert (last.error, last.exit_code) == (f"exit status {code} ({meaning})", code)


def test_cancel_in_the_middle_leaves_nothing(site: Site, mark: str) -> None:
    begun = site.enqueue(f"trap '' INT TERM; sleep {mark} & setsid sleep {mark} & echo ready; sleep {mark}")
    site.server.begun(begun, "ready")
    site.server.cancel(begun)
    assert site.server.finished(begun).last.exit_code == 137
    assert site.engine.containers == []
    assert none_left(mark)


def test_time_limit_leaves_nothing(site: Site, mark: str) -> None:
    job = site.run(f"trap '' INT TERM; sleep {mark} & sleep {mark}", timeout_seconds=3)
    assert job.last.error == "job timed out"
    assert site.engine.containers == []
    assert none_left(mark)


def test_next_agent_removes_what_a_killed_one_left(site: Site, mark: str) -> None:
    begun = site.enqueue(f"echo ready; sleep {mark}")
    site.server.begun(begun, "ready")
    site.restart_agent()
    site.agent.wait_for_line("tools found")
    assert site.engine.containers == []
    assert none_left(mark)


def test_container_that_nobody_removed_gives_way(site: Site) -> None:
    name = container_name(nth_job_id(len(site.server.jobs) + 1))
    site.engine.ask("run", "-d", "--stop-timeout", "0", "--name", name, IMAGE, "sleep", "infinity")
    assert site.run("echo new").text.endswith("new\n")


def test_image_is_pulled_while_the_log_tells(site: Site, registry: Registry) -> None:
    registry.released.clear()
    begun = site.enqueue("echo inside", image=registry.image("bb"))
    site.server.begun(begun, "Copying blob" if site.engine.name == "podman" else "Pulling fs layer")
    registry.released.set()
    assert site.server.finished(begun).text.endswith("inside\n")


def test_pull_ends_with_the_jobs_time(site: Site, registry: Registry) -> None:
    registry.released.clear()
    image = registry.image("held")
    job = site.run(image=image, timeout_seconds=3)
    assert job.last.error == "job timed out"
    assert none_left(f"pull {image}")


@pytest.mark.parametrize(
    ("image", "text"), [("{registry}/absent:1", "manifest unknown"), ("Not An Image", "invalid reference format")]
)
def test_image_that_cannot_be_had_fails_the_job(site: Site, registry: Registry, image: str, text: str) -> None:
    name = image.format(registry=registry.address)
    error = site.run(image=name).last.error
    assert error.startswith("start runtime container ")
    assert f'from "{name}": ' in error
    assert text in error


def test_image_that_does_not_stay_fails_the_job_with_its_last_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Launcher.check

    def after_its_end(launcher: Launcher, launch: Launch) -> None:
        """Look once it has ended: a busy engine may take so long that the first step has begun."""
        launcher.engine.ask("wait", launch.name, limit_seconds=60)
        check(launcher, launch)

    monkeypatch.setattr(Launcher, "check", after_its_end)
    site.engine.import_image("localhost/short:1", 'ENTRYPOINT ["/bin/sh", "-c", "echo bye; exit 1"]')
    job = site.run(image="localhost/short:1")
    assert "is not running" in job.last.error
    assert "[runtime] bye\n" in job.text
