"""The agent's installer, beside a server on the same machine and without one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from cictl_testing.installs.machine import AGENT, SERVER, Machine, publish
from cictl_testing.ports import free_port
from cictl_testing.servers.release_server import ReleaseServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("second machine"),
]

INSTALLED = {"etc/systemd/system/cictl-agent.service", "etc/default/cictl-agent"}


def test_the_agent_works_for_the_server(both: Machine) -> None:
    assert both.cictl("agents", "list", "-o", "name") == "builder-1"
    assert both.cictl("agents", "list", "-o", "wide").splitlines()[-1].endswith(" gpu=a100")
    assert both.cictl("agents", "exec", "builder-1", "--follow", "--", "echo built").splitlines()[-1:] == ["built"]
    assert both.is_enabled(AGENT)
    assert both.files() >= INSTALLED
    assert {path.name for path in (both.root / "opt/cictl-agent").iterdir()} == {
        "versions",
        "current",
        "updater",
        "update.lock",
    }


def test_upgrade_restarts_the_agent_alone(both: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]) -> None:
    publish(releases, "v1.1.0", wheels)
    agent, server = both.main_pid(AGENT), both.main_pid(SERVER)
    both.ok("install-agent")
    assert both.main_pid(AGENT) not in (0, agent)
    assert both.main_pid(SERVER) == server
    assert both.cictl("agents", "show", "builder-1", "--query", "agent.version", "-o", "name").strip('"v') == "1.1.0"


def test_either_can_go_and_the_other_stays(both: Machine) -> None:
    both.ok("uninstall-server")
    assert both.is_active(AGENT)
    assert both.files() >= INSTALLED
    assert not (both.root / "usr/local/bin/cictl").is_symlink(), "jobs could replace the agent's program"
    both.ok("install-server")
    both.ok("uninstall-agent", "--purge", "--yes")
    assert both.served_version() == "1.0.0"
    assert not (both.root / "opt/cictl-agent").exists()
    assert not INSTALLED & both.files()
    assert not (both.root / "var/lib/cictl-agent").exists()


def test_an_agent_that_does_not_reach_its_server_fails_the_installation(both: Machine) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    settings = both.settings("cictl-agent")
    settings.write_text(settings.read_text().replace(both.url, dead))
    done = both.run("install-agent", CICTL_UPDATE_HEALTH_TIMEOUT="20")
    assert done.returncode == 1
    assert f"{dead} does not know the agent builder-1" in done.stderr
    assert f"polling {dead}" in done.stderr, "the end of the agent's log"


def test_an_agent_enrols_itself_on_a_server_that_wants_tokens(both: Machine) -> None:
    both.environment["CICTL_TOKEN"] = both.cictl("tokens", "create", "root", "--role", "admin")
    enrolment = both.place / "enrolment.token"
    enrolment.write_text(both.cictl("agents", "enroll"))
    both.ok("install-server")
    both.ok("install-agent", CICTL_TOKEN="", CICTL_ENROLL_TOKEN_FILE=str(enrolment))
    assert both.cictl("agents", "exec", "builder-1", "--follow", "--", "echo built").splitlines()[-1:] == ["built"]
    assert (both.root / "var/lib/cictl-agent/work/agent.token").stat().st_mode & 0o777 == 0o600
