"""A server that may tell receivers on this machine, and such a receiver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.notifications.hooks import HookReceiver, receiving
from cictl_testing.server import RunningServer

from cictl_server.services.notifications import NotificationSettings

KEY = "tea-and-scones"


@pytest.fixture
def receiver() -> Iterator[HookReceiver]:
    with receiving(KEY.encode()) as receiver:
        yield receiver


@pytest.fixture
def server(tmp_path: Path, chosen_store: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    monkeypatch.setenv("CICTL_NOTIFY_CHAT", KEY)
    settings = NotificationSettings(allows_http=True)
    running = RunningServer(
        tmp_path / "data", settings={"notification_settings": settings, "base_url": "https://ci.example.test"}
    )
    yield running
    running.close()
