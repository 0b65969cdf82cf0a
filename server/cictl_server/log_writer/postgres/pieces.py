"""The pieces of a log in the database, read on any connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec

BEGIN_QUICKLY: LiteralString = "BEGIN; SET LOCAL synchronous_commit TO off"
"""Begins a transaction whose end does not wait for the disk.

What PostgreSQL loses of it when its machine crashes, the agent sends again."""

_FARTHEST = 1 << 61

# One statement sees one state: either the pieces, or what they became. Lengths are told without reading the bytes.
READ_BYTES: LiteralString = """
(SELECT substring(bytes FROM (greatest(%(offset)s::bigint, start) - start)::int + 1
                        FOR (least(%(end)s::bigint, start + octet_length(bytes)) - greatest(%(offset)s::bigint, start))::int),
        NULL::bigint, NULL::text
   FROM log_chunks
  WHERE log = %(log)s AND start < %(end)s::bigint AND start + octet_length(bytes) > %(offset)s::bigint
    AND start >= coalesce((SELECT max(start) FROM log_chunks WHERE log = %(log)s AND start <= %(offset)s::bigint), 0)
  ORDER BY start)
UNION ALL
SELECT NULL, size, blob FROM finished_logs WHERE log = %(log)s
"""

READ_STATE: LiteralString = """
SELECT (SELECT size FROM finished_logs WHERE log = %(log)s),
       coalesce(last.start, 0), coalesce(last.length, 0), coalesce(last.undecided, 0)
  FROM (VALUES (1)) AS always
  LEFT JOIN LATERAL (SELECT start, octet_length(bytes) AS length, undecided
                       FROM log_chunks WHERE log = %(log)s ORDER BY start DESC LIMIT 1) AS last ON true
"""

# From name to name along the index, however many pieces each log has.
READ_UNFINISHED: LiteralString = """
WITH RECURSIVE found AS (
    (SELECT log FROM log_chunks ORDER BY log LIMIT 1)
    UNION ALL
    SELECT (SELECT log FROM log_chunks WHERE log > found.log ORDER BY log LIMIT 1) FROM found WHERE found.log IS NOT NULL
)
SELECT log FROM found WHERE log IS NOT NULL
"""


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """How a log is at a moment.

    Attributes:
        shown: How many of the `size` bytes are decided.
        is_finished: It takes no more bytes.
    """

    size: int
    shown: int
    is_finished: bool = False


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a read found: bytes of pieces; or, if the log is finished, its size and the key of its blob, if it has one."""

    data: bytes = b""
    finished_size: int = 0
    blob: str | None = None


def state_of(row: tuple[int | None, int, int, int]) -> LogState:
    """Return what the row of `READ_STATE` tells."""
    finished, last, length, undecided = row
    if finished is not None:
        return LogState(size=finished, shown=finished, is_finished=True)
    return LogState(size=last + length, shown=last + length - undecided)


def wanted_bytes(name: str, *, offset: int, limit: int) -> dict[str, Any]:
    """Return the parameters of `READ_BYTES` for up to *limit* bytes from *offset*."""
    start = min(offset, _FARTHEST)
    return {"log": name, "offset": start, "end": start + limit}


def found_in(rows: Sequence[tuple[Any, ...]]) -> Found:
    """Return what the rows of `READ_BYTES` tell."""
    if rows and rows[-1][1] is not None:
        return Found(finished_size=rows[-1][1], blob=rows[-1][2])
    return Found(data=b"".join(row[0] for row in rows))
