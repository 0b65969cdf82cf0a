"""A transaction that has to run again leaves one record, of the run that counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.stores.chosen import VARIABLE

from cictl.wire.audit.records import AuditAction, TargetKind
from cictl_server.services.core.deeds import deed_of_system, note_made
from cictl_server.store.contract import Transaction
from cictl_server.store.records.settings import SettingRecord


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    monkeypatch.setenv(VARIABLE, "repeating")
    running = RunningServer(tmp_path / "data")
    yield running
    running.close()


def test_what_an_undone_run_made_is_not_told(server: RunningServer) -> None:
    runs = count(1)

    def make(tx: Transaction) -> None:
        number = next(runs)
        tx.settings.put(SettingRecord(key="k", value=str(number)))
        note_made(TargetKind.TOKEN, number, removed=7 if number == 1 else "")

    with deed_of_system(AuditAction.TOKEN_CREATED) as deed:
        deed.add_details({"uses": 3})
        server.store.write(make)
    [record] = server.audit(action=AuditAction.TOKEN_CREATED)
    assert [target.id for target in record.targets] == ["2"]
    assert record.details == {"uses": "3"}
