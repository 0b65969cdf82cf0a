"""A database for whose connections too many wait: each further request for one is refused at once."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cictl_server.errors import StoreAway
from cictl_server.postgres.database import Database
from cictl_server.store.postgres import store as module
from cictl_server.store.postgres.store import PostgresStore


class Crowded:
    """A database without a free connection that counts how often it is asked for one."""

    asked = 0

    def connection(self, _first: str | None) -> Any:
        self.asked += 1
        raise StoreAway

    def lock_key(self, _name: str) -> int:
        return 1


def test_a_change_that_gets_no_connection_tries_again_with_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.2
    monkeypatch.setattr(module, "WAIT_SECONDS", seconds)
    database = Crowded()
    with pytest.raises(StoreAway):
        PostgresStore(cast("Database", database)).write(lambda _: None)
    assert database.asked <= seconds / module._AGAIN_SECONDS + 1
