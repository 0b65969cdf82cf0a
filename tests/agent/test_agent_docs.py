"""The agent's page names the settings that there are, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cictl.base.system.environment import setting
from cictl_agent.config import find_service, load_config
from cictl_agent.system.platforms.macos import MacOS
from cictl_agent.system.platforms.posix import Linux
from cictl_agent.system.platforms.windows import Windows

PAGE = Path(__file__).parents[2] / "docs" / "agent.md"


class AskedFor(Mapping[str, str]):
    """An environment that has only what makes a service of this process, and notes what is looked up."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return {"INVOCATION_ID": "x", "CICTL_AGENT_LAUNCHD_LABEL": "x"}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_settings_are_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getppid", lambda: 1)
    asked_for = AskedFor()
    load_config(asked_for)
    for platform in (Linux(), MacOS(), Windows(in_service_session=lambda: True)):
        find_service(asked_for, platform)
    for name in ("AGENT_ENV_FILE", "MSVC_CL_PATH"):
        setting(asked_for, name)
    rows = [line.partition("|")[2].partition("|")[0] for line in PAGE.read_text().splitlines() if line.startswith("|")]
    documented = {name for row in rows for name in re.findall(r"CICTL_[A-Z_]+", row)}
    assert documented - {"CICTL_X"} == {name for name in asked_for.names if name.startswith("CICTL_")}
