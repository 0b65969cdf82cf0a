"""Whether a message arrives as it was sent."""

from __future__ import annotations

import msgspec

from cictl.wire.codec import decode, encode


def is_sendable(message: msgspec.Struct) -> bool:
    """Tell whether *message* can be encoded, and is read by a server as what it was.

    Raises:
        OverflowError, UnicodeEncodeError, DecodeError: No; the text says which value can't be sent.
    """
    return decode(encode(message), type(message)) == message
