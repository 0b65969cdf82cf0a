"""An agent of Windows at work, with stand-ins for cmd.exe, powershell and taskkill that do what those do."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from cictl_testing.agents.programs import Programs
from cictl_testing.agents.thread import AgentThread, gone
from cictl_testing.files import zipped
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl.base.job_parts import CacheSpec
from cictl.wire.agents import HeartbeatResponse
from cictl.wire.jobs import JobStatus
from cictl_agent.system.commands import Exit, ask, run_command
from cictl_agent.system.interruption import Interrupted, Interruption, StopReason
from cictl_agent.system.paths import is_link
from cictl_agent.system.pipes import ThreadedPipe
from cictl_agent.system.platforms.windows import Windows
from cictl_agent.system.process_groups import TaskkillGroups
from cictl_agent.system.processes import TreeProcesses
from cictl_agent.system.service_managers import WindowsService
from cictl_agent.system.trees import make_writable

CMD = 'tr -d "\\r" < "$3" | grep -v "^@" > "$3.sh"; exec sh "$3.sh"'
POWERSHELL = 'echo "$4" | grep -v -e "^try" -e "^.Error" > "$0.sh"; exec sh "$0.sh"'
TASKKILL = '[ "$4" = /F ] || exit 1\nfor child in $(pgrep -P "$2"); do kill -KILL "$child"; done; kill -KILL "$2"'
GROUPS = TaskkillGroups(creation_flags=0)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Stand-ins for Windows' programs, before those of the real system."""
    standing_in = Programs(tmp_path / "programs")
    for name, script in {"cmd.exe": CMD, "powershell": POWERSHELL, "taskkill": TASKKILL}.items():
        standing_in.add(name, script)
    monkeypatch.setenv("PATH", f"{standing_in.bin_dir}{os.pathsep}{os.environ['PATH']}")
    return standing_in


@pytest.fixture
def agent(server: ScriptedServer, programs: Programs, tmp_path: Path) -> Iterator[AgentThread]:
    platform = Windows(groups=GROUPS)
    service = WindowsService("cictl-agent", creation_flags=0)
    running = AgentThread(server, tmp_path / "work", platform=platform, service=service)
    yield running
    running.stop()


class Shell:
    """Runs scripts as an agent of Windows runs the commands of jobs."""

    def __init__(self, directory: Path) -> None:
        self.interruption = Interruption()
        self.output = bytearray()
        self._directory = directory

    def run(self, script: str) -> Exit:
        return run_command(
            ["sh", "-c", script],
            directory=self._directory,
            environment=os.environ,
            sink=self.output.extend,
            interruption=self.interruption,
            processes=TreeProcesses(GROUPS),
        )

    def interrupt_at(self, text: bytes) -> None:
        def watch() -> None:
            eventually(lambda: text in self.output, what=text.decode())
            self.interruption.give(StopReason.OVER)

        threading.Thread(target=watch).start()


@pytest.fixture
def shell(tmp_path: Path, programs: Programs) -> Shell:
    return Shell(tmp_path)


def test_agent_says_what_it_is(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: server.leases, what="a lease")
    capabilities = server.leases[0].capabilities
    assert {k: capabilities[k] for k in ("os", "shells", "run_mode")} == {
        "os": "windows",
        "shells": "cmd,powershell",
        "run_mode": "service",
    }
    assert server.heartbeats[0].os == "windows"


def test_job_that_wants_no_shell_runs_in_cmd(server: ScriptedServer, agent: AgentThread, programs: Programs) -> None:
    job = server.finished(server.enqueue(script="echo grün\nexit 3"))
    assert job.text.endswith("grün\n")
    assert (job.last.exit_code, job.last.error) == (3, "exit status 3")
    assert len(programs.calls("cmd.exe")) == 1


def test_job_that_wants_powershell_gets_it(server: ScriptedServer, agent: AgentThread, programs: Programs) -> None:
    job = server.finished(server.enqueue(script="echo here", required_capabilities={"shell": "PowerShell"}))
    assert (job.status, job.text.endswith("here\n")) == (JobStatus.SUCCEEDED, True)
    assert programs.calls("cmd.exe") == []


def test_job_for_another_systems_shell_fails(server: ScriptedServer, agent: AgentThread) -> None:
    job = server.finished(server.enqueue(script="true", required_capabilities={"shell": "posix"}))
    assert job.last.error == 'resolve job shell: unsupported shell "posix"'


def test_cache_is_not_named_like_a_device(server: ScriptedServer, agent: AgentThread) -> None:
    job = server.finished(server.enqueue(script='echo "$C"', caches=[CacheSpec(id="aux", env="C")]))
    assert job.text.endswith("/_aux\n")


def test_artifacts_that_windows_would_put_elsewhere_are_left_out(server: ScriptedServer, agent: AgentThread) -> None:
    server.dependencies["job-0"] = zipped({"a.txt": b"a", "b.txt:hidden": b"b", "nul": b"n"})
    job = server.finished(server.enqueue(script="ls", env={"CIWI_DEP_ARTIFACT_JOB_IDS": "job-0"}))
    assert "[dep-artifacts] warning: skipped 'b.txt:hidden' of job-0: no file can have that name here" in job.text
    assert job.text.splitlines()[-1] == "a.txt"


def test_cancelled_job_is_asked_to_end_and_then_ended(
    server: ScriptedServer, agent: AgentThread, programs: Programs
) -> None:
    job_id = server.enqueue(script="echo $$ > ../../pid; echo ready; sleep 1000")
    server.begun(job_id, "ready")
    server.cancel(job_id)
    assert server.finished(job_id).last.error == "job marked failed on server: cancelled by user"
    pid = int((agent.config.work_dir / "pid").read_text())
    assert gone(pid)
    assert programs.calls("taskkill")[:2] == [["/PID", str(pid), "/T"], ["/PID", str(pid), "/T", "/F"]]


def test_service_is_restarted_by_powershell(server: ScriptedServer, agent: AgentThread, programs: Programs) -> None:
    server.orders.append(HeartbeatResponse(accepted=True, restart_requested=True))
    agent.join()
    programs.eventually_called("powershell")
    assert "Start-Service -Name 'cictl-agent'" in programs.calls("powershell")[0][-1]
    assert agent.agent.exit_code == 0


@pytest.mark.usefixtures("_heard_before_the_end")
def test_service_that_cannot_be_restarted_fails_so_that_it_is_recovered(
    server: ScriptedServer, agent: AgentThread, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs.bin_dir / "powershell").unlink()
    server.orders.append(HeartbeatResponse(accepted=True, restart_requested=True))
    agent.join()
    said = [heartbeat.restart_status for heartbeat in server.heartbeats if heartbeat.restart_status][1:]
    assert said[0] == "restart via windows service requested (cictl-agent)"
    assert said[1].startswith("service restart failed; fallback exit requested: ")
    assert agent.agent.exit_code == 23


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param("exit 0", 0, id="success"),
        pytest.param("exit 3", 3, id="failure"),
        pytest.param("exec >&- 2>&-; exit 4", 4, id="output-closed-early"),
    ],
)
def test_ends_are_told_apart(shell: Shell, script: str, code: int) -> None:
    assert shell.run(script).code == code


def test_large_output_arrives_whole_and_in_order(shell: Shell) -> None:
    shell.run("seq 1 300000; echo end >&2")
    assert shell.output.decode().split() == [*map(str, range(1, 300_001)), "end"]


def test_process_that_is_out_of_reach_does_not_hold_the_step(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("sleep 1000 & echo $! > pid; echo done").code == 0
    assert shell.output == b"done\n"
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_interrupted_tree_is_gone(shell: Shell, tmp_path: Path) -> None:
    shell.interrupt_at(b"ready")
    with pytest.raises(Interrupted):
        shell.run("sleep 1000 & echo $! > pid; echo ready; wait")
    assert gone(int((tmp_path / "pid").read_text()))


def test_command_ends_even_where_taskkill_does_not_work(shell: Shell, programs: Programs) -> None:
    programs.add("taskkill", "exit 1")
    shell.interrupt_at(b"ready")
    with pytest.raises(Interrupted):
        shell.run("echo ready; exec sleep 1000")


def test_program_that_does_not_answer_is_ended(programs: Programs) -> None:
    answer = ask(["sleep", "1000"], limit_seconds=0.5, environment=os.environ, groups=GROUPS)
    assert answer.code == -1
    [[_, pid, *_]] = programs.calls("taskkill")
    assert gone(int(pid))


def test_reader_of_a_pipe_that_was_given_up_ends(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    output = os.fdopen(reading, "rb")
    pipe = ThreadedPipe(output)
    with os.fdopen(writing, "wb") as writer:
        pipe.close()
        writer.write(b"late")
    eventually(lambda: output.closed, what="the end of the thread")


def test_junction_is_a_link() -> None:
    def entry(tag: int) -> os.DirEntry[str]:
        status = SimpleNamespace(st_reparse_tag=tag)
        made = SimpleNamespace(is_symlink=lambda: False, stat=lambda follow_symlinks: status)
        return cast("os.DirEntry[str]", made)

    assert [is_link(entry(tag), has_junctions=True) for tag in (0xA0000003, 0)] == [True, False]


def test_read_only_files_are_made_writable_and_what_links_lead_to_is_not(tmp_path: Path) -> None:
    for name in ("kept", "tree/sub/deleted"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch(mode=0o400)
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    make_writable(tmp_path / "tree")
    assert (tmp_path / "tree/sub/deleted").stat().st_mode & stat.S_IWUSR
    assert not (tmp_path / "kept").stat().st_mode & stat.S_IWUSR
