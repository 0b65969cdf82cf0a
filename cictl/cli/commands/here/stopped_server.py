"""What commands do with the records of a server without asking it: in the data directory of one that does not run, or in a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.wire.admin.access import NewToken, TokenRequest


def create_token(data_dir: Path, request: TokenRequest) -> NewToken:
    """Make a token in the data directory *data_dir*.

    Raises:
        Failure: A server uses the directory (7), there is no data in it (5), or the token can't be made.
    """
    from cictl_server import data_directory

    with _failures():
        return data_directory.create_token(data_dir, request)


def create_token_in_database(url: str, request: TokenRequest) -> NewToken:
    """Make a token in the database at *url*; its servers may run.

    Raises:
        Failure: No server has used the database (5), it can't be used, or the token can't be made.
    """
    from cictl_server import database_check

    with _failures():
        return database_check.create_token(url, request)


def verify_audit(data_dir: Path) -> int:
    """Walk along the records of the audit in *data_dir*, and return their number. A server may use the directory.

    Raises:
        BrokenChain: One was altered, removed or put in.
        Failure: There is no data in the directory (5), or it can't be read.
    """
    from cictl_server import data_directory

    with _failures():
        return data_directory.verify_audit(data_dir)


@contextmanager
def _failures() -> Iterator[None]:
    """Let the server's errors end the command as those of a running server do."""
    from cictl_server.errors import CictlError
    from cictl_server.store.contract import StoreLocked

    try:
        yield
    except StoreLocked as error:
        raise Failure(
            str(error), exit_code=ExitCode.CONFLICT, code=error.code, hint="stop the server first, or ask it instead"
        ) from error
    except CictlError as error:
        raise Failure(
            str(error), exit_code=ExitCode[error.code.outcome.name], code=error.code, hint=error.hint
        ) from error
