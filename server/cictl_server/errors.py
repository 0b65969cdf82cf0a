"""The errors of the server's rules. They know no HTTP: the status follows from the `code`.

CictlError
├── InvalidRequest        a field is missing or wrong
│   ├── InvalidProject    a project file that cannot be accepted
│   ├── InputRefused      an input that the pipeline does not take, or lacks
│   ├── IdempotencyKeyReused  a repeat that is none: another query or body
│   └── UpdateUnavailable this installation can't update itself
├── Forbidden             who asks may not do this: a page of another site, or a token
├── HostNotAllowed        the request is for a host that this server is not
├── Unauthenticated       no token, or one that does not count
├── RateLimited           too many wrong tokens from one address
├── NotFound              no such agent, project, pipeline, job …
├── Conflict              the state of things forbids it
│   ├── LogGap            log bytes that do not follow what is stored
│   └── AgentIdInUse      another process works with the id of this agent
├── TooLarge              more bytes, files or entries than allowed
├── LimitReached          there are as many agents or runs as allowed; the text names the setting
├── GitFailed             a repository could not be read
│   └── GitMissing        the server's machine has no git
├── UpdateFailed          a new version could not be installed, or does not work here
├── NoCapacity            all places for waiting requests, or for work with git, are taken
├── DiskLow               too little room for new work
├── BlobError             see blobs/contract.py
└── StoreError            see store/contract.py and postgres/errors.py
    └── StoreAway         the database does not answer
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import EDQUOT, EIO, ENOSPC, EROFS

from cictl.wire.problems import Code, FileFinding

FULL = frozenset({ENOSPC, EDQUOT})
"""The numbers of system errors that mean that a disk has no space."""

BROKEN = frozenset({EIO, EROFS})
"""Those that mean that it fails, or that the system has made it read-only because it did."""

MEND_HINT = "mend the disk of the data directory, then restart the server; reading still works"

ROOM_HINT = (
    "make room on the disk of the data directory, and the server goes on by itself; once a little is free, "
    "`cictl jobs flush-history` removes finished jobs with their logs and artifacts"
)


LOW_HINT = (
    "make room on the disk of the data directory; `cictl retention preview` tells what `cictl retention run` would free"
)


class CictlError(Exception):
    """Base of everything a service raises on purpose.

    Attributes:
        code: A stable word for programs.
        hint: What to try next; may be empty.
    """

    code: Code = Code.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InvalidRequest(CictlError):
    code = Code.INVALID_REQUEST


def no_agent_id() -> InvalidRequest:
    """Return the error for a request of an agent without its id."""
    return InvalidRequest("agent_id is required")


class InvalidProject(InvalidRequest):
    """A project file is missing or breaks rules.

    Attributes:
        findings: What is wrong with the file, and where; empty if it could not be read.
    """

    code = Code.INVALID_PROJECT_FILE

    def __init__(self, message: str, *, hint: str = "", findings: Sequence[FileFinding] = ()) -> None:
        super().__init__(message, hint=hint)
        self.findings = list(findings)


class InputRefused(InvalidRequest):
    code = Code.INPUT_REFUSED


class IdempotencyKeyReused(InvalidRequest):
    code = Code.IDEMPOTENCY_KEY_REUSED

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key was sent before with another query or body",
            hint="a repeat must be the same request; give another request a new key",
        )


class UpdateUnavailable(InvalidRequest):
    code = Code.UPDATE_UNAVAILABLE


class UpdateFailed(CictlError):
    code = Code.UPDATE_FAILED


class Unauthenticated(CictlError):
    code = Code.UNAUTHENTICATED


class Forbidden(CictlError):
    code = Code.FORBIDDEN


class HostNotAllowed(CictlError):
    code = Code.HOST_NOT_ALLOWED

    def __init__(self, host: str) -> None:
        super().__init__(
            f"this server does not answer for {host}: start it with --allowed-host {host} if it should",
            hint="put the address of its machine into the URL, or on that machine itself 127.0.0.1",
        )


class RateLimited(CictlError):
    """Another wrong token came from an address that sent many, or too many requests without one; right ones still pass.

    Attributes:
        retry_after_seconds: When the address will be told again whether a token is wrong, or may read without one.
    """

    code = Code.RATE_LIMITED

    def __init__(self, *, retry_after_seconds: int, of_guest: bool = False) -> None:
        many = "too many wrong tokens came from this address"
        again = "a wrong one is looked at again"
        if of_guest:
            many, again = "too many requests without a token came from this address", "one without is answered again"
        super().__init__(many, hint=f"a right token still works; {again} in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class NotFound(CictlError):
    """`NotFound("agent")` reads `agent not found`, the contract's form."""

    code = Code.NOT_FOUND

    def __init__(self, noun: str, *, hint: str = "") -> None:
        super().__init__(f"{noun} not found", hint=hint)
        self.noun = noun


class Conflict(CictlError):
    code = Code.CONFLICT


class LogGap(Conflict):
    """Bytes were offered past the end of the stored log; `log_size` is where the next ones belong."""

    code = Code.LOG_GAP

    def __init__(self, log_size: int) -> None:
        super().__init__(f"log has {log_size} bytes; send on from there")
        self.log_size = log_size


class AgentIdInUse(Conflict):
    code = Code.AGENT_ID_IN_USE

    def __init__(self, agent_id: str, *, owner: str, rival: str) -> None:
        super().__init__(
            f"agent id {agent_id} is in use by {owner}; so {rival} is refused",
            hint="give each agent an id of its own, with --id NAME or CICTL_AGENT_ID",
        )


class TooLarge(CictlError):
    code = Code.TOO_LARGE


class LimitReached(CictlError):
    code = Code.LIMIT_REACHED


class GitFailed(CictlError):
    code = Code.GIT_FAILED


class GitMissing(GitFailed):
    code = Code.GIT_MISSING

    def __init__(self) -> None:
        super().__init__("git not found on server", hint="install git on the server's machine")


class NoCapacity(CictlError):
    code = Code.NO_CAPACITY

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="try again in a few seconds")


class DiskLow(CictlError):
    code = Code.DISK_LOW

    def __init__(self, what: str, *, free: str, wanted: str) -> None:
        super().__init__(
            f"too little room for a new {what}: {free} are free on the server's disk, and {wanted} should be (--min-free)",
            hint=LOW_HINT,
        )


class StoreError(CictlError):
    """The store cannot do what was asked."""

    code = Code.STORE_FAILED


class StoreAway(StoreError):
    """The database does not answer, or not in time. Nothing of the request is kept, unless a change was just being committed."""

    code = Code.STORE_AWAY

    def __init__(self) -> None:
        super().__init__("the server's database does not answer", hint="try again in a few seconds")
