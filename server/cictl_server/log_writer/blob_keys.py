"""Under which keys finished logs are kept, where they are blobs."""

from __future__ import annotations

import re

from cictl_server.blobs.contract import PROJECTS, Blobs

LOGS = "logs/"
_SUFFIX = ".log"
_KEY = re.compile(rf"(?:{PROJECTS}[^/]+/)?{LOGS}(?P<name>[^/]+){re.escape(_SUFFIX)}")


def key_of_log(blobs: Blobs, name: str, *, project: str) -> str:
    """Return the key of a log. Those of a project lie together."""
    return f"{blobs.of_project(project)}{LOGS}{name}{_SUFFIX}"


def log_of_key(key: str) -> str | None:
    """Return the name of the log that has *key*; None if that is the key of something else."""
    found = _KEY.fullmatch(key)
    return found["name"] if found else None
