"""What a rule says that holds something back. Each table of rules gives these, so that all are told in the same way."""

from __future__ import annotations

import msgspec

from cictl.wire.waiting.explain import Fix, Reason


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that holds a queue back.

    Attributes:
        text: Who or what holds it, as the end of `it waits: …`.
        fixes: What ends it.
    """

    reason: Reason
    text: str
    fixes: tuple[Fix, ...]
