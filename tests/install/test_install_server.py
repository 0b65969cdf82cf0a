"""The server's installer and uninstaller, with real services: what they leave is exactly what they say."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from cictl_testing.installs.machine import SERVER, Machine, publish
from cictl_testing.installs.wheels import SOURCE
from cictl_testing.processes import eventually
from cictl_testing.servers.postgres import database_url, postgres
from cictl_testing.servers.release_server import ReleaseServer

from cictl.installation.layout import Layout

__all__ = ["database_url", "postgres"]

pytestmark = pytest.mark.xdist_group("first machine")

UNITS = {f"etc/systemd/system/cictl{kind}" for kind in (".service", "-updater.path", "-updater.service")}
INSTALLED = UNITS | {"etc/default/cictl", "usr/local/bin/cictl"}


def test_install(installed: Machine) -> None:
    assert installed.files() == INSTALLED
    assert installed.served_version() == "1.0.0"
    assert installed.is_enabled(SERVER)
    assert installed.is_enabled("cictl-updater.path")
    assert installed.is_active("cictl-updater.path")


def test_what_is_installed_is_what_updates_expect(installed: Machine) -> None:
    layout = Layout(installed.root / "opt/cictl", installed.root / "var/lib/cictl")
    assert (layout.current(), layout.previous(), layout.updater()) == ("v1.0.0", None, "v1.0.0")
    assert layout.is_complete("v1.0.0")
    assert layout.complete_versions() == ["v1.0.0"]
    assert not layout.is_locked()
    assert layout.updates.is_dir()
    assert {path.name for path in layout.home.iterdir()} == {"versions", "current", "updater", "update.lock"}


def test_an_update_of_its_own_can_be_staged_afterwards(installed: Machine) -> None:
    """The path unit starts the updater, from the version that runs; it finds nothing to do and says so."""
    pending = installed.root / "var/lib/cictl/updates/pending.json"
    pending.write_text("{}")
    calls = installed.state / "cictl-updater.service.log"
    eventually(calls.exists, what="the updater")
    pending.unlink(missing_ok=True)  # the updater puts aside what it does not understand


def test_the_installed_server_updates_itself(
    installed: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    settings = installed.settings()
    settings.write_text(re.sub("API_BASE=.*", f'API_BASE="{releases.url}"', settings.read_text()))
    installed.ok("install-server")
    publish(releases, "v1.1.0", wheels)
    installed.cictl("update", "apply", "--yes")
    eventually(lambda: installed.current_version() == "v1.1.0", what="the switch")
    installed.cictl("healthcheck", "--wait", "--timeout", "80")
    assert installed.served_version() == "1.1.0"


def test_running_it_again_changes_nothing(installed: Machine) -> None:
    before = (installed.files(), installed.settings().read_bytes())
    said = installed.ok("install-server")
    assert "v1.0.0 is installed already" in said
    assert (installed.files(), installed.settings().read_bytes()) == before
    assert installed.served_version() == "1.0.0"


def test_settings_have_lines_for_a_vault_once(installed: Machine) -> None:
    settings = installed.settings()
    fresh = settings.read_text()
    settings.write_text(fresh.replace('#CICTL_VAULT_MAIN="..."', 'CICTL_VAULT_MAIN="the secret id"'))
    assert settings.read_text() != fresh, "it is there, to be filled in"
    before = settings.read_text()
    installed.ok("install-server")
    assert settings.read_text() == before


def test_records_in_a_database_whose_password_nobody_sees(installed: Machine, database_url: str) -> None:
    url = database_url.replace("cictl@", "cictl:a-password@")
    said = installed.ok("install-server", CICTL_STORE=url, CICTL_FILES=str(installed.root / "files"))
    settings = installed.settings()
    assert f'CICTL_STORE="{url}"' in settings.read_text()
    assert settings.stat().st_mode & 0o777 == settings.with_suffix(".bak").stat().st_mode & 0o777 == 0o600
    command = Path(f"/proc/{installed.main_pid(SERVER)}/cmdline").read_text()
    logs = "".join(path.read_text() for path in installed.state.glob("*.log"))
    assert "records in postgresql://cictl@127.0.0.1" in logs
    units = "".join((installed.root / unit).read_text() for unit in UNITS)
    for seen in (said, command, logs, units):
        assert "a-password" not in seen


def test_upgrade_keeps_settings_and_data(
    installed: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    settings = installed.settings()
    settings.write_text(settings.read_text() + '# mine\nVAULT_SECRET="a b"\n')
    installed.cictl("api", "POST", "heartbeat", "-d", "agent_id=known", "-d", "os=linux", "-d", "arch=amd64")
    publish(releases, "v1.1.0", wheels)
    before = installed.main_pid(SERVER)
    installed.ok("install-server")
    assert installed.main_pid(SERVER) not in (0, before)
    assert installed.served_version() == "1.1.0"
    assert settings.read_text().endswith('# mine\nVAULT_SECRET="a b"\n')
    assert installed.cictl("agents", "list", "-o", "name") == "known"
    links = {name: str((installed.root / "opt/cictl" / name).readlink()) for name in ("current", "previous", "updater")}
    assert links == {"current": "versions/v1.1.0", "previous": "versions/v1.0.0", "updater": "versions/v1.1.0"}


def test_upgrade_adds_settings_that_are_missing(installed: Machine) -> None:
    settings = installed.settings()
    whole = settings.read_text()
    settings.write_text("".join(line for line in whole.splitlines(True) if "CICTL_HOME" not in line))
    installed.ok("install-server")
    assert sorted(settings.read_text().splitlines()) == sorted(whole.splitlines())
    assert "CICTL_HOME" not in settings.with_suffix(".bak").read_text()


@pytest.mark.slow
def test_an_upgrade_that_does_not_serve_is_taken_back(
    installed: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    publish(releases, "v1.2.0", wheels)
    done = installed.run("install-server", CICTL_UPDATE_HEALTH_TIMEOUT="2")
    assert done.returncode == 1
    assert "error: the server is not healthy after" in done.stderr
    assert "went back to v1.0.0" in done.stderr
    eventually(lambda: installed.systemctl("is-active", SERVER).returncode == 0, what="the former version")
    installed.cictl("healthcheck", "--wait", "--timeout", "80")
    assert installed.served_version() == "1.0.0"
    assert str((installed.root / "opt/cictl/updater").readlink()) == "versions/v1.0.0"
    assert not (installed.root / "opt/cictl/previous").is_symlink(), "there was none before"


def test_data_that_the_former_version_cannot_read_is_put_back(
    installed: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    installed.cictl("api", "POST", "heartbeat", "-d", "agent_id=known", "-d", "os=linux", "-d", "arch=amd64")
    publish(releases, "v1.3.0", wheels)
    done = installed.run("install-server", CICTL_UPDATE_HEALTH_TIMEOUT="10")
    assert "v1.0.0 can't read what v1.3.0 wrote" in done.stderr
    installed.cictl("healthcheck", "--wait", "--timeout", "80")
    assert installed.cictl("agents", "list", "-o", "name") == "known"
    assert not (installed.root / "var/lib/cictl/updates/before-upgrade").exists()


@pytest.mark.slow
def test_an_interrupted_build_is_built_anew(installed: Machine) -> None:
    folder = installed.root / "opt/cictl/versions/v1.0.0"
    (folder / ".cictl-install.json").unlink()
    modules_of_somebody = str(SOURCE)
    assert "building v1.0.0" in installed.ok("install-server", PYTHONPATH=modules_of_somebody)
    assert json.loads((folder / ".cictl-install.json").read_text())["tag"] == "v1.0.0"


def test_uninstall_keeps_settings_and_data(installed: Machine) -> None:
    said = installed.ok("uninstall-server")
    assert installed.files() == {"etc/default/cictl"}
    assert not (installed.root / "opt/cictl").exists()
    assert (installed.root / "var/lib/cictl/logs").is_dir()
    assert f"kept {installed.root}/var/lib/cictl" in said
    assert not any(installed.is_active(unit) for unit in (SERVER, "cictl-updater.path"))
    assert not any(installed.is_enabled(unit) for unit in (SERVER, "cictl-updater.path"))


def test_install_after_uninstall_finds_everything_again(installed: Machine) -> None:
    installed.cictl("api", "POST", "heartbeat", "-d", "agent_id=known", "-d", "os=linux", "-d", "arch=amd64")
    installed.ok("uninstall-server")
    installed.ok("install-server")
    assert installed.cictl("agents", "list", "-o", "name") == "known"


def test_purge_leaves_nothing(installed: Machine) -> None:
    installed.ok("uninstall-server", "--purge", "--yes")
    assert [path for path in installed.root.rglob("*") if not path.is_dir()] == []
    assert not (installed.root / "var/lib/cictl").exists()


def test_uninstalling_twice_is_fine(installed: Machine) -> None:
    installed.ok("uninstall-server")
    installed.ok("uninstall-server", "--purge", "--yes")
    installed.ok("uninstall-server", "--purge", "--yes")


def test_purge_without_yes_is_refused_where_nobody_can_be_asked(installed: Machine) -> None:
    done = installed.run("uninstall-server", "--purge")
    assert done.returncode == 2
    assert "add --yes" in done.stderr
    assert installed.served_version() == "1.0.0"


def test_without_a_repository_nothing_is_installed(machine: Machine) -> None:
    done = machine.run("install-server", CICTL_UPDATE_REPO="")
    assert (done.returncode, machine.files()) == (1, set())
    assert done.stderr.splitlines()[-1].startswith("error: no releases are configured: set CICTL_UPDATE_REPO")


def test_wheels_from_an_index_instead_of_a_repository(machine: Machine, releases: ReleaseServer) -> None:
    releases.simple_form = "html"
    index = {"CICTL_UPDATE_SOURCE": "simple", "CICTL_UPDATE_INDEX_URL": f"{releases.url}/simple"}
    machine.ok("install-server", **index)
    assert machine.served_version() == "1.0.0"
    assert f'CICTL_UPDATE_INDEX_URL="{releases.url}/simple"' in machine.settings().read_text()


def test_wheels_from_a_folder_without_a_network(
    machine: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    releases.close()
    folder = machine.place / "wheels"
    folder.mkdir()
    for version in ("1.0.0", "1.1.0"):
        (folder / f"cictl-{version}-py3-none-any.whl").write_bytes(wheels[f"v{version}"])
    settings = {"CICTL_UPDATE_SOURCE": "simple", "CICTL_UPDATE_FIND_LINKS": str(folder)}
    done = machine.run("install-server", **settings)
    assert "has no checksum asset" in done.stderr
    machine.ok("install-server", **settings, CICTL_UPDATE_REQUIRE_CHECKSUM="false")
    assert machine.served_version() == "1.1.0"


def test_a_wheel_with_another_checksum_is_refused_before_anything_is_done(
    machine: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    publish(releases, "v1.1.0", wheels, checksums=f"{'0' * 64}  cictl-1.1.0-requirements.txt\n")
    done = machine.run("install-server")
    assert done.returncode == 1
    assert "checksum verification failed: cictl-1.1.0-requirements.txt" in done.stderr
    assert f"expected {'0' * 64}" in done.stderr
    assert machine.files() == set()
    publish(releases, "v1.2.0", wheels, checksums=f"{'0' * 64}  cictl-1.2.0-py3-none-any.whl\n")
    done = machine.run("install-server")
    assert done.returncode == 1
    assert "cictl-checksums.txt does not list it" in done.stderr
    assert machine.files() == set()


def test_a_server_error_is_tried_again(machine: Machine, releases: ReleaseServer) -> None:
    releases.faults["/assets/"] = [503]
    with machine.held_lock():
        machine.run("install-server")
    assert releases.paths().count("/assets/v1.0.0/cictl-1.0.0-requirements.txt") == 1
    assert len(releases.paths()) == 5


def test_the_token_goes_to_no_other_host(
    machine: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    elsewhere = ReleaseServer()
    publish(elsewhere, "v1.0.0", wheels)
    releases.assets_at = elsewhere.url
    with machine.held_lock():
        machine.run("install-server", CICTL_GITHUB_TOKEN="s3cret")
    elsewhere.close()
    assert all(seen.headers["authorization"] == "Bearer s3cret" for seen in releases.seen)
    assert elsewhere.seen
    assert not any("authorization" in seen.headers for seen in elsewhere.seen)


def test_nothing_is_installed_while_an_update_is_under_way(installed: Machine) -> None:
    before = installed.main_pid(SERVER)
    with installed.held_lock():
        done = installed.run("install-server")
    assert done.returncode == 1
    assert "an update is under way" in done.stderr
    assert installed.main_pid(SERVER) == before


@pytest.mark.parametrize("script", ["install-server", "install-agent", "uninstall-server", "uninstall-agent"])
def test_wrong_usage_is_2_and_help_is_0(machine: Machine, script: str) -> None:
    assert machine.run(script, "--frobnicate").returncode == 2
    assert machine.ok(script, "--help").startswith(("Install ", "Remove "))
    assert machine.files() == set()


def test_a_port_that_something_else_has_is_refused(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", machine.port)):
        done = machine.run("install-server")
    assert done.returncode == 1
    assert f"port {machine.port} of 127.0.0.1 is busy" in done.stderr
    assert machine.files() == set()
