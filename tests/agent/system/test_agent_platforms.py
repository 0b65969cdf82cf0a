"""Each platform's rules, which are the same whatever system the tests run on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cictl_testing.agents.programs import Programs

from cictl.base.names.windows_names import is_windows_name, windows_name
from cictl_agent.capabilities import base_capabilities
from cictl_agent.config import ConfigError, find_service
from cictl_agent.system.interpreters import Cmd, Interpreter, PowerShell
from cictl_agent.system.paths import long_windows_path
from cictl_agent.system.platforms import Platform, this_platform
from cictl_agent.system.platforms.macos import MacOS
from cictl_agent.system.platforms.posix import Linux, Posix
from cictl_agent.system.platforms.windows import Windows
from cictl_agent.system.process_groups import TaskkillGroups
from cictl_agent.system.service_managers import (
    LaunchdService,
    RestartFailed,
    Service,
    Supervisor,
    SystemdService,
    WindowsService,
)
from cictl_agent.tools import Prober


@pytest.fixture
def windows() -> Windows:
    return Windows(groups=TaskkillGroups(creation_flags=0), in_service_session=lambda: True)


def found_service(platform: Platform, environment: Mapping[str, str]) -> Service | None:
    return find_service(environment, platform)


@pytest.mark.parametrize(
    ("word", "kind", "os_name"),
    [
        ("linux", Linux, "linux"),
        ("darwin", MacOS, "darwin"),
        ("win32", Windows, "windows"),
        ("sunos5", Posix, "sunos5"),
    ],
)
def test_platform_is_chosen_by_the_system(word: str, kind: type, os_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", word)
    platform = this_platform()
    assert (type(platform), platform.os_name) == (kind, os_name)


@pytest.mark.parametrize(
    ("platform", "there", "shells"),
    [
        pytest.param(Windows, ("bash",), "cmd,powershell", id="windows"),
        pytest.param(MacOS, (), "posix", id="macos-without-bash"),
        pytest.param(MacOS, ("bash",), "posix,bash", id="macos"),
        pytest.param(Linux, ("bash", "pwsh"), "posix,bash", id="linux"),
    ],
)
def test_shells_are_offered_with_the_default_first(
    platform: Callable[[], Platform], there: tuple[str, ...], shells: str, programs: Programs
) -> None:
    for name in there:
        programs.add(name, "")
    assert base_capabilities(platform())["shells"] == shells


@pytest.mark.parametrize(
    ("env", "service"),
    [
        pytest.param({}, None, id="started-by-hand"),
        pytest.param({"INVOCATION_ID": "x"}, "cictl-agent.service", id="systemd"),
        pytest.param({"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": str(os.getpid())}, "cictl-agent.service", id="itself"),
        pytest.param(
            {"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": str(os.getppid())}, "cictl-agent.service", id="wrapped"
        ),
        pytest.param({"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": "0"}, None, id="terminal-in-a-service"),
        pytest.param({"INVOCATION_ID": "x", "CIWI_AGENT_SYSTEMD_SERVICE_NAME": "b.service"}, "b.service", id="named"),
    ],
)
def test_service_of_systemd(env: dict[str, str], service: str | None) -> None:
    assert found_service(Linux(), env) == (SystemdService(service) if service else None)


@pytest.mark.parametrize("platform", [Linux(), MacOS(), Windows()], ids=["linux", "macos", "windows"])
def test_supervisor_is_what_the_setting_says(platform: Platform) -> None:
    found = found_service(platform, {"CICTL_AGENT_RESTART": " Exit ", "INVOCATION_ID": "x"})
    assert found == Supervisor("CICTL_AGENT_RESTART=exit")
    with pytest.raises(ConfigError, match=r"CIWI_AGENT_RESTART must be 'exit'.* not 'yes'"):
        found_service(platform, {"CIWI_AGENT_RESTART": "yes"})


@pytest.mark.parametrize(
    ("env", "parent", "label"),
    [
        pytest.param({"CICTL_AGENT_LAUNCHD_LABEL": "org.cictl.agent"}, 1, "org.cictl.agent", id="launchd"),
        pytest.param({"CICTL_AGENT_LAUNCHD_LABEL": "org.cictl.agent"}, 7, None, id="started-by-a-job"),
        pytest.param({"INVOCATION_ID": "x"}, 1, None, id="no-label"),
    ],
)
def test_service_of_launchd(
    env: dict[str, str], parent: int, label: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getppid", lambda: parent)
    monkeypatch.setattr("os.getuid", lambda: 501)
    assert found_service(MacOS(), env) == (LaunchdService(label, user_id=501) if label else None)


def test_service_of_windows_is_where_nobody_can_log_in(windows: Windows) -> None:
    assert found_service(windows, {}) == WindowsService("cictl-agent")
    assert found_service(windows, {"CIWI_WINDOWS_SERVICE_NAME": "x"}) == WindowsService("x")
    assert found_service(Windows(), {"CIWI_WINDOWS_SERVICE_NAME": "x"}) is None


@pytest.mark.parametrize(("user_id", "domain"), [(501, "gui/501"), (0, "system")])
def test_launchd_is_told_to_kick_the_agent(programs: Programs, user_id: int, domain: str) -> None:
    programs.add("launchctl")
    LaunchdService("org.cictl.agent", user_id=user_id).restart()
    assert programs.calls("launchctl") == [["kickstart", "-k", f"{domain}/org.cictl.agent"]]


def test_launchd_that_refuses_is_quoted(programs: Programs) -> None:
    programs.add("launchctl", "echo 'Could not find service'; exit 113")
    with pytest.raises(RestartFailed, match=r"^Could not find service$"):
        LaunchdService("x", user_id=501).restart()


def test_launchd_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RestartFailed, match="No such file"):
        LaunchdService("x", user_id=501, launchctl=str(tmp_path / "none")).restart()


def test_windows_service_is_stopped_and_started_by_a_powershell_of_its_own(programs: Programs) -> None:
    programs.add("powershell")
    WindowsService("build's", creation_flags=0).restart()
    programs.eventually_called("powershell")
    assert programs.calls("powershell") == [
        [
            "-NoProfile",
            "-NonInteractive",
            "-Command",
            (
                "Start-Sleep -Seconds 1; Stop-Service -Name 'build''s' -Force -ErrorAction SilentlyContinue; "
                "Start-Service -Name 'build''s'"
            ),
        ]
    ]


def test_windows_service_without_a_powershell_can_only_fail(programs: Programs) -> None:
    service = WindowsService("x", creation_flags=0)
    with pytest.raises(RestartFailed):
        service.restart()
    assert service.fallback_code == 23


@pytest.mark.parametrize(("is_traced", "echo"), [(True, "@echo on"), (False, "@echo off")])
def test_batch_file(tmp_path: Path, is_traced: bool, echo: str) -> None:
    with Cmd().invocation("echo grün\r\nexit /b 3\n", is_traced=is_traced, scratch_dir=tmp_path) as invocation:
        assert invocation.arguments[:3] == ["cmd.exe", "/d", "/c"]
        file = Path(invocation.arguments[3])
        assert file.name == "ciwi-job-script.cmd"
        assert file.read_bytes() == f"{echo}\r\n@chcp 65001>nul\r\necho grün\r\nexit /b 3\r\n\r\n".encode()
    assert list(tmp_path.iterdir()) == []


UTF8_OUTPUT = "try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding $false } catch { }\n"


@pytest.mark.parametrize(("is_traced", "trace"), [(True, "Set-PSDebug -Trace 1\n"), (False, "")])
def test_powershell_script(tmp_path: Path, programs: Programs, is_traced: bool, trace: str) -> None:
    programs.add("powershell")
    with PowerShell().invocation("Get-Date", is_traced=is_traced, scratch_dir=tmp_path) as invocation:
        assert invocation.arguments == [
            "powershell",
            "-NoProfile",
            "-NonInteractive",
            "-Command",
            f"{UTF8_OUTPUT}$ErrorActionPreference='Stop'\n{trace}Get-Date",
        ]


def test_long_powershell_script_is_read_from_a_file_that_goes_away(tmp_path: Path) -> None:
    scratch = tmp_path / "it's"
    scratch.mkdir()
    script = "# " + "ü" * 40_000
    with PowerShell().invocation(script, is_traced=False, scratch_dir=scratch) as invocation:
        [file] = scratch.glob("*/*.ps1")
        assert file.read_text(encoding="utf-8").endswith(script)
        quoted = str(file).replace("'", "''")
        assert invocation.arguments[-1] == (
            f". ([ScriptBlock]::Create([IO.File]::ReadAllText('{quoted}', [Text.Encoding]::UTF8)))"
        )
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "chosen"), [(["powershell", "pwsh"], "powershell"), (["pwsh"], "pwsh"), ([], "powershell")]
)
def test_newer_powershell_stands_in_for_the_old_one(
    tmp_path: Path, programs: Programs, there: list[str], chosen: str
) -> None:
    for name in there:
        programs.add(name)
    with PowerShell().invocation("x", is_traced=False, scratch_dir=tmp_path) as invocation:
        assert invocation.arguments[0] == chosen


@pytest.mark.parametrize("interpreter", [Cmd(), PowerShell()])
def test_script_with_a_nul_is_refused(tmp_path: Path, interpreter: Interpreter) -> None:
    with (
        pytest.raises(ValueError, match="null"),
        interpreter.invocation("a\0b", is_traced=False, scratch_dir=tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("part", "is_usable"),
    [
        ("lib.so", True),
        ("console.log", True),
        ("com10", True),
        ("CON", False),
        ("nul.txt", False),
        ("COM1 .x", False),
        ("lpt9", False),
        ("a:b", False),
        ("what?", False),
        ("dot.", False),
        ("blank ", False),
        ("bell\x07", False),
    ],
)
def test_names_that_windows_has_other_uses_for(part: str, is_usable: bool) -> None:
    assert is_windows_name(part) is is_usable
    assert Linux().is_usable_name(part)
    assert Windows().is_usable_name(part) is is_usable


@pytest.mark.parametrize(("name", "safe"), [("aux", "_aux"), ("con.x_1", "_con.x_1"), ("auxiliary", "auxiliary")])
def test_directories_are_not_named_like_devices(windows: Windows, name: str, safe: str) -> None:
    assert (windows_name(name), windows.file_name(name), Linux().file_name(name)) == (safe, safe, name)


@pytest.mark.parametrize(
    ("path", "long"),
    [
        (r"C:\w\x", r"\\?\C:\w\x"),
        (r"\\host\share\x", r"\\?\UNC\host\share\x"),
        (r"\\?\C:\x", r"\\?\C:\x"),
    ],
)
def test_long_paths(path: str, long: str) -> None:
    assert long_windows_path(path) == long


def test_variables_of_windows_differ_in_case_only_for_people(windows: Windows) -> None:
    layers = ({"PATH": "1", "TEMP": "t"}, {"Path": "2"}, {"path": "3"})
    assert windows.merge(*layers) == {"PATH": "3", "TEMP": "t"}
    assert Linux().merge(*layers) == {"PATH": "1", "TEMP": "t", "Path": "2", "path": "3"}


def test_compiler_is_the_newest_of_visual_studio(
    windows: Windows, tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("14.9.1", "14.38.33130"):
        path = tmp_path / "Microsoft Visual Studio/2022/Community/VC/Tools/MSVC" / version / "bin/Hostx64/x64/cl.exe"
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\necho 'Optimizing Compiler Version 19.38.33130 for x64' >&2; exit 2\n")
        path.chmod(0o755)
    monkeypatch.setenv("ProgramFiles", str(tmp_path))
    assert "14.38.33130" in (windows.locate("msvc") or "")
    assert Prober(windows, os.environ).scan()["msvc"] == "19.38.33130"
    monkeypatch.setenv("CIWI_MSVC_CL_PATH", str(tmp_path / "none"))
    assert windows.locate("msvc") is None


def test_tools_that_tell_no_version_are_told_to_be_there(windows: Windows, programs: Programs) -> None:
    programs.add("signtool", "echo Usage: signtool; exit 1")
    programs.add("iscc", "echo 'Inno Setup 6.2.2 Command-Line Compiler'; exit 1")
    programs.add("codesign", "echo no version; exit 2")
    assert Prober(windows, os.environ).scan() == {"iscc": "6.2.2", "signtool": "1"}


def test_unknown_tool_of_windows_may_answer_to_a_slash(windows: Windows, programs: Programs) -> None:
    programs.add("makensis", '[ "$1" = "/?" ] && echo v3.08')
    assert Prober(windows, os.environ).version("makensis") == "3.08"


def test_tools_of_xcode_are_found_through_xcrun(tmp_path: Path, programs: Programs) -> None:
    hidden = tmp_path / "hidden"
    hidden.write_text("#!/bin/sh\necho '1.0.0 (38)'\n")
    hidden.chmod(0o755)
    programs.add("xcrun", f'[ "$2" = notarytool ] && echo {hidden} || exit 72')
    buddy = tmp_path / "PlistBuddy"
    buddy.touch()
    assert Prober(MacOS(plist_buddy=buddy), os.environ).scan() == {"notarytool": "1.0.0", "plistbuddy": "1"}


def test_container_runs_as_the_agents_user_where_there_are_such(windows: Windows) -> None:
    assert windows.container_user() == ""
    assert Linux().container_user() == f"{os.getuid()}:{os.getgid()}"


def test_only_windows_reads_settings_from_a_file_of_itself(windows: Windows) -> None:
    assert windows.env_file({"ProgramData": "/d"}) == Path("/d/cictl-agent/agent.env")
    assert windows.env_file({}) is None
    assert Linux().env_file({"ProgramData": "/d"}) is None
