"""How the source of a job or a pipeline is shown."""

from __future__ import annotations

from cictl.base.urls import without_login


def source_text(repo: str, ref: str) -> str:
    """Return a repository and a ref as `URL@ref`, without the login that an older server may tell; the ref may be empty."""
    shown = without_login(repo)
    return f"{shown}@{ref}" if ref else shown
