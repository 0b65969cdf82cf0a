"""Calls about the audit: what was done, and whether the chain of records holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cictl.wire.audit.chain import ChainWalk
from cictl.wire.audit.records import AuditFilter, AuditPage, AuditRecord, ChainEnds
from cictl_client.answers import Asked, shapeless
from cictl_client.calls.calls import Calls
from cictl_client.follow.audit import PATH, follow_audit
from cictl_client.retry import OnReconnect

_PAGE = 1000


class AuditCalls(Calls):
    """What was done on the server, and by whom. It needs the role admin."""

    def list_audit(self, wanted: AuditFilter | None = None, *, cursor: str = "", limit: int = 100) -> AuditPage:
        """Return a part of the records that match, the newest first; it may be empty although there is a `next_cursor`.

        Args:
            wanted: Which records; None for all.
            cursor: The `next_cursor` of the part before.
            limit: Records at most, up to 1,000.
        """
        params: dict[str, Any] = {**_query(wanted), "limit": limit, "cursor": cursor}
        return self._transport.get(AuditPage, PATH, params=params)

    def follow_audit(
        self,
        wanted: AuditFilter | None = None,
        *,
        after: int,
        on_reconnect: OnReconnect | None = None,
        deadline: Callable[[], bool] | None = None,
    ) -> Iterator[AuditRecord]:
        """Yield the records above the id *after* that match, as they are written, through outages; never ends by itself.

        Args:
            wanted: Which records; None for all.
            after: Such as the `chain.last_id` of a page, for what comes after it.
            on_reconnect: Called with each passing error, before the next attempt.
            deadline: Called after each piece of data from the server, of which one comes at least every 15 s; the iterator
                ends once it returns true.
        """
        return follow_audit(
            self._transport, after=after, params=_query(wanted), on_reconnect=on_reconnect, deadline=deadline
        )

    def verify_audit(self) -> int:
        """Walk along the whole chain of records, and return their number.

        The server's word is taken for nothing but the ends of the chain: every hash is computed here.

        Raises:
            BrokenChain: A record was altered, removed or put in; `record_id` is the first one.
        """
        walk: ChainWalk | None = None
        cursor = ""
        while True:
            page = self._audit_documents(cursor)
            ends = msgspec.convert(page["chain"], ChainEnds)
            walk = walk or ChainWalk(ends)
            for document in page["records"]:
                walk.step(document)
            cursor = page.get("next_cursor", "")
            if not cursor:
                walk.finish(ends)
                return walk.count

    def _audit_documents(self, cursor: str) -> dict[str, Any]:
        """Return a part of the chain, the oldest first, as it came: a later server may put more into its records."""
        params: dict[str, Any] = {"order": "oldest", "limit": _PAGE, "cursor": cursor}
        response = self._transport.send("GET", PATH, params=params)
        try:
            page: dict[str, Any] = msgspec.json.decode(response.body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise shapeless(Asked(self._transport.base_url, PATH), response, str(error)) from error
        if not isinstance(page.get("records"), list) or not isinstance(page.get("chain"), dict):
            raise shapeless(Asked(self._transport.base_url, PATH), response, "no records")
        return page


def _query(wanted: AuditFilter | None) -> dict[str, str]:
    return {name: str(value) for name, value in msgspec.to_builtins(wanted or AuditFilter()).items()}
