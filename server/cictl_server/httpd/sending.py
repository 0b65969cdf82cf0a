"""Sending a file from the kernel's cache to a client: no byte of it passes through Python."""

from __future__ import annotations

import logging
import os
import select
from typing import TYPE_CHECKING

from waitress.channel import ClientDisconnected

if TYPE_CHECKING:
    from cictl_server.httpd.connections import Channel

logger = logging.getLogger(__name__)

CAN_SEND = hasattr(os, "sendfile") and hasattr(select, "poll")
_BLOCK_BYTES = 1 << 20
_LOOK_MILLISECONDS = 1000
"""After so long without room it is tried all the same: poll tells of room only once a third of the kernel's buffer is free."""


def send_file(channel: Channel, descriptor: int, start: int, length: int) -> None:
    """Send bytes of a file from the thread that answers, after all that was queued before.

    Raises:
        ClientDisconnected: The client has gone, or takes nothing for too long.
        OSError: The file has become shorter, or can't be read.
    """
    channel.flush_all()
    # The loop may close the socket meanwhile, and its number may then be that of another client's.
    socket = channel.duplicate()
    try:
        _send(channel, socket, descriptor, start, start + length)
    finally:
        os.close(socket)


def _send(channel: Channel, socket: int, descriptor: int, position: int, end: int) -> None:
    poll = select.poll()
    poll.register(socket, select.POLLOUT)
    while position < end:
        channel.check_connected()
        try:
            sent = os.sendfile(socket, descriptor, position, min(_BLOCK_BYTES, end - position))
        except BlockingIOError:
            channel.check_taking(unsent=end - position)  # after a try: it may be this process that stood still
            poll.poll(_LOOK_MILLISECONDS)
            continue
        except ConnectionError as error:
            raise ClientDisconnected from error
        if not sent:
            raise OSError(f"a file ended {end - position} bytes before its end")
        position += sent
        channel.note_taken()
