"""Repositories on this machine: which one a path leads into, and how the server has to be told it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cictl.base.urls import without_user_info


def as_sent(text: str) -> str:
    """Return a path on this machine as an absolute one, that of the whole repository if it leads into one; a URL as it is.

    A server on another machine will not find it there, and says so.
    """
    path = Path(text).expanduser()
    is_path = text.startswith(("./", "../", "~")) or text in (".", "..") or path.exists()
    if "://" in text or not is_path:
        return text
    return str(find_repository(path) or _absolute(path))


def find_repository(path: Path) -> Path | None:
    """Return the root of the repository that *path* is or leads into, as an absolute path; None outside of repositories."""
    whole = _absolute(path)
    return next((place for place in (whole, *whole.parents) if _is_repository(place)), None)


def origin_of(repository: Path) -> str:
    """Return the URL that *repository* calls `origin`; empty for none, and where there is no git."""
    command = ["git", "-C", str(repository), "config", "--get", "remote.origin.url"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - git
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def name_of(repository: Path) -> str:
    """Return the last part of the URL that *repository* came from; else the name of its directory."""
    url = without_user_info(origin_of(repository)).rstrip("/")
    return url.replace(":", "/").rpartition("/")[2].removesuffix(".git") or repository.name


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - not `resolve`: a link is the name that the user gave it


def _is_repository(path: Path) -> bool:
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())
