"""Errors on the wire: RFC 9457 problem details, and the stable codes that clients switch on."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

import msgspec

from cictl.wire.codec import Message

PROBLEM_JSON = "application/problem+json"

BEING_ANSWERED = "a request with this Idempotency-Key is being answered"
"""The title of the conflict that a repeat gets while the first request is still being answered. Repeat it later."""


class Outcome(StrEnum):
    """How a command ends when its request was refused. The names are those of the CLI's exit codes."""

    ERROR = "error"
    USAGE = "usage"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    CONFLICT = "conflict"
    SERVER_ERROR = "server_error"


class Code(StrEnum):
    """The kind of an error. A code never changes its meaning.

    Attributes:
        status: HTTP status (RFC 9110, section 15; for 507 RFC 4918, 11.5).
        outcome: How a command ends that gets it.
    """

    status: int
    outcome: Outcome

    def __new__(cls, word: str, status: int, outcome: Outcome) -> Self:
        code = str.__new__(cls, word)
        code._value_ = word
        code.status = status
        code.outcome = outcome
        return code

    INVALID_REQUEST = "invalid_request", 400, Outcome.ERROR
    INVALID_PROJECT_FILE = "invalid_project_file", 400, Outcome.ERROR
    INPUT_REFUSED = "input_refused", 400, Outcome.USAGE
    UNAUTHENTICATED = "unauthenticated", 401, Outcome.NOT_ALLOWED
    FORBIDDEN = "forbidden", 403, Outcome.NOT_ALLOWED
    RATE_LIMITED = "rate_limited", 429, Outcome.NOT_ALLOWED
    NOT_FOUND = "not_found", 404, Outcome.NOT_FOUND
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, Outcome.SERVER_ERROR
    CONFLICT = "conflict", 409, Outcome.CONFLICT
    LOG_GAP = "log_gap", 409, Outcome.CONFLICT
    AGENT_ID_IN_USE = "agent_id_in_use", 409, Outcome.CONFLICT
    TOO_LARGE = "too_large", 413, Outcome.ERROR
    HOST_NOT_ALLOWED = "host_not_allowed", 421, Outcome.NOT_ALLOWED
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused", 422, Outcome.ERROR
    LIMIT_REACHED = "limit_reached", 429, Outcome.ERROR
    INTERNAL = "internal", 500, Outcome.SERVER_ERROR
    GIT_FAILED = "git_failed", 400, Outcome.ERROR
    GIT_MISSING = "git_missing", 500, Outcome.ERROR
    NO_CAPACITY = "no_capacity", 503, Outcome.SERVER_ERROR
    UNAVAILABLE = "unavailable", 503, Outcome.SERVER_ERROR
    STORE_FAILED = "store_failed", 500, Outcome.SERVER_ERROR
    STORE_FULL = "store_full", 507, Outcome.SERVER_ERROR
    STORE_AWAY = "store_away", 503, Outcome.SERVER_ERROR
    DISK_LOW = "disk_low", 507, Outcome.SERVER_ERROR
    UPDATE_UNAVAILABLE = "update_unavailable", 400, Outcome.CONFLICT
    UPDATE_FAILED = "update_failed", 500, Outcome.ERROR


class FileFinding(Message):
    """One thing that is wrong in a project file; line and column count from 1."""

    file: str
    line: int
    column: int
    message: str


class Problem(Message):
    """An error answer for clients that accept JSON.

    Attributes:
        title: What went wrong, on one line. The plain answer has the same text.
        status: The HTTP status code.
        hint: What to try next.
        findings: With the code `invalid_project_file`, what is wrong, and where.
        log_size: With the code `log_gap`, how many bytes of the log the server holds.
        request_id: As in the header `X-Request-Id`, in the server's log, and in the audit.
    """

    title: str
    status: int
    code: Code
    type: str = "about:blank"
    hint: str = ""
    findings: list[FileFinding] = msgspec.field(default_factory=list)
    log_size: int | None = None
    request_id: str = ""
