"""Reading what a process prints, with a time limit for each read."""

from __future__ import annotations

import os
import queue
import selectors
import threading
from typing import IO, Protocol

_BLOCK = 1 << 16
_MOST_BLOCKS = 16
_LOOK_SECONDS = 0.2


class Pipe(Protocol):
    """The output of one process."""

    @property
    def is_open(self) -> bool:
        """Whether more may come."""

    def read(self, seconds: float) -> bytes:
        """Return the output that came within *seconds*; empty when none came, or at the end."""

    def close(self) -> None:
        """Stop reading."""


class SelectedPipe:
    """A pipe that a selector can wait for, as on POSIX systems."""

    def __init__(self, output: IO[bytes]) -> None:
        self.is_open = True
        self._output = output
        self._selector = selectors.DefaultSelector()
        self._selector.register(output, selectors.EVENT_READ)

    def read(self, seconds: float) -> bytes:
        if not self.is_open or not self._selector.select(seconds):
            return b""
        data = os.read(self._output.fileno(), _BLOCK)
        self.is_open = bool(data)
        return data

    def close(self) -> None:
        self._selector.close()
        self._output.close()


class ThreadedPipe:
    """A pipe that can only be read, as on Windows; a thread reads it.

    A process out of reach may hold the pipe open for ever, so `close` does not wait for the thread.
    """

    def __init__(self, output: IO[bytes]) -> None:
        self.is_open = True
        self._output = output
        self._blocks: queue.Queue[bytes] = queue.Queue(_MOST_BLOCKS)
        self._is_closed = False
        threading.Thread(target=self._pump, name="output", daemon=True).start()

    def read(self, seconds: float) -> bytes:
        if not self.is_open:
            return b""
        try:
            data = self._blocks.get(timeout=seconds)
        except queue.Empty:
            return b""
        self.is_open = bool(data)
        return data

    def close(self) -> None:
        self._is_closed = True

    def _pump(self) -> None:
        with self._output:
            data = b"-"
            while data and not self._is_closed:
                data = os.read(self._output.fileno(), _BLOCK)
                self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        while not self._is_closed:
            try:
                self._blocks.put(data, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return
