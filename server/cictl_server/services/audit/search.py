"""Finding records again: by parts, and as they are written."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from itertools import islice

import msgspec

from cictl.wire.audit.records import AuditFilter, AuditPage, AuditRecord
from cictl_server.services.audit.trail import chain_ends
from cictl_server.services.core.hub import Following, Hub, IsOver
from cictl_server.signals.topics import AUDIT
from cictl_server.signals.waits import Awaited
from cictl_server.store.contract import Store

MOST = 1000
"""Records of one part at most."""
MOST_LOOKED_AT = 2000
"""Records that one search looks at before it answers with what it has: the store's lock is held meanwhile."""
_CLOCK_ERROR = timedelta(days=1)
"""A server's clock may have been set back by so much: then records that were written later tell earlier times."""


class SearchService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    hub: Hub

    def list_records(self, wanted: AuditFilter, *, limit: int, cursor: int | None, is_oldest_first: bool) -> AuditPage:
        """Return a part of the records that match.

        Args:
            limit: At most so many, up to `MOST`.
            cursor: Go on after the record with this id; None begins.
        """
        found: list[AuditRecord] = []
        with self.store.read() as view:
            audit = view.audit
            records = audit.oldest_first(after=cursor or 0) if is_oldest_first else audit.newest_first(before=cursor)
            last: AuditRecord | None = None
            for last in islice(records, MOST_LOOKED_AT):
                if wanted.matches(last):
                    found.append(last)
                if len(found) == min(limit, MOST):
                    break
            is_over = last is None or next(records, None) is None or (not is_oldest_first and _is_past(last, wanted))
            cursor_after = "" if is_over or last is None else str(last.id)
            return AuditPage(records=found, chain=chain_ends(view), next_cursor=cursor_after)

    def follow(
        self, wanted: AuditFilter, *, after: int, is_over: IsOver = lambda: False
    ) -> Generator[AuditRecord | Awaited | None, None, None]:
        """Yield the records above number *after* that match, known ones first; yield None after 15 seconds without one.

        Between them comes what is awaited, see `signals.waits`. The iterator ends when the server stops, and soon after *is_over*.
        """
        with self.hub.watch(AUDIT) as watch:
            following = Following(watch, is_over=is_over)
            while True:
                watch.clear()
                is_closing = self.hub.is_closed
                if is_over():
                    return
                fresh = self._after(after)
                matching = [record for record in fresh if wanted.matches(record)]
                if matching:
                    yield from matching
                    following.told()
                if fresh:
                    after = fresh[-1].id
                elif is_closing:
                    return
                else:
                    yield from following.wait()

    def last_id(self) -> int:
        """Return the id of the newest record; 0 if there is none."""
        with self.store.read() as view:
            return chain_ends(view).last_id

    def _after(self, number: int) -> list[AuditRecord]:
        with self.store.read() as view:
            return list(islice(view.audit.oldest_first(after=number), MOST))


def _is_past(record: AuditRecord, wanted: AuditFilter) -> bool:
    """Tell whether *record* and all before it are too old."""
    return wanted.since is not None and record.time_utc < wanted.since - _CLOCK_ERROR
