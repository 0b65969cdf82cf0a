"""A place for logs that can be opened again, as another server would; one for each implementation of the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cictl_server.log_writer.contract import LogWriter
from cictl_server.log_writer.files import FileLogs


@dataclass(frozen=True)
class LogPlace:
    """Where logs are kept.

    Attributes:
        open: Makes the logs of a server that begins when the others are idle.
        is_shared: Several servers may write at once.
    """

    open: Callable[[], LogWriter]
    is_shared: bool

    def at_once(self, count: int) -> list[LogWriter]:
        """Return the logs of *count* threads that write at once: of a server each, where several may share the place."""
        one = self.open()
        return [self.open() if self.is_shared else one for _ in range(count)]


def _files(directory: Path) -> LogPlace:
    return LogPlace(open=lambda: FileLogs(directory / "logs"), is_shared=False)


LOG_PLACES: Mapping[str, Callable[[Path], LogPlace]] = {"files": _files}
