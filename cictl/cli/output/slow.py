"""Saying what a request waits for, when its answer does not come at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cictl.base.urls import without_login

if TYPE_CHECKING:
    from cictl.cli.app.session import Session


@contextmanager
def told_when_slow(session: Session, text: str) -> Iterator[None]:
    """Write *text* to stderr if the block takes longer than `Patience.slow_after_seconds`."""
    timer = threading.Timer(session.patience.slow_after_seconds, session.note, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def reading_text(repository: str, *, limit: str) -> str:
    """Return what is said of a server that asks a remote, by its URL or what else names it; nothing if it asks none."""
    if not repository:
        return ""
    return f"waiting for the server to read {without_login(repository)}, for {limit} at most"
