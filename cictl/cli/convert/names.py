"""Names and paths of other CIs, as project files take them."""

from __future__ import annotations

import re

_NOT_OF_ID = re.compile(r"[^A-Za-z0-9_.-]+")


def id_of(name: str, *, otherwise: str) -> str:
    """Return *name* as the id of a pipeline or a job; *otherwise* where nothing of it is left."""
    return _NOT_OF_ID.sub("-", name).strip("-") or otherwise


def pattern_of(path: str) -> str:
    """Return the pattern for a path that may be a directory: one that ends in a slash, or whose last part has no dot."""
    excluded, path = path.startswith("!"), path.removeprefix("!").removeprefix("./")
    last = path.rstrip("/").rpartition("/")[2]
    if path.endswith("/") or not any(mark in last for mark in (".", "*", "{{")):
        path = f"{path.rstrip('/')}/**"
    return f"!{path}" if excluded else path
