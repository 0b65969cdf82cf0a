"""The directory that a step runs in."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from cictl_agent.job.failures import CannotStart


def check_directory(checkout: Path, path: str) -> str:
    """Return *path*, which is relative to the checkout, without needless parts; empty for the checkout itself.

    Raises:
        CannotStart: It leads out of the checkout, by its words or by a link, or is no directory.
    """
    if not path:
        return ""
    clean = posixpath.normpath(path)
    real, root = os.path.realpath(checkout / clean), os.path.realpath(checkout)
    if posixpath.isabs(clean) or not Path(real).is_relative_to(root):
        raise _failed(path, "leads out of the checkout")
    if not Path(real).is_dir():
        raise _failed(path, "is not there; a step before, or the repository, must make it")
    return "" if clean == "." else clean


def _failed(path: str, why: str) -> CannotStart:
    return CannotStart(f"working_directory {path!r} {why}")
