"""Each row of the table that decides whether an installation can update itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cictl_testing.installs.wheels import install_stub

from cictl.installation import capability
from cictl.installation.capability import Capability, detect, find_layout
from cictl.installation.layout import Layout

TAG = "v1.0.0"
SERVICE = {"INVOCATION_ID": "abc", "SYSTEMD_EXEC_PID": "77", "CICTL_UPDATER_UNIT": "cictl-updater.path"}
REEXEC = {"CICTL_UPDATE_ALLOW_REEXEC": "1"}


@pytest.fixture
def prefix(layout: Layout) -> Path:
    """The environment of a managed version."""
    install_stub(layout, TAG)
    layout.switch(TAG)
    return layout.folder(TAG)


def look(layout: Layout, prefix: Path, environ: dict[str, str], *, version: str = TAG, root: str = "") -> Capability:
    return detect(
        environ,
        version=version,
        prefix=prefix,
        data_dir=layout.data_dir,
        root=layout.home / root if root else layout.data_dir,
        pid=77,
        parent_pid=2,
    )


def test_a_managed_service_is_supported(layout: Layout, prefix: Path) -> None:
    assert look(layout, prefix, SERVICE) == Capability("service", True, "", layout)


def test_a_version_never_released_is_not(layout: Layout, prefix: Path) -> None:
    found = look(layout, prefix, SERVICE, version="dev")
    assert (found.mode, found.is_supported, found.reason) == ("dev", False, capability.DEV)


@pytest.mark.parametrize(
    ("mark", "reason"), [("pipx_metadata.json", capability.PIPX), ("uv-receipt.toml", capability.UV_TOOL)]
)
def test_other_tools_update_what_they_installed(layout: Layout, prefix: Path, mark: str, reason: str) -> None:
    (prefix / mark).touch()
    found = look(layout, prefix, SERVICE)
    assert (found.mode, found.is_supported, found.reason) == ("standalone", False, reason)


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_containers_are_replaced(layout: Layout, prefix: Path, mark: str) -> None:
    (layout.home / "root" / mark).parent.mkdir(parents=True, exist_ok=True)
    (layout.home / "root" / mark).touch()
    found = look(layout, prefix, SERVICE, root="root")
    assert (found.mode, found.is_supported, found.reason) == ("standalone", False, capability.CONTAINER)
    assert look(layout, prefix, {**SERVICE, "CICTL_CONTAINER": "0"}, root="root").is_supported


def test_a_container_may_be_stated(layout: Layout, prefix: Path) -> None:
    assert look(layout, prefix, {**SERVICE, "CIWI_CONTAINER": "1"}).reason == capability.CONTAINER


@pytest.mark.weakness("U9")
@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="by hand"),
        pytest.param({**SERVICE, "SYSTEMD_EXEC_PID": "76"}, id="a child of a service"),
        pytest.param({**SERVICE, "INVOCATION_ID": ""}, id="empty"),
    ],
)
def test_without_a_service_manager_it_is_not(layout: Layout, prefix: Path, environ: dict[str, str]) -> None:
    found = look(layout, prefix, environ)
    assert (found.mode, found.is_supported, found.reason) == ("standalone", False, capability.NO_SERVICE)


def test_an_old_service_manager_names_no_process(layout: Layout, prefix: Path) -> None:
    assert look(layout, prefix, {**SERVICE, "SYSTEMD_EXEC_PID": ""}).is_supported


def test_it_may_be_allowed_without_a_service_manager(layout: Layout, prefix: Path) -> None:
    found = look(layout, prefix, REEXEC)
    assert found == Capability("standalone", True, "", layout, needs_helper=True)


@pytest.mark.parametrize("other", ["..", "../../.venv", "../v1.5.0"])
@pytest.mark.parametrize("environ", [SERVICE, REEXEC], ids=["service", "by hand"])
def test_another_environment_is_not_managed(layout: Layout, prefix: Path, environ: dict[str, str], other: str) -> None:
    found = look(layout, Path(os.path.normpath(prefix / other)), environ)
    assert (found.is_supported, found.reason, found.layout) == (False, capability.UNMANAGED, None)


def test_a_version_that_is_not_current_is_not_managed(layout: Layout, prefix: Path) -> None:
    install_stub(layout, "v1.1.0")
    layout.switch("v1.1.0")
    assert look(layout, prefix, SERVICE).reason == capability.UNMANAGED
    assert find_layout({}, prefix=prefix, data_dir=layout.data_dir) == layout


def test_another_home_is_not_managed(layout: Layout, prefix: Path) -> None:
    assert look(layout, prefix, {**SERVICE, "CICTL_HOME": str(layout.data_dir)}).reason == capability.UNMANAGED


def test_a_folder_that_cannot_be_written_is_named(
    layout: Layout, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, _: path != layout.versions)
    found = look(layout, prefix, SERVICE)
    assert (found.mode, found.reason) == ("service", f"Update directory is not writable: {layout.versions}")


def test_a_service_without_an_updater_is_not(layout: Layout, prefix: Path) -> None:
    found = look(layout, prefix, {**SERVICE, "CICTL_UPDATER_UNIT": ""})
    assert (found.mode, found.is_supported, found.reason) == ("service", False, capability.NO_UPDATER)
