"""Ctrl-C at a moment when it does no harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupted_after() -> Iterator[None]:
    """Put a Ctrl-C off until the block is over, so that the bytes written and the noted position agree, for example.

    A second Ctrl-C interrupts at once: the block may hang on a terminal that was stopped. This does nothing outside the
    main thread, and where Ctrl-C is ignored.
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
