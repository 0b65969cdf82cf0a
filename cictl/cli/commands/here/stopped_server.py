"""What commands do in the data directory of a server that does not run."""

from __future__ import annotations

from pathlib import Path

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.wire.access import NewToken, TokenRequest


def create_token(data_dir: Path, request: TokenRequest) -> NewToken:
    """Make a token in the data directory *data_dir*.

    Raises:
        Failure: A server uses the directory (7), there is no data in it (5), or the token can't be made.
    """
    from cictl_server import data_directory
    from cictl_server.errors import CictlError
    from cictl_server.store.contract import StoreLocked

    try:
        return data_directory.create_token(data_dir, request)
    except StoreLocked as error:
        raise Failure(
            str(error), exit_code=ExitCode.CONFLICT, code=error.code, hint="stop the server first, or ask it instead"
        ) from error
    except CictlError as error:
        raise Failure(
            str(error), exit_code=ExitCode[error.code.outcome.name], code=error.code, hint=error.hint
        ) from error
