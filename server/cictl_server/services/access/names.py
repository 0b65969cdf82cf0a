"""Which names tokens and enrolled agents may have."""

from __future__ import annotations

import re

from cictl_server.errors import InvalidRequest

_LONGEST = 200
_AGENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def check_name(name: str) -> None:
    """Check the name of a token.

    Raises:
        InvalidRequest: Nobody could type or read it, or it would pass for a number.
    """
    if not name or name != name.strip() or not name.isprintable() or len(name.encode()) > _LONGEST:
        raise InvalidRequest(f"name must be 1 to {_LONGEST} printable bytes, without blanks around them")
    if name.isdecimal():
        raise InvalidRequest("name must not be a number, which would pass for the id of a token")


def check_agent_id(agent_id: str) -> None:
    """Check the id that an agent is to have.

    Raises:
        InvalidRequest: It is missing, too long, or has characters that an address would have to escape.
    """
    if not _AGENT_ID.fullmatch(agent_id):
        raise InvalidRequest("agent_id must be 1 to 128 letters, digits, and . _ : -")
