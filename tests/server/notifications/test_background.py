"""A server that runs brings notifications by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cictl_testing.notifications.hooks import HookReceiver
from cictl_testing.processes import eventually
from cictl_testing.servers.whole import running

from cictl.wire.notifications import NotificationType
from cictl.wire.runs import RunStatus
from cictl_client import Client
from cictl_server.store.records.notifications import NotificationRecord


def broken(webhook: str) -> NotificationRecord:
    return NotificationRecord(
        id=1,
        type=NotificationType.BROKEN,
        project_id=1,
        project="shop",
        pipeline="build",
        branch="main",
        run=41,
        status=RunStatus.FAILED,
        previous=None,
        created=datetime.now(UTC),
        webhook=webhook,
        secret_env="CICTL_NOTIFY_CHAT",
    )


def test_what_waits_is_brought(tmp_path: Path, receiver: HookReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_NOTIFY_CHAT", "tea-and-scones")
    with running(tmp_path, allow_http_targets=True) as server, Client(server.url) as client:
        server.services.core.store.write(lambda tx: tx.notifications.put(broken(receiver.url)))
        eventually(lambda: client.list_notifications(state="delivered").notifications, what="the delivery")
        assert [message["url"] for message in receiver.messages] == [f"{server.url}/runs/41"]
