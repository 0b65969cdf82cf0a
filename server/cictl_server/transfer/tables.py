"""The tables of a store, as far as copying needs to know them: all in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import msgspec

from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tables import Jobs, Table
from cictl_server.store.tiny.unfinished import UNFINISHED_COPY

if TYPE_CHECKING:
    from cictl_server.store.tables import NumberedTable

BATCH = 500
"""Records that are written in one transaction."""

_PAGE = 200


class Kind(msgspec.Struct, frozen=True):
    """One table.

    Attributes:
        name: Its attribute of a view.
        key: Returns the key of a record.
        hands_out_ids: The table knows the highest number that it ever had.
    """

    name: str
    key: Callable[[Any], Any]
    hands_out_ids: bool = True

    def of(self, view: View) -> Table[Any, Any]:
        table: Table[Any, Any] = getattr(view, self.name)
        return table

    def records(self, view: View) -> Iterator[Any]:
        """Yield all records by ascending key, without the mark of an unfinished copy."""
        return (record for record in self.of(view).iter_all() if self.key(record) != UNFINISHED_COPY)

    def batches(self, view: View) -> Iterator[list[Any]]:
        records = self.records(view)
        return iter(lambda: list(islice(records, BATCH)), [])

    def last_id(self, view: View) -> int:
        """Return the highest number that was ever used; 0 where keys are no numbers that are handed out."""
        if not self.hands_out_ids:
            return 0
        table = self.of(view)
        return table.last_number() if isinstance(table, Jobs) else cast("NumberedTable[Any]", table).last_id()

    def use_ids(self, tx: Transaction, up_to: int) -> None:
        table = self.of(tx)
        if isinstance(table, Jobs):
            table.use_numbers(up_to)
        elif self.hands_out_ids:
            cast("NumberedTable[Any]", table).use_ids(up_to)


KINDS = (
    Kind("settings", attrgetter("key"), hands_out_ids=False),
    Kind("agents", attrgetter("agent_id"), hands_out_ids=False),
    Kind("projects", attrgetter("id")),
    Kind("pipelines", attrgetter("id")),
    Kind("chains", attrgetter("id")),
    Kind("vault_connections", attrgetter("id")),
    Kind("secrets", attrgetter("id")),
    Kind("schedules", attrgetter("id")),
    Kind("statuses", attrgetter("key"), hands_out_ids=False),
    Kind("tokens", attrgetter("id")),
    Kind("answers", attrgetter("key"), hands_out_ids=False),
    Kind("audit", attrgetter("id")),
    Kind("notifications", attrgetter("id")),
    Kind("runs", attrgetter("number"), hands_out_ids=False),
    Kind("tests", attrgetter("key"), hands_out_ids=False),
    Kind("jobs", attrgetter("number")),
    Kind("artifacts", attrgetter("number"), hands_out_ids=False),
)
"""Every table of `View`; a test holds that none is missing."""


class TableSum(msgspec.Struct, frozen=True):
    """What two tables with the same records have in common, in whatever order they yield them."""

    count: int
    digest: int
    last_id: int


def table_sum(kind: Kind, view: View) -> TableSum:
    count = digest = 0
    for record in kind.records(view):
        found = hashlib.sha256(msgspec.json.encode(record)).digest()
        count, digest = count + 1, (digest + int.from_bytes(found)) % (1 << 256)
    return TableSum(count, digest, kind.last_id(view))


def iter_executions(store: Store) -> Iterator[tuple[JobRecord, ArtifactsRecord | None]]:
    """Yield all executions, the newest first, with their artifacts. No transaction is open between two pages."""
    before: int | None = None
    while True:
        with store.read() as view:
            jobs = list(islice(view.jobs.newest_first(before=before), _PAGE))
            found = [(job, view.artifacts.find(job.number)) for job in jobs]
        if not found:
            return
        yield from found
        before = jobs[-1].number
