"""Where a program's log goes, what of other people's texts gets into it, and which libraries have no say in it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from cictl.base.request_ids import name_request
from cictl.base.text.characters import escaped

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s%(request)s"

_QUIET = ("urllib3", "waitress")
"""They tell what is no reader's concern, or what we say in our own words: each attempt at a connection that is broken, each
client that went away, each request that waits a moment for a thread. Their errors are shown."""


class LogFormatter(logging.Formatter):
    """Writes each record on one line, and a traceback on indented ones, whatever texts of outsiders are in it.

    So nobody forges a line of the log or steers the terminal that shows it. A record with a function `redact` (the `extra` of
    the logging call) is masked by that first.
    """

    def __init__(self, form: str = _FORMAT) -> None:
        super().__init__(form, defaults={"request": ""})

    def format(self, record: logging.LogRecord) -> str:
        redact: Callable[[str], str] = getattr(record, "redact", str)
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        lines = [escaped(redact(self.formatMessage(record)))]
        if record.exc_info:
            trace = redact(self.formatException(record.exc_info))
            lines += [f"    {escaped(line)}" for line in trace.split("\n")]
        return "\n".join(lines)


def begin(level: int) -> None:
    """Write the log of this process, from *level* on, to standard error. With DEBUG it has everything."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter())
    handler.addFilter(name_request)
    logging.basicConfig(level=level, handlers=[handler])
    if level > logging.DEBUG:
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.ERROR)
