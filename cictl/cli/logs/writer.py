"""Log bytes on their way to the screen: cleaned, and lines of several jobs never mixed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TextIO

from cictl.cli.output.plain import LogCleaner
from cictl.cli.output.text import write_bytes
from cictl_client import Client, LogChunk, NotFound

MAX_HELD = 65_536
"""Bytes of an unfinished line that are held back for the rest of it."""


class LogWriter:
    """Writes the logs of several jobs to one stream, whole lines at a time.

    One job's log passes through as it comes; with several, each line begins with its job's label.
    """

    def __init__(self, stream: TextIO, *, labelled: bool) -> None:
        self._stream = stream
        self._labelled = labelled
        self._held: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def feed(self, label: str, data: bytes) -> None:
        """Write *data*, the next bytes of the log of *label*."""
        if not self._labelled:
            self._write(data)
            return
        data = self._held.pop(label, b"") + data
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            self._write(_labelled(label, whole))
        if len(rest) > MAX_HELD:
            self._write(_labelled(label, rest))
        elif rest:
            self._held[label] = rest

    def end(self, label: str) -> None:
        """Write what is left of the log of *label*."""
        rest = self._held.pop(label, b"")
        if rest:
            self._write(_labelled(label, rest))

    def _write(self, data: bytes) -> None:
        if not data:
            return
        with self._lock:
            write_bytes(self._stream, data)


class LogTail(threading.Thread):
    """Follows the log of one job execution into a writer, on a client of its own.

    Attributes:
        error: What ended it early; None when the log was written whole, or it was told to stop.
    """

    def __init__(
        self,
        client: Client,
        job_id: str,
        label: str,
        writer: LogWriter,
        *,
        stop: threading.Event,
        on_reconnect: Callable[[Exception], None],
    ) -> None:
        super().__init__(name=f"log of {job_id}", daemon=True)
        self._client = client
        self._job_id = job_id
        self._label = label
        self._writer = writer
        self._told_to_stop = stop
        self._on_reconnect = on_reconnect
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits for this one
            self.error = error

    def _follow(self) -> None:
        cleaner = LogCleaner()
        chunks = self._client.follow_log(
            self._job_id, on_reconnect=self._on_reconnect, deadline=self._told_to_stop.is_set
        )
        for chunk in chunks:
            if self._told_to_stop.is_set():
                return
            self._writer.feed(self._label, cleaner.feed(chunk.data))
        self._writer.feed(self._label, cleaner.close())
        self._writer.end(self._label)


def read_piece(client: Client, job_id: str, *, offset: int, limit: int | None = None) -> LogChunk:
    """Return a piece of the log; of a server that has no logs by offset, a piece of the job's output."""
    try:
        return client.read_log(job_id, offset=offset, limit=limit)
    except NotFound:
        job = client.get_job(job_id)
    output = job.output.encode()
    piece = output[offset : None if limit is None else offset + limit]
    return LogChunk(data=piece, offset=offset, size=len(output), complete=job.status.is_terminal)


def _labelled(label: str, lines: bytes) -> bytes:
    head = f"{label} | ".encode()
    return b"".join(head + line + b"\n" for line in lines.split(b"\n"))
