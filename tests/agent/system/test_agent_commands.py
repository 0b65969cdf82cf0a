from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cictl_testing.agents.ending import EndLate
from cictl_testing.agents.thread import TEST_JOB, gone, is_alive
from cictl_testing.processes import eventually

from cictl.base.system.processes import Process
from cictl_agent.system import commands
from cictl_agent.system.commands import CommandTimedOut, Exit, run_command
from cictl_agent.system.interruption import Interrupted, Interruption, StopReason
from cictl_agent.system.pipes import Leftovers, SelectedPipe
from cictl_agent.system.processes import JOB_VARIABLE, JobProcesses


class Shell:
    """Runs scripts as a job's steps are run, and gathers what they print."""

    def __init__(self, directory: Path, interruption: Interruption, processes: JobProcesses) -> None:
        self._directory = directory
        self._interruption = interruption
        self._processes = processes
        self._output = bytearray()

    @property
    def output(self) -> str:
        return self._output.decode()

    def run(self, script: str, *, limit_seconds: float | None = None) -> Exit:
        return run_command(
            ["sh", "-c", script],
            directory=self._directory,
            environment={**os.environ, JOB_VARIABLE: TEST_JOB},
            sink=self._output.extend,
            interruption=self._interruption,
            processes=self._processes,
            limit_seconds=limit_seconds,
        )

    def interrupt_at(self, text: str) -> None:
        """Give the order to stop as soon as *text* was printed."""

        def watch() -> None:
            eventually(lambda: text in self.output, what=text)
            self._interruption.give(StopReason.OVER)

        threading.Thread(target=watch).start()

    def touch_at(self, text: str, name: str) -> None:
        """Make the file *name* as soon as *text* was printed."""

        def watch() -> None:
            eventually(lambda: text in self.output, what=text)
            (self._directory / name).touch()

        threading.Thread(target=watch).start()

    def pid(self, name: str) -> int:
        """Return the process id that a script wrote into a file."""
        path = self._directory / name
        return int(eventually(lambda: path.read_text() if path.exists() else "", what=name))


@pytest.fixture
def shell(tmp_path: Path, interruption: Interruption, processes: JobProcesses) -> Shell:
    return Shell(tmp_path, interruption, processes)


@pytest.mark.parametrize(
    ("script", "code", "text"),
    [
        pytest.param("exit 0", 0, "exit status 0", id="success"),
        pytest.param("exit 3", 3, "exit status 3", id="failure"),
        pytest.param("kill -KILL $$", -1, "killed by SIGKILL", id="signal"),
        pytest.param("kill -TERM $$", -1, "killed by SIGTERM", id="terminated"),
        pytest.param("exec >&- 2>&-; exit 4", 4, "exit status 4", id="output-closed-early"),
    ],
)
def test_ends_are_told_apart(shell: Shell, script: str, code: int, text: str) -> None:
    ended = shell.run(script)
    assert (ended.code, ended.text) == (code, text)


def test_a_program_that_has_moved_is_found_again(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, places = shutil.which("sh"), [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, places)))
    for place in places:
        place.mkdir()
        (place / "sh").symlink_to(real or "")
        assert shell.run("exit 0").code == 0
        (place / "sh").unlink()
    with pytest.raises(FileNotFoundError):
        shell.run("exit 0")


def test_both_outputs_arrive_in_order_and_input_is_empty(shell: Shell) -> None:
    shell.run("echo one; echo two >&2; cat; echo three")
    assert shell.output == "one\ntwo\nthree\n"


def test_large_output_arrives_whole(shell: Shell) -> None:
    shell.run(f"{sys.executable} -c \"print('x' * 3_000_000)\"")
    assert len(shell.output) == 3_000_001


def test_command_leads_a_session_of_its_own(shell: Shell) -> None:
    shell.run("ps -o sid= -p $$; echo $$")
    session, pid = shell.output.split()
    assert session == pid


def test_interrupted_group_gets_the_chance_to_tidy_up(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_GRACE_SECONDS", 60.0)
    shell.interrupt_at("ready")
    with pytest.raises(Interrupted) as caught:
        shell.run("trap 'echo tidied; exit 7' INT; echo ready; while :; do sleep 0.05; done")
    assert "tidied" in shell.output
    assert caught.value.exit_code == 7


def test_command_whose_work_is_ended_elsewhere_has_the_time_to_hear_of_it(
    tmp_path: Path, interruption: Interruption, processes: JobProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_GRACE_SECONDS", 0.0)
    interruption.give(StopReason.OVER)
    with pytest.raises(Interrupted) as caught:
        run_command(
            ["sh", "-c", "until [ -e over ]; do sleep 0.02; done; exit 7"],
            directory=tmp_path,
            environment=os.environ,
            sink=lambda data: None,
            interruption=interruption,
            processes=processes,
            on_stop=(tmp_path / "over").touch,
        )
    assert caught.value.exit_code == 7


def test_child_that_ignores_interrupts_is_killed(shell: Shell) -> None:
    shell.interrupt_at("ready")
    with pytest.raises(Interrupted) as caught:
        shell.run("trap '' INT; echo $$ > pid; echo ready; while :; do sleep 0.05; done")
    assert caught.value.exit_code == -1
    assert gone(shell.pid("pid"))


def test_grandchildren_are_killed_also_those_in_another_session(shell: Shell) -> None:
    shell.interrupt_at("ready")
    with pytest.raises(Interrupted):
        shell.run(
            "setsid sh -c 'trap \"\" INT; echo $$ > stray; sleep 100 & echo $! > child; wait' &"
            " while [ ! -s child ]; do sleep 0.02; done; echo ready; wait"
        )
    assert gone(shell.pid("stray"))
    assert gone(shell.pid("child"))


@pytest.mark.weakness("A12.5c")
def test_background_child_that_keeps_the_output_holds_no_step_and_is_heard_later(
    shell: Shell, processes: JobProcesses
) -> None:
    ended = shell.run("(until [ -e go ]; do sleep 0.02; done; echo later; sleep 1000) & echo $! > pid; echo done")
    assert (ended.code, shell.output) == (0, "done\n")
    assert is_alive(shell.pid("pid"))
    shell.touch_at("later", "heard")
    shell.run("touch go; until [ -e heard ]; do sleep 0.02; done; echo next")
    assert shell.output == "done\nlater\nnext\n"
    processes.kill_all()
    assert gone(shell.pid("pid"))
    assert "sleep" in {left.name for left in processes.killed.values()}


def test_what_ends_by_itself_as_it_is_looked_at_does_not_count_as_killed(
    shell: Shell, processes: JobProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run("setsid sleep 1000 > /dev/null 2>&1 & echo $! > pid; until [ -s pid ]; do sleep 0.02; done")
    name = Process.name

    def name_at_its_end(process: Process) -> str:
        os.kill(process.pid, signal.SIGKILL)
        eventually(lambda: not process.is_alive(), what="its end")
        return name(process)

    monkeypatch.setattr(Process, "name", name_at_its_end)
    processes.kill_all()
    assert gone(shell.pid("pid"))
    assert processes.killed == {}


def test_what_a_background_child_prints_comes_in_whole_lines() -> None:
    heard = bytearray()
    reading, writing = os.pipe()
    leftovers = Leftovers()
    leftovers.keep(SelectedPipe(os.fdopen(reading, "rb")), heard.extend)
    for text, expected in ((b"one\nhalf \xc3", b"one\n"), (b"\xa9\nlast", "one\nhalf é\n".encode())):
        os.write(writing, text)
        leftovers.drain()
        assert heard == expected
    leftovers.finish()
    os.close(writing)
    assert heard == "one\nhalf é\nlast".encode()


def test_what_a_short_command_prints_just_before_its_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    has_looked, is_over = threading.Event(), threading.Event()

    class FirstLook(SelectedPipe):
        """Finds nothing at first, and is told so late that the command has printed and ended by then."""

        def read(self, seconds: float) -> bytes:
            if is_over.is_set():
                return super().read(seconds)
            has_looked.set()
            is_over.wait(60)
            return b""

    monkeypatch.setattr(commands, "open_pipe", FirstLook)
    with commands._Answer() as answer:
        assert has_looked.wait(60)
        answer.end.write(b"it 1.2\n")
        answer._is_over.set()
        is_over.set()
        assert answer.text() == "it 1.2\n"


def test_an_id_that_the_system_gives_to_a_stranger_is_spared(processes: JobProcesses) -> None:
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as stranger:
        processes.add(stranger.pid)
        processes.forget(stranger.pid)  # as if our command with this id had ended, and the id came again
        processes.kill_all()
        assert is_alive(stranger.pid)
        stranger.kill()


def test_background_child_that_let_go_of_the_output_lives_until_the_job_ends(
    shell: Shell, processes: JobProcesses
) -> None:
    shell.run("setsid sleep 1000 > /dev/null 2>&1 & echo $! > pid")
    pid = shell.pid("pid")
    assert is_alive(pid)
    processes.kill_all()
    assert gone(pid)


def test_stray_of_another_job_is_left_alone(shell: Shell) -> None:
    shell.run("setsid sleep 1000 > /dev/null 2>&1 & echo $! > pid")
    pid = shell.pid("pid")
    JobProcesses("another-job").kill_all()
    assert is_alive(pid)


def test_command_that_takes_too_long_is_stopped(shell: Shell, tmp_path: Path, end_late: EndLate) -> None:
    end_late(tmp_path / "pid")
    with pytest.raises(CommandTimedOut, match=r"0\.2 s"):
        shell.run("echo $$ > pid; sleep 1000", limit_seconds=0.2)
    assert gone(shell.pid("pid"))


def test_sink_that_fails_leaves_no_process(tmp_path: Path, interruption: Interruption, processes: JobProcesses) -> None:
    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        run_command(
            ["sh", "-c", "echo $$ > pid; echo x; sleep 1000"],
            directory=tmp_path,
            environment=os.environ,
            sink=full,
            interruption=interruption,
            processes=processes,
        )
    assert gone(int((tmp_path / "pid").read_text()))


def test_first_reason_stands(interruption: Interruption) -> None:
    interruption.give(StopReason.TIMED_OUT, "late")
    interruption.give(StopReason.OVER, "over")
    assert (interruption.reason, interruption.detail) == (StopReason.TIMED_OUT, "late")


def test_agent_process_adopts_and_ends_orphans_without_any_mark(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from cictl_agent.system.commands import run_command
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import JobProcesses, adopt_orphans
assert adopt_orphans()
processes = JobProcesses("job-1", adopts_orphans=True)
run_command(["sh", "-c", "env -i setsid sh -c 'echo $$ > pid; exec sleep 1000' > /dev/null 2>&1 &"
    " while [ ! -s pid ]; do sleep 0.02; done"], directory=Path(sys.argv[1]),
    environment=os.environ, sink=lambda data: None, interruption=Interruption(), processes=processes)
processes.kill_all()
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no children")
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "no children\n", done.stderr
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_script_can_wait_for_an_orphan_and_no_other_child_loses_its_end(tmp_path: Path) -> None:
    """Without a parent that waits for them, the dead keep their process ids, and `kill -0` finds them."""
    script = """
import os, subprocess, sys
from pathlib import Path
from cictl_agent.system.commands import run_command
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import JobProcesses, adopt_orphans
assert adopt_orphans()
processes = JobProcesses("job-1", adopts_orphans=True)
leader = subprocess.Popen(["sh", "-c", "exit 7"], start_new_session=True)
processes.add(leader.pid)
os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
ended = run_command(["sh", "-c", "(sleep 0.2 & echo $! > pid); while kill -0 $(cat pid) 2> /dev/null; do sleep 0.02; done"
    "; exit 3"], directory=Path(sys.argv[1]), environment=os.environ, sink=lambda data: None,
    interruption=Interruption(), processes=processes, limit_seconds=30)
print(ended.code, leader.wait())
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "3 7\n", done.stderr


def test_the_end_of_a_job_looks_through_no_table_for_commands_of_others() -> None:
    script = """
import subprocess
from cictl_agent.system import processes
from cictl_agent.system.household import Household
assert processes.adopt_orphans()
household = Household()
ending, other = (processes.JobProcesses(name, adopts_orphans=True, household=household) for name in ("job-1", "job-2"))
command = subprocess.Popen(["sleep", "1000"], start_new_session=True)
other.add(command.pid)
processes.table = None
ending.kill_all()
print(command.poll())
command.kill()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "None\n", done.stderr


@pytest.mark.parametrize("name", ["HUP", "QUIT"])
def test_what_the_agent_was_told_to_ignore_still_reaches_jobs(name: str) -> None:
    script = f"""
import signal, subprocess
from cictl_agent.system.processes import reset_ignored_signals
signal.signal(signal.SIG{name}, signal.SIG_IGN)
reset_ignored_signals()
done = subprocess.run(["sh", "-c", "kill -{name} $$; echo ignored"], capture_output=True)
print(done.returncode == -signal.SIG{name}, done.stdout)
signal.raise_signal(signal.SIG{name})
print("still here")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "True b''\nstill here\n", done.stderr


def test_a_job_that_ends_leaves_what_the_agent_runs_itself(tmp_path: Path) -> None:
    """An update is installed beside jobs, by programs that lead sessions of their own."""
    script = """
import os, sys, threading, time
from pathlib import Path
from cictl.base.system import children
from cictl_agent.system.processes import JobProcesses, adopt_orphans
assert adopt_orphans()
here, codes = Path(sys.argv[1]), []
command = ["sh", "-c", "touch begun; until [ -e over ]; do sleep 0.02; done"]
work = threading.Thread(
    target=lambda: codes.append(children.run(command, env=os.environ, cwd=here, seconds=60).returncode)
)
work.start()
while not (here / "begun").exists():
    time.sleep(0.01)
JobProcesses("job-1", adopts_orphans=True).kill_all()
(here / "over").touch()
work.join()
print(codes)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "[0]\n", done.stderr
