"""Trying a staged version on a copy of the data before it is allowed near the data itself."""

from __future__ import annotations

from pathlib import Path

from cictl.installation.layout import Layout


class SmokeError(Exception):
    """A staged version does not work; the text, `smoke test failed: …`, is what to tell the user."""


def smoke(layout: Layout, tag: str, data_dir: Path | None) -> None:
    """Let a staged version check itself; what fails is marked as failed.

    Args:
        data_dir: A server's data; it is copied, however busy the server is. None for an agent.

    Raises:
        SmokeError: It tells another version, can't open the data, or can't answer.
    """
    raise SmokeError("smoke test failed: not built yet")
