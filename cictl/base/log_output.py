"""Where a program's log goes, and which libraries have no say in it."""

from __future__ import annotations

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

_QUIET = ("urllib3", "waitress")
"""They tell what is no reader's concern, or what we say in our own words: each attempt at a connection that is broken, each
client that went away, each request that waits a moment for a thread. Their errors are shown."""


def begin(level: int) -> None:
    """Write the log of this process, from *level* on, to standard error. With DEBUG it has everything."""
    logging.basicConfig(level=level, format=_FORMAT)
    if level > logging.DEBUG:
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.ERROR)
