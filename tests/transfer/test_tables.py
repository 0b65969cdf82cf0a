"""What copying knows of tables is what there is."""

from __future__ import annotations

from cictl_server.store.contract import View
from cictl_server.transfer.tables import KINDS


def test_every_table_is_copied() -> None:
    assert sorted(kind.name for kind in KINDS) == sorted(View.__annotations__)
