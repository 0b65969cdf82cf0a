"""Ctrl-C at a moment when it does no harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupted_after() -> Iterator[None]:
    """Let a Ctrl-C wait until the block is over, so that what it does and what is noted of that agree.

    A second one does not wait: the block may hang on a screen that was stopped. In other threads than the main one, and
    where Ctrl-C is ignored, this does nothing.
    """
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(former):
        yield
        return
    is_wanted = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_wanted
        if is_wanted:
            raise KeyboardInterrupt
        is_wanted = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
    if is_wanted:
        raise KeyboardInterrupt
