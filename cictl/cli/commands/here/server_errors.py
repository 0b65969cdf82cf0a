"""Errors of the server's code in commands that run it here, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure


def exit_code(error: Exception) -> ExitCode:
    """Return the exit code for a database or a place for files that is not there, refuses, or does not answer; else 1."""
    from cictl_server.blobs.contract import BlobsAway, BlobsRefused
    from cictl_server.errors import StoreAway
    from cictl_server.postgres.errors import DatabaseDenied, DatabaseTooNew, DatabaseUnreachable

    if isinstance(error, BlobsRefused):
        return ExitCode.NOT_FOUND if error.is_missing else ExitCode.NOT_ALLOWED
    codes = {
        BlobsAway: ExitCode.UNREACHABLE,
        DatabaseUnreachable: ExitCode.UNREACHABLE,
        StoreAway: ExitCode.UNREACHABLE,
        DatabaseDenied: ExitCode.NOT_ALLOWED,
        DatabaseTooNew: ExitCode.CONFLICT,
    }
    return codes.get(type(error), ExitCode.ERROR)


@contextmanager
def failures() -> Iterator[None]:
    """Turn the errors of the server's code into failures of the command."""
    from cictl_server.errors import CictlError, Conflict, InvalidRequest, NotFound
    from cictl_server.store.contract import StoreLocked

    codes = {
        NotFound: ExitCode.NOT_FOUND,
        Conflict: ExitCode.CONFLICT,
        StoreLocked: ExitCode.CONFLICT,
        InvalidRequest: ExitCode.USAGE,
    }
    try:
        yield
    except CictlError as error:
        code = next((code for kind, code in codes.items() if isinstance(error, kind)), exit_code(error))
        raise Failure(str(error), exit_code=code, code=error.code.value, hint=error.hint) from error
