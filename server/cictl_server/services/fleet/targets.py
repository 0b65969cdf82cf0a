"""Which version the agents are to run."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.wire.words import CICTL_WHEEL, UPDATER
from cictl_server.services.fleet.versions import is_newer, is_release
from cictl_server.store.contract import View

AGENT_UPDATE_TARGET = "agent_update_target"
"""The setting that names the version for all agents. Updates of the server change it; empty asks no agent."""


def installs_wheels(capabilities: Mapping[str, str] | None) -> bool:
    """Tell whether an agent can update itself to releases that are wheels.

    Agents of the reference can't: they look for a program, fail, and would be asked again for ever.
    """
    return (capabilities or {}).get(UPDATER) == CICTL_WHEEL


def automatic_target(view: View, *, server_version: str) -> str:
    """Return the version that every agent is asked to run; empty for none.

    It is the setting, or the server's own version if that is newer: an old setting must not hold agents back.
    """
    setting = view.settings.find(AGENT_UPDATE_TARGET)
    if setting is None or not setting.value:
        return ""
    if is_release(server_version) and is_newer(server_version, than=setting.value):
        return server_version
    return setting.value


def manual_target(view: View, *, server_version: str) -> str:
    """Return the version that an admin's order means: the server's version, or the automatic target if newer."""
    automatic = automatic_target(view, server_version=server_version)
    return automatic if automatic and is_newer(automatic, than=server_version) else server_version
