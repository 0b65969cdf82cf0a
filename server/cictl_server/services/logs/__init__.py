"""The output of executions, as files that are read by byte offset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cictl_server.services.logs.files import LogFiles
from cictl_server.services.secrets import Secrets


@dataclass(frozen=True, kw_only=True)
class Logs:
    files: LogFiles

    @classmethod
    def build(cls, secrets: Secrets, directory: Path, *, limit: int) -> Logs:
        return cls(files=LogFiles(directory / "logs", secrets.masks, limit=limit))
