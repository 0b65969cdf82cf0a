"""Commands that take several jobs: what they name, and going on to the next one when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, failure_of
from cictl.cli.app.session import Session
from cictl.cli.job_names import find_job_id
from cictl_client import Client, ClientError, Unreachable

T = TypeVar("T")

FROM_STDIN = "-"


class Several:
    """The jobs that a command names, worked on one after the other.

    Each failure is said, and the command goes on with the next job. Of a single job the failure is raised as it is, and a
    server that can't be reached ends the command.

    Attributes:
        code: The worst exit code so far.
    """

    def __init__(self, session: Session, names: Sequence[str]) -> None:
        """Take the *names* from the command line; `-` stands for the lines of stdin."""
        self._session = session
        self._names = [name for given in names for name in _lines(session, given)]
        self.code = ExitCode.OK
        if not self._names:
            session.note("no jobs were named")

    @property
    def is_single(self) -> bool:
        """Whether one job was named, so that JSON shows it as the API does and not in a list."""
        return len(self._names) == 1

    def find(self, find: Callable[[Client, str], list[str]] | None = None) -> list[str]:
        """Return the ids that the names mean, each once; *find* looks up what a name means, one job without it."""
        find = find or (lambda client, text: [find_job_id(client, text)])
        found = [self.attempt(partial(find, self._session.client, name)) or [] for name in self._names]
        return list(dict.fromkeys(job_id for ids in found for job_id in ids))

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Return what *work* returns; None if it failed, which is said."""
        try:
            return work()
        except Unreachable:
            raise
        except (Failure, ClientError) as error:
            if self.is_single:
                raise
            self._tell(error)
            return None

    def _tell(self, error: Failure | ClientError) -> None:
        server = self._session.settings.shown_server
        failure = error if isinstance(error, Failure) else failure_of(error, server=server)
        self._session.stderr.write(failure.as_json() if self._session.output == "json" else failure.as_text())
        self.code = max(self.code, failure.exit_code)


def _lines(session: Session, name: str) -> list[str]:
    if name != FROM_STDIN:
        return [name]
    return [line.strip() for line in session.stdin if line.strip()]
