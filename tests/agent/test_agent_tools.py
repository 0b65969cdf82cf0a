"""Looking at tools: what a tool may print or do, and what the server can make an agent run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.programs import Programs
from cictl_testing.agents.thread import AgentThread, gone
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl.wire.agents import MOST_WANTED_TOOLS, HeartbeatResponse
from cictl.wire.waiting.requirements import PRESENT
from cictl_agent.job.environment import inherited_environment
from cictl_agent.known_tools import LOOK_AGAIN_SECONDS, KnownTools
from cictl_agent.system.commands import CommandResult
from cictl_agent.system.platforms.posix import Linux
from cictl_agent.tools import Prober, version_in


@pytest.fixture
def prober(programs: Programs) -> Prober:
    return Prober(Linux(), os.environ, limit_seconds=30)


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("git version 2.39.5", "2.39.5"),
        ("go version go1.22.1 linux/amd64", "1.22.1"),
        ("Python 3.11.2", "3.11.2"),
        ("v20.10.0", "20.10.0"),
        ("jq-1.6", "1.6"),
        ('openjdk version "17.0.9" 2023-10-17', "17.0.9"),
        ('openjdk version "21" 2023-09-19\nOpenJDK Runtime Environment (build 21+35-2513)', "21"),
        ("This is perl 5, version 36, subversion 0 (v5.36.0) built for x86_64", "5.36.0"),
        ("gcc (Debian 12.2.0-14) 12.2.0", "12.2.0"),
        ("tool for kernel 6.1, version 2.3.4", "2.3.4"),
        ('version.BuildInfo{Version:"v3.13.2", GoVersion:"go1.20.10"}', "3.13.2"),
        ("\n------\nGradle 8.5\n------\nBuild version 1.2", "8.5"),
        ("tool 1.2.3\nlibrary version 9.9", "1.2.3"),
        ("10.0.22621.3233", "10.0.22621.3233"),
        ("no digits at all\nGPL version 3 or later", ""),
        ("", ""),
    ],
)
def test_the_version_in_what_a_tool_prints(output: str, version: str) -> None:
    assert version_in(CommandResult(1, output)) == version


@pytest.mark.parametrize(
    ("script", "version"),
    [
        pytest.param('[ "$*" = --version ] && echo it 1.2', "1.2", id="plain"),
        pytest.param("echo it v1.2 >&2", "1.2", id="stderr"),
        pytest.param("echo it 1.2; exit 1", "1.2", id="fails"),
        pytest.param("cat; echo it 1.2", "1.2", id="reads-its-input"),
        pytest.param("exit 2", PRESENT, id="tells-nothing"),
        pytest.param("head -c 100000000 /dev/zero; echo it 1.2", PRESENT, id="prints-much-before"),
        pytest.param("echo it 1.2; head -c 100000000 /dev/zero", "1.2", id="prints-much-after"),
        pytest.param(
            '[ -z "$(ls -A)" ] && [ "$PWD" != "$HERE" ] && touch junk && echo it 1.2', "1.2", id="empty-place"
        ),
    ],
)
def test_what_a_tool_may_do(script: str, version: str, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{programs.bin_dir}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("HERE", str(Path.cwd()))
    programs.add("it", script)
    assert Prober(Linux(), os.environ, limit_seconds=30).version("it") == version


@pytest.mark.parametrize("script", ["while :; do echo it 1.2; done", "exec sleep 1000"], ids=["prints", "sleeps"])
def test_a_tool_that_does_not_end_counts_as_there(
    script: str, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{programs.bin_dir}{os.pathsep}/usr/bin{os.pathsep}/bin")
    programs.add("it", script)
    prober = Prober(Linux(), os.environ, limit_seconds=0.3)
    assert prober.version("it") == PRESENT
    assert prober.version("it", known="1.1") == "1.1"


def test_what_a_tool_leaves_running_is_ended(programs: Programs, prober: Prober, tmp_path: Path) -> None:
    programs.add("it", f"while :; do :; done & echo $! > {tmp_path}/pid; echo it 1.2")
    assert prober.version("it") == "1.2"
    assert gone(int((tmp_path / "pid").read_text()))


def test_odd_tools_are_asked_as_they_want_to_be(programs: Programs, prober: Prober) -> None:
    programs.add("java", '[ "$*" = -version ] && echo openjdk version \\"17.0.9\\"')
    programs.add("kubectl", '[ "$*" = "version --client" ] && echo Client Version: v1.28.4')
    assert prober.versions(["java", "kubectl"]) == {"java": "17.0.9", "kubectl": "1.28.4"}


def test_tools_see_no_credentials(programs: Programs) -> None:
    programs.add("spy", '[ -z "$CICTL_TOKEN$CIWI_GITHUB_TOKEN" ] && echo 1.0 || echo 2.0')
    own = {**os.environ, "CICTL_TOKEN": "t", "CIWI_GITHUB_TOKEN": "t"}
    assert Prober(Linux(), own).version("spy") == "2.0"
    assert Prober(Linux(), inherited_environment(own)).version("spy") == "1.0"


def test_only_names_on_the_path_are_run(
    programs: Programs, prober: Prober, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("trap", f": > {tmp_path}/sprung; echo 1.0")
    trap = programs.bin_dir / "trap"
    for name in (str(trap), "./trap", "../trap", "trap --now", "-trap", "trap;trap", "$(trap)", "", "trap\n"):
        assert prober.version(name) == ""
    monkeypatch.chdir(trap.parent)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}bin")
    assert prober.version("trap") == "", "a relative entry of PATH leads anywhere"
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["reboot", "shutdown", "killall5", "Halt", "poweroff.exe"])
def test_what_stops_a_machine_is_not_run(name: str, programs: Programs, prober: Prober, tmp_path: Path) -> None:
    programs.add(name, f": > {tmp_path}/sprung")
    assert prober.version(name) == PRESENT
    assert not (tmp_path / "sprung").exists()


def test_a_function_of_a_shell_is_no_tool(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASH_FUNC_deploy%%", "() { echo 1.0; }")
    monkeypatch.setenv("ENV", "/dev/null")
    assert prober.version("deploy") == ""


class Looking:
    """What is known of tools on a machine whose clock is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._looked = threading.Event()
        self.tools = KnownTools(Prober(Linux(), os.environ, limit_seconds=30), clock=lambda: self.now)
        self.tools.on_news = self._looked.set

    def want(self, *names: str, list_id: str = "1") -> dict[str, str]:
        """Want these tools, wait for a look at them, and return what was found."""
        self._looked.clear()
        self.tools.want(names, list_id)
        assert self._looked.wait(60)
        return self.tools.capabilities


@pytest.fixture
def looking(programs: Programs) -> Iterator[Looking]:
    started = Looking()
    yield started
    started.tools.close()


def test_wanted_tools_are_found_and_what_is_missing_is_looked_for_again_later(
    looking: Looking, programs: Programs
) -> None:
    programs.add("it", "echo 1.2")
    programs.add("slow", "exit 1")
    assert looking.want("it", "late", "slow", "a/b") == {"tool.it": "1.2", "tool.slow": PRESENT}
    eventually(lambda: looking.tools.looked_for == "1", what="the end of the look")
    programs.add("late", "echo 3.4")
    programs.add("slow", "echo 5.6")
    looking.now += LOOK_AGAIN_SECONDS - 1
    looking.tools.want(["it", "late", "slow"], "2")
    assert looking.tools.looked_for == "2", "there is nothing to look for yet"
    looking.now += 1
    assert looking.tools.looked_for == "", "so the server sends its list again"
    found = looking.want("it", "late", "slow", list_id="2")
    assert found == {"tool.it": "1.2", "tool.late": "3.4", "tool.slow": "5.6"}


def test_a_scan_looks_for_everything_anew(looking: Looking, programs: Programs) -> None:
    programs.add("it", "echo 1.2")
    looking.want("it", "late")
    programs.add("late", "echo 3.4")
    (programs.bin_dir / "it").unlink()
    looking.tools.scan()
    eventually(lambda: looking.tools.capabilities.get("tool.late") == "3.4", what="the scan")
    assert "tool.it" not in looking.tools.capabilities


def test_what_many_jobs_want_is_looked_for_unasked(looking: Looking, programs: Programs) -> None:
    programs.add("python3", "echo Python 3.12.1")
    looking.tools.scan()
    assert looking.tools.scanned.wait(60)
    assert looking.tools.capabilities["tool.python3"] == "3.12.1"


def test_an_agent_that_ends_asks_no_further_tool(looking: Looking, programs: Programs, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    asked = [f"t{number}" for number in range(5)]  # of which four are asked at once
    for name in asked:
        programs.add(name, f"until [ -e {go_on} ]; do :; done; echo 1.2")
    looking.tools.want(asked, "1")
    for name in asked[:4]:
        programs.eventually_called(name)
    closing = threading.Thread(target=looking.tools.close)
    closing.start()
    eventually(lambda: looking.tools.is_closed, what="the close")
    go_on.touch()
    closing.join(60)
    assert not [each for each in threading.enumerate() if each.name == "tools" or each.name.startswith("probe")]
    assert programs.calls("t4") == []
    looking.tools.scan()
    assert not [each for each in threading.enumerate() if each.name == "tools"]


def test_a_server_that_wants_everything_gets_a_limited_part(looking: Looking, programs: Programs) -> None:
    for number in range(MOST_WANTED_TOOLS + 1):
        (programs.bin_dir / f"t{number}").symlink_to("/bin/true")
    looking.want(*(f"t{number}" for number in range(MOST_WANTED_TOOLS + 1)))
    eventually(lambda: looking.tools.looked_for, what="the end of all looks")
    assert len(looking.tools.capabilities) == MOST_WANTED_TOOLS


def test_agent_looks_for_what_the_server_wants_and_says_when_it_has(
    server: ScriptedServer, tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("it", "echo 1.2")
    server.orders.append(HeartbeatResponse(accepted=True, wanted_tools=["it", "none"], wanted_tools_id="x"))
    agent = AgentThread(server, tmp_path / "work")
    eventually(lambda: server.heartbeats[-1:] and server.heartbeats[-1].tools_looked_for == "x", what="the look")
    agent.stop()
    assert server.heartbeats[0].tools_looked_for == ""
    assert server.heartbeats[-1].capabilities["tool.it"] == "1.2"
    assert "tool.none" not in server.heartbeats[-1].capabilities


def test_agent_that_was_told_not_to_looks_for_nothing(
    server: ScriptedServer, tmp_path: Path, programs: Programs
) -> None:
    programs.add("it", "echo 1.2")
    server.orders.append(HeartbeatResponse(accepted=True, wanted_tools=["it"], wanted_tools_id="x"))
    agent = AgentThread(server, tmp_path / "work", looks_for_tools=False)
    eventually(lambda: len(server.heartbeats) > 1, what="a second heartbeat")
    agent.stop()
    assert {heartbeat.tools_looked_for for heartbeat in server.heartbeats} == {None}
    assert "tool.it" not in server.heartbeats[-1].capabilities
