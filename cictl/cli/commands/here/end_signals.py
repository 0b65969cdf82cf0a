"""The signals that ask a program to end: Ctrl-C, what service managers send, and the end of a terminal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


def stop_at_first_signal(stop: Callable[[], None]) -> None:
    """Call *stop* in a thread of its own when the first signal comes; later ones are ignored.

    The handler takes no lock: whatever the main thread was doing may hold it.
    """
    reader, writer = os.pipe()

    def wait() -> None:
        os.read(reader, 1)
        stop()

    def handle(*_: object) -> None:
        ignore_signals()
        os.write(writer, b"\0")

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in _NUMBERS:
        signal.signal(number, handle)


def ignore_signals() -> None:
    """Let no signal make a killed process of a clean end: the interpreter drops handlers while it ends, but leaves what is ignored."""
    for number in _NUMBERS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let the end of the terminal and SIGTERM do what Ctrl-C does, so that all is taken down."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    former = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
