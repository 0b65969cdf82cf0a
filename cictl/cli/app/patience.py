"""How long the program waits between two tries; handed to commands with the session."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Patience(NamedTuple):
    """The waits of one run; tests hand in shorter ones. A named tuple, because every start of the program makes this class.

    Attributes:
        retries: Repeats of a read that failed. All of them together take half a second, since a command at a terminal
            must not hang on a server that is away.
        poll_seconds: From one look at a state that the program waits for to the next.
        retry_seconds: From a failed request of a wait to its repetition; it doubles up to five seconds.
        unmet_after_seconds: From the start of a wait to the notice that no agent can take a job.
        slow_after_seconds: From the start of a request that asks a git remote to the notice of what is waited for.
        watch_seconds: From one look at a watched list to the next.
        sleep: Waits so many seconds between two looks at a watched list.
    """

    retries: int = 2
    poll_seconds: float = 0.5
    retry_seconds: float = 0.2
    unmet_after_seconds: float = 3.0
    slow_after_seconds: float = 0.8
    watch_seconds: float = 2.0
    sleep: Callable[[float], None] = time.sleep
