"""Whether this installation can update itself, and if not, why. The first condition that applies decides."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from cictl.base.system.environment import setting
from cictl.installation.layout import Layout

Mode = Literal["dev", "service", "standalone"]

DEV = "Running in dev mode. Updates disabled."
PIPX = "Installed with pipx. Updates disabled here. Run: pipx upgrade cictl"
UV_TOOL = "Installed as a uv tool. Updates disabled here. Run: uv tool upgrade cictl"
CONTAINER = "Running in a container. Updates disabled. Deploy a newer image."
NO_SERVICE = "Server is not running as a service. Updates disabled. Install updates manually. See README."
UNMANAGED = "Environment is not managed by the cictl installer. Updates disabled. Reinstall with the installer."
NO_UPDATER = "Update helper is not installed."


class Capability(msgspec.Struct, frozen=True):
    """Whether and how an installation can update itself.

    Attributes:
        reason: Why it can't, as a sentence for the user; empty if it can.
        layout: The managed installation that this program runs from; None if it runs from none.
        needs_helper: No service manager restarts the server, so `activation.start_helper` must.
    """

    mode: Mode
    is_supported: bool
    reason: str
    layout: Layout | None
    needs_helper: bool = False


def detect(
    environ: Mapping[str, str],
    *,
    version: str,
    prefix: Path,
    data_dir: Path,
    root: Path = Path("/"),
    pid: int | None = None,
    parent_pid: int | None = None,
) -> Capability:
    """Find out how this program was installed and started.

    `CICTL_HOME` names the installation; by default it is the one around *prefix*. `CICTL_CONTAINER` says whether this is a
    container, by 1 or 0. `CICTL_UPDATE_ALLOW_REEXEC=1` lets a managed installation without a service manager update
    itself. It must not be set under systemd, which would kill the helper together with the service.

    Args:
        environ: Its `CICTL_` settings are read first, then their `CIWI_` twins.
        version: Tag of the running version, or `dev` in any case.
        prefix: `sys.prefix`.
        root: The folder in which to look for the marks of containers.
        pid, parent_pid: Ids of this process and of its parent.
    """
    layout = find_layout(environ, prefix=prefix, data_dir=data_dir)
    if layout and layout.current() != prefix.name:
        layout = None
    if version.lower() == "dev":
        return Capability("dev", False, DEV, layout)
    for mark, reason in (("pipx_metadata.json", PIPX), ("uv-receipt.toml", UV_TOOL)):
        if (prefix / mark).exists():
            return Capability("standalone", False, reason, None)
    if _is_container(environ, root):
        return Capability("standalone", False, CONTAINER, layout)
    is_service = _is_service(environ, pid or os.getpid(), parent_pid or os.getppid())
    if not is_service and setting(environ, "UPDATE_ALLOW_REEXEC") != "1":
        return Capability("standalone", False, NO_SERVICE, layout)
    problem = next(_problems(environ, layout, has_manager=is_service), "")
    mode: Mode = "service" if is_service else "standalone"
    return Capability(mode, not problem, problem, layout, needs_helper=not is_service)


def find_layout(environ: Mapping[str, str], *, prefix: Path, data_dir: Path) -> Layout | None:
    """Return the managed installation that *prefix* is a version of; None if it is not one.

    The version need not be the current one: a server that starts while the link changes must announce itself too.
    """
    stated = setting(environ, "HOME")
    layout = Layout(Path(stated) if stated else prefix.parent.parent, data_dir)
    tag = prefix.name
    if tag.startswith(".") or (layout.versions / tag).resolve() != prefix.resolve():
        return None
    return layout if layout.record(tag) else None


def _problems(environ: Mapping[str, str], layout: Layout | None, *, has_manager: bool) -> Iterator[str]:
    if layout is None:
        yield UNMANAGED
        return
    for folder in (layout.home, layout.versions, layout.updates):
        if not _is_writable(folder):
            yield f"Update directory is not writable: {folder}"
    if has_manager and not setting(environ, "UPDATER_UNIT"):
        yield NO_UPDATER


def _is_writable(folder: Path) -> bool:
    """Tell whether files can be created in *folder*, or the folder itself if it does not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def _is_container(environ: Mapping[str, str], root: Path) -> bool:
    stated = setting(environ, "CONTAINER")
    if stated:
        return stated == "1"
    return (root / ".dockerenv").exists() or (root / "run" / ".containerenv").exists()


def _is_service(environ: Mapping[str, str], pid: int, parent_pid: int) -> bool:
    """Tell whether a service manager started this process.

    `INVOCATION_ID` alone does not tell, because children inherit it. `SYSTEMD_EXEC_PID` names the process that systemd
    started; older versions of systemd do not set it.
    """
    if sys.platform == "darwin":
        return bool(setting(environ, "SERVER_LAUNCHD_LABEL")) and parent_pid == 1
    if sys.platform == "win32":
        return False
    main = environ.get("SYSTEMD_EXEC_PID", "")
    return bool(environ.get("INVOCATION_ID")) and main in ("", str(pid))
