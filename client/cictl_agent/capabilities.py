"""What this machine offers to jobs beside its tools: its kind, its shells, and the labels that its operator gave it."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from cictl.wire.waiting.requirements import PRESENT
from cictl.wire.words import JobFeature
from cictl_agent.system.platforms import Platform

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i386": "386", "i686": "386"}


def architecture() -> str:
    """Return Go's name of the processor, such as amd64 or arm64."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, "arm" if machine.startswith("arm") else machine)


def base_capabilities(
    system: Platform, *, is_service: bool = False, labels: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the capabilities that are known without looking at tools, with what it does beyond the contract.

    Args:
        is_service: Whether a service manager starts the agent anew when it ends.
        labels: What the operator adds. A fact wins over a label of its name.
    """
    return {
        **(labels or {}),
        "executor": "script",
        "shells": ",".join(system.interpreters),
        "os": system.os_name,
        "arch": architecture(),
        "run_mode": "service" if is_service else "manual",
        **{str(feature): PRESENT for feature in JobFeature},
    }
