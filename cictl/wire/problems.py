"""Errors on the wire: RFC 9457 problem details, and the stable codes that clients switch on."""

from __future__ import annotations

from enum import StrEnum

from cictl.wire.codec import Message

PROBLEM_JSON = "application/problem+json"

BEING_ANSWERED = "a request with this Idempotency-Key is being answered"
"""The title of the conflict that a repeat meets while the first request is under way; repeating it again helps."""


class Code(StrEnum):
    """What kind of thing went wrong. A code never changes its meaning."""

    INVALID_REQUEST = "invalid_request"
    INVALID_PROJECT_FILE = "invalid_project_file"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    LOG_GAP = "log_gap"
    TOO_LARGE = "too_large"
    GIT_FAILED = "git_failed"
    GIT_MISSING = "git_missing"
    NO_CAPACITY = "no_capacity"
    STORE_FAILED = "store_failed"
    STORE_FULL = "store_full"
    UPDATE_UNAVAILABLE = "update_unavailable"
    UPDATE_FAILED = "update_failed"
    INTERNAL = "internal"


class Problem(Message):
    """An error answer for clients that accept JSON.

    Attributes:
        title: What went wrong, one line; the same text as the plain answer.
        status: The HTTP status code.
        hint: What to try next.
        log_size: With code `log_gap`, the bytes that the server holds.
    """

    title: str
    status: int
    code: Code
    type: str = "about:blank"
    hint: str = ""
    log_size: int | None = None
