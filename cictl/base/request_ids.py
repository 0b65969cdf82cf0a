"""The id of the request that a thread answers: in the answer, in the log, in the error and in the audit."""

from __future__ import annotations

import logging
import os
import re
from contextvars import ContextVar

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_present: ContextVar[str] = ContextVar("request_id", default="")


def new_request_id() -> str:
    return os.urandom(8).hex()


def begin_request(given: str | None) -> str:
    """Let this thread answer a request, and return the request's id: *given* by the caller if well formed, else a new one."""
    request_id = given if given and _WELL_FORMED.fullmatch(given) else new_request_id()
    _present.set(request_id)
    return request_id


def end_request() -> None:
    """Let this thread answer nothing."""
    _present.set("")


def present_request_id() -> str:
    """Return the id of the request that this thread answers; empty if it answers none."""
    return _present.get()


def name_request(record: logging.LogRecord) -> bool:
    """Give a line of the log its `request`, for the format; a filter of handlers that lets everything pass."""
    request_id = _present.get()
    record.request = f" request={request_id}" if request_id else ""
    return True
