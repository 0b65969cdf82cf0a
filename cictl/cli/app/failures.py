"""What ends a command early, and how the client's errors become exit codes and advice.

    Failure            a command says itself what went wrong
    ClientError        of cictl_client; `failure_of` turns every kind into a Failure

The client is not imported here: its classes are known by name, so that commands which never call a server stay quick.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cictl.base.text.characters import escaped
from cictl.base.text.plain import plain
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.output.text import folded


class Failure(Exception):
    """The end of a command.

    Attributes:
        code: Stable word for machines; the server's own where the server refused.
        hint: The next thing to try; empty when the message says it all.
        status: HTTP status, or 0 when no answer was involved.
        findings: What is wrong in a project file, with `file`, `line`, `column` and `message`.
        request_id: Under what the server's log tells of the request; empty when no answer was involved.
    """

    def __init__(
        self,
        message: str,
        *,
        exit_code: ExitCode,
        code: str,
        hint: str = "",
        status: int = 0,
        findings: Sequence[dict[str, Any]] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.code = code
        self.hint = hint
        self.status = status
        self.findings = list(findings)
        self.request_id = request_id

    def as_text(self, *, width: int | None = None) -> str:
        """Return the lines for people, and the `try:` line if there is a hint.

        Args:
            width: Of the terminal, at which the message is folded between words. A hint is a command to copy, and stays
                one line; so does all of it in a pipe.
        """
        # As `cictl lint` writes them, so that editors and people find the places.
        places = "".join(plain("{file}:{line}:{column}: {message}".format_map(each)) + "\n" for each in self.findings)
        text = places + folded("error: ", plain(self._counted or self.message), width=width)
        return text + (f"try: {plain(self.hint)}\n" if self.hint else "")

    @property
    def _counted(self) -> str:
        """How many findings there are, instead of a message that has them all in one line."""
        if not self.findings:
            return ""
        return f"{self.findings[0]['file']} has {len(self.findings)} problem{'s' * (len(self.findings) != 1)}"

    def as_json(self) -> str:
        """Return the one JSON object for machines."""
        error = {"code": self.code, "message": self.message, "hint": self.hint, "status": self.status}
        error |= {"findings": self.findings} if self.findings else {}
        error |= {"request_id": self.request_id} if self.request_id else {}
        return escaped(json.dumps({"error": error}, ensure_ascii=False)) + "\n"


def usage(message: str, *, hint: str = "") -> Failure:
    """Return the failure for something typed wrong."""
    return Failure(message, exit_code=ExitCode.USAGE, code="usage", hint=hint)


def not_found(message: str, *, hint: str = "") -> Failure:
    """Return the failure for a thing that does not exist."""
    return Failure(message, exit_code=ExitCode.NOT_FOUND, code="not_found", hint=hint)


EXIT_CODES: dict[str, ExitCode] = {
    "Unreachable": ExitCode.UNREACHABLE,
    "ForeignAnswer": ExitCode.UNREACHABLE,
    "UnexpectedAnswer": ExitCode.SERVER_ERROR,
    "WaitTimedOut": ExitCode.TIMED_OUT,
    "AmbiguousName": ExitCode.USAGE,
    "ClientError": ExitCode.ERROR,
}
"""The exit codes of errors without an error code of the server, by the name of the client's class."""

_CODES = {
    "Unreachable": "unreachable",
    "ForeignAnswer": "foreign_answer",
    "UnexpectedAnswer": "unexpected_answer",
    "WaitTimedOut": "wait_timed_out",
    "AmbiguousName": "ambiguous",
}

_HINTS = {
    "Unreachable": "is the server running? `cictl serve` starts one here, `--server URL` names another",
    "NotFound": "the list commands show what there is: `cictl agents list`, `cictl jobs list`",
    "Unauthenticated": "log in with `cictl login {server}`",
    "RateLimited": "log in with `cictl login {server}`: a right token works at once",
    "Forbidden": "`cictl whoami` shows what your token may do; ask an admin for one that may do this",
    "ServerError": "`cictl healthcheck` shows how the server is",
    "StoreFailed": "look at the server's log and at its disk",
    "StoreAway": "try again in a few seconds; `cictl healthcheck` shows how the server is",
    "NoCapacity": "try again in a few seconds",
    "MethodNotAllowed": "the server may be of another version: `cictl info`",
    "ForeignAnswer": "is this the address of a cictl server? `cictl healthcheck` checks it",
    "UnexpectedAnswer": "is this the address of a cictl server? `cictl healthcheck` checks it",
}


_FAULT = 500
"""From this status on, something is wrong with the server, and its log tells what."""


def is_client_error(error: BaseException) -> bool:
    """Tell whether *error* is one of cictl_client's, without importing it."""
    return any(c.__name__ == "ClientError" and c.__module__.startswith("cictl_client") for c in type(error).__mro__)


def failure_of(error: Exception, *, server: str) -> Failure:
    """Return what the client's *error* means to the user of a command.

    Args:
        error: A `ClientError`.
        server: The address as the user knows it, without user info.
    """
    names = [cls.__name__ for cls in type(error).__mro__]
    code = getattr(error, "code", None)
    exit_code = ExitCode[code.outcome.name] if code else next(EXIT_CODES[name] for name in names if name in EXIT_CODES)
    known_hint = next((_HINTS[name] for name in names if name in _HINTS), "")
    message = str(error)
    if server not in message:
        message += f" (server {server})"
    request_id, status = str(getattr(error, "request_id", "")), int(getattr(error, "status", 0) or 0)
    if request_id and status >= _FAULT:
        message += f" (request {request_id})"  # by which its line in the server's log is found
    return Failure(
        message,
        exit_code=exit_code,
        code=str(code or next((_CODES[name] for name in names if name in _CODES), "error")),
        hint=str(getattr(error, "hint", "") or known_hint.replace("{server}", server)),
        status=status,
        request_id=request_id,
        findings=[
            {name: getattr(found, name) for name in ("file", "line", "column", "message")}
            for found in getattr(error, "findings", ())
        ],
    )
