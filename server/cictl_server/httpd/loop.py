"""The loop of a server: it waits for sockets on one selector of the system, which is told only what changes.

waitress asks each of its sockets what it waits for whenever it looks at any, and is woken after each answer to ask again. That
costs as much as the sockets are many, and a change of threads for each answer. Here a socket is asked when its state has changed.
"""

from __future__ import annotations

import selectors
import threading
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from waitress import wasyncore


class Loop:
    """What each of a server's sockets waits for."""

    def __init__(self, sockets: dict[int, Any], *, wake: Callable[[], None]) -> None:
        """Look after *sockets*, waitress's map of them, as each of them is attended to.

        Args:
            wake: Ends a wait that is under way.
        """
        self._sockets = sockets
        self._wake = wake
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._sees_changes = hasattr(self._selector, "fileno")
        """Whether a wait that is under way sees changes. That of Windows does not."""
        self._watched: dict[int, int] = {}
        """The events that the selector tells of, by the number of the socket."""

    def attend(self, socket: Any) -> None:
        """Wait from now on for what *socket* waits for now. To be called in any thread after its state has changed."""
        with self._lock:  # else a thread that saw the state before a change could come later than the one that made it
            number = socket._fileno
            if not self._is_open(socket):
                return
            watched = self._watched.get(number, 0)
            wanted = (EVENT_READ if socket.readable() else 0) | (EVENT_WRITE if socket.writable() else 0)
            if wanted != watched:
                self._change(socket, number, watched, wanted)

    def leave(self, socket: Any) -> None:
        """Forget *socket*, which is about to be closed. It counts as closed from now on, in whichever thread.

        Else a thread could attend to it once more, and its number, which the next connection gets, would seem to be watched.
        """
        with self._lock:
            number = socket._fileno
            if not self._is_open(socket):
                return
            del self._sockets[number]
            if self._watched.pop(number, 0):
                self._selector.unregister(number)

    def turn(self, seconds: float) -> None:
        """Wait for so long at most, and let those sockets act that have something to read, or room to write."""
        for key, events in self._selector.select(seconds):
            socket = key.data
            if events & EVENT_READ and self._is_open(socket) and socket.readable():
                wasyncore.read(socket)
            if events & EVENT_WRITE and self._is_open(socket):
                wasyncore.write(socket)
            self.attend(socket)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._selector.close()

    def _is_open(self, socket: Any) -> bool:
        """Tell whether nobody has closed it; its number may be that of another one by now."""
        return self._sockets.get(socket._fileno) is socket

    def _change(self, socket: Any, number: int, watched: int, wanted: int) -> None:
        if not wanted:
            self._selector.unregister(number)  # else the system goes on telling of a client that has left
            del self._watched[number]
            return
        change = self._selector.modify if watched else self._selector.register
        change(number, wanted, socket)
        self._watched[number] = wanted
        if not self._sees_changes:
            self._wake()
