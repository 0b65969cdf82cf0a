"""When a request that changes nothing, or nothing more, is asked again, and after which pause.

This holds for both ways of asking, `exchange` and `session`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from cictl.base.web.exchange import Reply

METHODS = frozenset({"GET", "HEAD", "DELETE"})
STATUSES = frozenset({502, 503, 504})
"""What a proxy says while the server behind it is away."""
FIRST_PAUSE = 0.1
"""The back-off factor of urllib3, in seconds. It makes no pause before the first repeat, then 0.2, 0.4, 0.8 s …"""
LONGEST_PAUSE = 5.0
LONGEST_RETRY_AFTER = 10.0

_LATER = frozenset({413, 429})
"""Asked again only where the answer says when (RFC 9110, 10.2.3)."""


def ask_again(ask: Callable[[], Reply], *, repeats: int) -> Reply:
    """Return the answer that *ask* gets; after a broken connection or while the server is away it is called again.

    Nothing is repeated that ran into its time limit, because the user would wait for each of them, or where TLS can't be agreed on.

    Args:
        repeats: How often at most. The last answer is returned whatever it is, and the last error is raised.

    Raises:
        OSError: As *ask* does.
    """
    number = 0
    while True:
        try:
            reply = ask()
        except OSError as error:
            if number == repeats or _is_hopeless(error):
                raise
            wanted = 0.0
        else:
            wanted = retry_after(reply)
            if number == repeats or not (reply.status in STATUSES or (reply.status in _LATER and wanted)):
                return reply
        time.sleep(wanted or _pause(number))
        number += 1


def retry_after(reply: Reply) -> float:
    """Return the seconds of `Retry-After`, at most ten; 0 if the header is absent, malformed or past."""
    text = reply.headers.get("retry-after", "")
    seconds = 0.0
    if text.isascii() and text.isdigit():
        seconds = float(text)
    elif text:
        from email.utils import parsedate_to_datetime

        with suppress(ValueError):
            date = parsedate_to_datetime(text)
            seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _pause(number: int) -> float:
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2**number) if number else 0.0


def _is_hopeless(error: OSError) -> bool:
    import ssl

    return isinstance(error, TimeoutError) or isinstance(error.__cause__ or error, ssl.SSLError)
