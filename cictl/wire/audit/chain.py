"""The chain of audit records. Each has the hash of the one before, so none can be altered, removed or put in unnoticed.

A record's hash is the SHA-256 of its JSON in UTF-8 without `hash`: keys sorted, no blanks, nothing escaped that JSON lets
stand. So `jq -cjS 'del(.hash)' | sha256sum` gives it too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from cictl.wire.audit.records import AuditRecord, ChainEnds


class BrokenChain(Exception):
    """The chain does not hold.

    Attributes:
        record_id: The first record that is not as it was written, or that does not follow the one before it.
    """

    def __init__(self, record_id: int, reason: str) -> None:
        super().__init__(f"record {record_id}: {reason}")
        self.record_id = record_id


def hash_of(document: Mapping[str, Any]) -> str:
    """Return the hash of a record's JSON object; a `hash` in it is left out."""
    rest = {key: value for key, value in document.items() if key != "hash"}
    return hashlib.sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()


def sealed(record: AuditRecord, *, prev_hash: str) -> AuditRecord:
    """Return *record* as the one after that with *prev_hash*."""
    linked = msgspec.structs.replace(record, prev_hash=prev_hash)
    return msgspec.structs.replace(linked, hash=hash_of(msgspec.to_builtins(linked)))


class ChainWalk:
    """A walk along the chain, the oldest record first.

    Attributes:
        count: How many records were walked over.
    """

    def __init__(self, ends: ChainEnds) -> None:
        """Begin at the first of *ends*."""
        self._last_id, self._last_hash = ends.removed_id, ends.removed_hash
        self.count = 0

    def step(self, document: Mapping[str, Any]) -> None:
        """Go on to the JSON object of the next record.

        Raises:
            BrokenChain: It was altered, or it is not the next one.
        """
        number, found = document.get("id"), document.get("hash")
        if not isinstance(number, int):
            raise BrokenChain(self._last_id + 1, "it has no id, or none that is a number")
        if found != hash_of(document):
            raise BrokenChain(number, "it was altered: its hash is not that of its content")
        if number <= self._last_id or document.get("prev_hash") != self._last_hash:
            raise BrokenChain(number, "it does not follow the record before it: one was removed, put in or moved")
        self._last_id, self._last_hash = number, str(found)
        self.count += 1

    def finish(self, ends: ChainEnds) -> None:
        """End at the last of *ends*.

        Raises:
            BrokenChain: That record was not reached.
        """
        if (self._last_id, self._last_hash) != (ends.last_id, ends.last_hash):
            raise BrokenChain(ends.last_id, f"it is the newest one, but the chain ends at record {self._last_id}")
