"""What reading JSON from outside can raise."""

from __future__ import annotations

import msgspec

NOT_OF_TYPE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that `msgspec.json.decode` raises for bytes that hold no JSON of its type: also if they are not UTF-8, or nest without end."""
