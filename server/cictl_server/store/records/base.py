"""What all records have in common."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored document. Change it with `msgspec.structs.replace` and put it back in a transaction."""
