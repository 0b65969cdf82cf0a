"""The page on operations: its commands do what it says, on a machine with the server installed."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping

import pytest
from cictl_testing.installs.machine import SCRIPTS, Machine, publish
from cictl_testing.installs.wheels import SOURCE
from cictl_testing.servers.release_server import ReleaseServer

from cictl.cli.app.main import main

pytestmark = pytest.mark.xdist_group("second machine")

PAGE = (SOURCE / "docs" / "operations.md").read_text()
COMMANDS = sorted(set(re.findall(r"^(?:sudo |podman exec cictl )?(cictl .*)$", PAGE, re.MULTILINE)))


def section(title: str) -> list[str]:
    """Return the commands of a section."""
    text = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [
        line for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) for line in block.splitlines()
    ]


@pytest.fixture
def shown(installed: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]) -> Machine:
    """The machine of the page: v1.0.0 runs, v1.1.0 is released, and an agent is known."""
    publish(releases, "v1.1.0", wheels)
    installed.add_program("sudo", 'exec env "$@"')
    installed.add_program("cictl", f'exec {installed.root}/usr/local/bin/cictl "$@"')
    installed.cictl("api", "POST", "heartbeat", "-d", "agent_id=known", "-d", "os=linux", "-d", "arch=amd64")
    return installed


def follow(machine: Machine, title: str) -> str:
    """Do what a section says, each command in turn, and return what was said."""
    place = machine.place / "admin"
    place.mkdir(exist_ok=True)
    for script in SCRIPTS.glob("*.sh"):
        if not (place / script.name).exists():
            (place / script.name).symlink_to(script)
    commands = "\n".join(section(title))
    commands = commands.replace("/var/lib/", f"{machine.root}/var/lib/").replace("/var/backups", str(machine.place))
    done = subprocess.run(
        ["sh", "-eu", "-c", commands],
        env={**machine.environment, "CICTL_SERVER_URL": machine.url},
        cwd=place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert commands
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_upgrade_and_roll_back(shown: Machine) -> None:
    follow(shown, "Upgrade")
    assert shown.served_version() == "1.1.0"
    follow(shown, "Roll back")
    assert shown.served_version() == "1.0.0"


def test_back_up_and_restore(shown: Machine) -> None:
    assert "sound" in follow(shown, "Look at the data")
    assert "known" in (shown.place / "admin" / "cictl.json").read_text()
    follow(shown, "Back up")
    shown.cictl("api", "POST", "heartbeat", "-d", "agent_id=late", "-d", "os=linux", "-d", "arch=amd64")
    follow(shown, "Restore")
    assert shown.cictl("agents", "list", "-o", "name") == "known"


def test_uninstall(shown: Machine) -> None:
    assert "kept" in follow(shown, "Uninstall")
    assert shown.files() == set()


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) > 8


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command.partition(" > ")[0])[1:]
    assert main([*words, "--help"]) == 0, capsys.readouterr().err


def test_the_page_and_the_installers_know_the_same_sources() -> None:
    documented = set(re.findall(r"^\| `(CICTL_(?:UPDATE|GITHUB)_[A-Z_]+)`", PAGE, re.MULTILINE))
    for name in ("install-server", "install-agent"):
        text = (SCRIPTS / f"{name}.sh").read_text()
        assert set(re.findall(r"^  (CICTL_(?:UPDATE|GITHUB)_[A-Z_]+)", text, re.MULTILINE)) <= documented
