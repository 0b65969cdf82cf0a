"""Reading what a process prints, with a time limit for each read, and what it prints after its command's end."""

from __future__ import annotations

import os
import queue
import selectors
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
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


def open_pipe(output: IO[bytes]) -> Pipe:
    """Return *output*, the reading end of a pipe, in the form that this system can wait for."""
    return ThreadedPipe(output) if os.name == "nt" else SelectedPipe(output)


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


class Leftovers:
    """The outputs that background processes hold open after their command's end.

    What they print is passed on in whole lines. So it splits no character and no line of a later command's output.
    """

    def __init__(self) -> None:
        self._kept: list[_Kept] = []

    def keep(self, pipe: Pipe, sink: Callable[[bytes], None]) -> None:
        """Take over an open pipe; its output goes on to *sink*."""
        self._kept.append(_Kept(pipe, sink))

    def drain(self) -> None:
        """Pass on the lines that have come, without waiting."""
        for kept in [*self._kept]:
            kept.drain()
            if not kept.pipe.is_open:
                kept.flush()
                kept.pipe.close()
                self._kept.remove(kept)

    def finish(self) -> None:
        """Pass on all that has come, the last unfinished lines too, and stop reading."""
        self.drain()
        for kept in self._kept:
            kept.flush()
        self.close()

    def close(self) -> None:
        """Stop reading."""
        while self._kept:
            self._kept.pop().pipe.close()


@dataclass
class _Kept:
    """One output, and the beginning of a line whose end has not come yet."""

    pipe: Pipe
    sink: Callable[[bytes], None]
    rest: bytearray = field(default_factory=bytearray)

    def drain(self) -> None:
        for _ in range(_MOST_BLOCKS):
            data = self.pipe.read(0)
            if not data:
                return
            self.rest += data
            whole = self.rest.rfind(b"\n") + 1 or (len(self.rest) if len(self.rest) >= _BLOCK else 0)
            self._pass_on(whole)

    def flush(self) -> None:
        self._pass_on(len(self.rest))

    def _pass_on(self, size: int) -> None:
        if size:
            self.sink(bytes(self.rest[:size]))
            del self.rest[:size]
