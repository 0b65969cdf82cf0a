"""The errors that the client raises, and how an answer becomes one of them.

ClientError
├── Unreachable            no answer: refused, unknown host, timed out
│   └── ForeignAnswer      something before the server answered in its place
├── UnexpectedAnswer       an answer of the server that makes no sense
├── WaitTimedOut           the execution goes on; only the waiting ended
├── AmbiguousName          several pipelines or chains have the name
└── ApiError               the server said no; status, code, hint
    ├── InvalidRequest
    │   ├── InvalidProject
    │   ├── InputRefused   an input that the pipeline does not take, or lacks
    │   ├── IdempotencyKeyReused   a repeat that is none: another query or body
    │   └── UpdateUnavailable   the server's installation can't update itself
    ├── Unauthenticated
    ├── Forbidden
    ├── HostNotAllowed     the server does not answer for the host in its URL
    ├── RateLimited        many wrong tokens came from this address; a right one still works
    ├── NotFound
    ├── MethodNotAllowed
    ├── Conflict
    │   ├── LogGap         log_size: where the next bytes belong
    │   └── AgentIdInUse   another process has the id of this agent
    ├── TooLarge
    ├── LimitReached       as many agents or runs as the server allows
    ├── GitFailed
    │   └── GitMissing
    ├── NoCapacity
    │   └── Unavailable    what the server needs, such as a bucket, does not answer just now
    └── ServerError
        ├── StoreFailed
        │   ├── StoreFull
        │   └── StoreAway  the server's database does not answer
        ├── DiskLow        too little room for new work
        └── UpdateFailed
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from cictl.base.urls import without_user_info
from cictl.wire.codec import DecodeError, Message, decode
from cictl.wire.problems import PROBLEM_JSON, Code, FileFinding

E = TypeVar("E", bound="ClientError")


class ClientError(Exception):
    """The base of every error that this package raises."""


class Unreachable(ClientError):
    """No answer came. `url` is without user info; `detail` is the cause in one line."""

    def __init__(self, url: str, detail: str) -> None:
        self.url = without_user_info(url)
        self.detail = detail
        super().__init__(f"cannot reach {self.url}: {detail}")


class ForeignAnswer(Unreachable):
    """A proxy, or whatever else has the address, answered in the server's place; the server itself was not reached.

    Attributes:
        status: The HTTP status of that answer.
    """

    def __init__(self, url: str, detail: str, *, status: int) -> None:
        super().__init__(url, detail)
        self.status = status


class UnexpectedAnswer(ClientError):
    """The server answered, but its answer has another shape than the API's."""

    def __init__(self, url: str, detail: str) -> None:
        self.url = without_user_info(url)
        self.detail = detail
        super().__init__(f"{self.url} does not answer like a cictl server: {detail}")


class WaitTimedOut(ClientError):
    """The time limit for waiting has passed; the execution goes on."""

    def __init__(self, job_id: str, seconds: float) -> None:
        self.job_id = job_id
        self.seconds = seconds
        super().__init__(f"{job_id} is not over after {seconds:g} s; it goes on")


class AmbiguousName(ClientError):
    """Several pipelines or chains have a name, or several projects.

    Attributes:
        name: The name.
        candidates: Each that has it, as `shop/build (pipeline 7)` or `project shop (id 3)`; the number of a pipeline or a
            chain is the id for `run_pipeline` or `run_chain`.
    """

    def __init__(self, name: str, candidates: Sequence[str]) -> None:
        self.name = name
        self.candidates = tuple(candidates)
        super().__init__(f"{name!r} is ambiguous: {', '.join(candidates)}")


class ApiError(ClientError):
    """The server refused.

    Attributes:
        status: The HTTP status; 0 when no request could be sent, as with a token that no header can carry, or a name that
            nothing has.
        code: A stable word. A reference server sends none; it follows from the status then.
        message: The server's text.
        hint: What to try next; may be empty.
        request_id: Under what the server's log and its audit tell of the request; empty if no cictl server answered.
    """

    code: Code = Code.INTERNAL
    request_id: str = ""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.hint = hint


class InvalidRequest(ApiError):
    code = Code.INVALID_REQUEST


class InvalidProject(InvalidRequest):
    """A project file is missing or breaks rules.

    Attributes:
        findings: What is wrong with the file, and where; empty from a reference server.
    """

    code = Code.INVALID_PROJECT_FILE

    def __init__(self, message: str, *, status: int, hint: str = "", findings: Sequence[FileFinding] = ()) -> None:
        super().__init__(message, status=status, hint=hint)
        self.findings = list(findings)


class InputRefused(InvalidRequest):
    """A run was given an input that its pipeline does not take, or lacks one; the message says what is allowed."""

    code = Code.INPUT_REFUSED


class IdempotencyKeyReused(InvalidRequest):
    """The key came before, with another query or body."""

    code = Code.IDEMPOTENCY_KEY_REUSED


class UpdateUnavailable(InvalidRequest):
    """The server can't update itself, because of how it was installed or started; the message says what to do."""

    code = Code.UPDATE_UNAVAILABLE


class Unauthenticated(ApiError):
    code = Code.UNAUTHENTICATED


class Forbidden(ApiError):
    code = Code.FORBIDDEN


class HostNotAllowed(ApiError):
    """The server does not answer for the host in its URL; the message names the option that lets it."""

    code = Code.HOST_NOT_ALLOWED


class RateLimited(ApiError):
    """The token is wrong, and many wrong ones came from this address lately. A right one still works."""

    code = Code.RATE_LIMITED


class NotFound(ApiError):
    code = Code.NOT_FOUND


class MethodNotAllowed(ApiError):
    code = Code.METHOD_NOT_ALLOWED


class Conflict(ApiError):
    code = Code.CONFLICT


class LogGap(Conflict):
    """A piece of a log begins past the end of what the server holds, which is `log_size` bytes."""

    code = Code.LOG_GAP

    def __init__(self, message: str, *, status: int, hint: str = "", log_size: int = 0) -> None:
        super().__init__(message, status=status, hint=hint)
        self.log_size = log_size


class AgentIdInUse(Conflict):
    """Another process works with the id of this agent; the message names both."""

    code = Code.AGENT_ID_IN_USE


class TooLarge(ApiError):
    code = Code.TOO_LARGE


class LimitReached(ApiError):
    """There are as many agents or runs as the server allows; the message names its setting."""

    code = Code.LIMIT_REACHED


class GitFailed(ApiError):
    code = Code.GIT_FAILED


class GitMissing(GitFailed):
    """There is no git on the server's machine."""

    code = Code.GIT_MISSING


class NoCapacity(ApiError):
    code = Code.NO_CAPACITY


class Unavailable(NoCapacity):
    """What the server needs, such as a bucket or a Vault, does not answer just now; the message names it."""

    code = Code.UNAVAILABLE


class ServerError(ApiError):
    code = Code.INTERNAL


class StoreFailed(ServerError):
    code = Code.STORE_FAILED


class StoreFull(StoreFailed):
    code = Code.STORE_FULL


class StoreAway(StoreFailed):
    """The server's database does not answer; try again in a few seconds."""

    code = Code.STORE_AWAY


class DiskLow(ServerError):
    """There is too little room on the server's disk for new work; what runs may finish."""

    code = Code.DISK_LOW


class UpdateFailed(ServerError):
    """A version can't be installed on the server, or does not work there; the server stays as it was."""

    code = Code.UPDATE_FAILED


def kinds() -> dict[str, type[ClientError]]:
    """Return every kind of error by its name."""
    every: list[type[ClientError]] = [ClientError, *_below(ClientError)]
    return {kind.__name__: kind for kind in every if kind.__module__ == __name__}


def _below(parent: type[E]) -> Iterator[type[E]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from _below(kind)


_BY_CODE: dict[str, type[ApiError]] = {kind.code: kind for kind in _below(ApiError)}

_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    413: TooLarge,
    421: HostNotAllowed,
    429: NoCapacity,
    503: NoCapacity,
    507: StoreFull,
}


class _Problem(Message):
    """Problem details from anybody: a newer server may send codes that are unknown here, and a proxy none."""

    title: str = ""
    detail: str = ""
    code: str = ""
    hint: str = ""
    findings: list[FileFinding] = msgspec.field(default_factory=list)
    log_size: int | None = None
    request_id: str = ""


def is_own_problem(content_type: str, body: bytes) -> bool:
    """Tell whether an answer is problem details with one of our codes, which no other program sends."""
    problem = _problem(content_type, body)
    return problem is not None and problem.code in _BY_CODE


def is_too_large(error: ClientError) -> bool:
    """Tell whether a request was too large, for the server or for a proxy before it."""
    return isinstance(error, TooLarge) or (isinstance(error, ForeignAnswer) and error.status == TooLarge.code.status)


def error_of(status: int, content_type: str, body: bytes) -> ApiError:
    """Return the exception for a refusal of the server, chosen by its problem details, or else by its status."""
    problem = _problem(content_type, body)
    if problem is None:
        return _plain_error(status, body.decode(errors="replace").strip())
    error = _told_error(status, problem)
    error.request_id = problem.request_id
    return error


def _told_error(status: int, problem: _Problem) -> ApiError:
    message = problem.title or problem.detail or _nameless(status)
    kind = _BY_CODE.get(problem.code) or _kind_by_status(status)
    if issubclass(kind, LogGap):
        return kind(message, status=status, hint=problem.hint, log_size=problem.log_size or 0)
    if issubclass(kind, InvalidProject):
        return kind(message, status=status, hint=problem.hint, findings=problem.findings)
    return kind(message, status=status, hint=problem.hint)


def _problem(content_type: str, body: bytes) -> _Problem | None:
    if not content_type.lower().startswith(PROBLEM_JSON):
        return None
    try:
        return decode(body, _Problem)
    except DecodeError:
        return None


def _plain_error(status: int, text: str) -> ApiError:
    if text == "job not found":  # the contract has status reports answer 400 here
        return NotFound(text, status=status)
    return _kind_by_status(status)(text or _nameless(status), status=status)


def _kind_by_status(status: int) -> type[ApiError]:
    return _BY_STATUS.get(status, ServerError if status >= 500 else InvalidRequest)


def _nameless(status: int) -> str:
    return f"the server answered with status {status}"
