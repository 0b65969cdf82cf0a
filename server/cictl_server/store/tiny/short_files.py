"""Short files that the journal makes durable. Each is flushed by itself later, many at a time, before the journal is shortened."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from cictl.base.system.beneath import NotBeneath, beneath
from cictl.base.system.durable import sync_directory
from cictl_server.store.tiny.files import write_all
from cictl_server.store.tiny.journal import FileAlong

logger = logging.getLogger(__name__)

_MOST_WAITING = 256
"""So many files wait for their flush until it is begun: a compaction, and a server that stops, have to wait for it."""
_AT_ONCE = 8
"""Flushes that are waited for at once share one commit of the file system."""


class ShortFiles:
    """Those below one directory.

    Attributes:
        settled: The files of all transactions up to this number are durable by themselves.
    """

    def __init__(self, directory: Path) -> None:
        self.settled = 0
        self._directory = directory
        self._waiting: list[tuple[int, FileAlong]] = []
        """Each with the number of its transaction, in the order of the journal."""
        self._is_doubtful = False
        """Whether a flush has failed: then the kernel may have dropped the bytes, and another flush alone would prove nothing."""
        self._due = _MOST_WAITING
        self._flushing = threading.Lock()
        self._flusher: threading.Thread | None = None

    def along(self, path: Path, content: bytes, *, job: int) -> FileAlong:
        """Return a file as the journal has it."""
        return FileAlong(path.relative_to(self._directory).as_posix(), job, content, self.settled)

    def note(self, sequence: int, files: Iterable[FileAlong]) -> None:
        """Note what is in the journal. Calls take turns, in the order of the journal."""
        self._waiting += [(sequence, file) for file in files]
        is_running = self._flusher is not None and self._flusher.is_alive()
        if len(self._waiting) >= self._due and not is_running:
            self._flusher = threading.Thread(target=self._flush_or_log, name="short files")
            self._flusher.start()

    def take_back(self, *, after: int) -> None:
        """Forget the files of transactions after this number, which were undone: others will get their numbers."""
        with self._flushing:
            self._waiting = [waiting for waiting in self._waiting if waiting[0] <= after]
            self.settled = min(self.settled, after)

    def flush(self) -> None:
        """Return once all files that are noted are durable by themselves.

        Raises:
            OSError: One of them is not. The next call writes and flushes all of them again.
        """
        with self._flushing:
            batch = self._waiting[:]
            if not batch:
                return
            is_again, self._is_doubtful = self._is_doubtful, True
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="short file") as pool:
                for done in [pool.submit(self._flush, file, is_again=is_again) for _, file in batch]:
                    done.result()
            for folder in {(self._directory / file.path).parent for _, file in batch}:
                with suppress(FileNotFoundError):
                    sync_directory(folder)
            self._is_doubtful = False
            del self._waiting[: len(batch)]
            self.settled = batch[-1][0]
            self._due = _MOST_WAITING

    def restore(self, found: Iterable[tuple[int, FileAlong]], *, is_there: Callable[[int], bool]) -> None:
        """Write the files of the journal again: a power cut may have taken them.

        Args:
            found: What the journal has, each with the number of its transaction.
            is_there: Tells whether an execution exists; the files of one that was removed stay away.
        """
        found = list(found)
        self.settled = max((file.settled for _, file in found), default=0)
        for sequence, file in found:
            if sequence > self.settled and is_there(file.job):
                with suppress(NotBeneath):
                    self._restore(file)
                    self._waiting.append((sequence, file))

    def close(self) -> None:
        """Wait for a flush that is under way."""
        if self._flusher is not None:
            self._flusher.join()

    def _flush_or_log(self) -> None:
        try:
            self.flush()
        except OSError:
            # The journal has them, and is not shortened before they are flushed.
            self._due = len(self._waiting) + _MOST_WAITING
            logger.exception("short files not flushed yet directory=%s", self._directory)

    def _restore(self, file: FileAlong) -> None:
        beneath(self._directory, file.path).parent.mkdir(mode=0o700, exist_ok=True)
        with self._opened(file, os.O_CREAT) as descriptor:
            write_all(descriptor, file.content, offset=0)

    def _flush(self, file: FileAlong, *, is_again: bool) -> None:
        """Flush a file. One that was removed since needs it no more, nor one in whose place something else is."""
        with suppress(FileNotFoundError), self._opened(file) as descriptor:
            if is_again:
                write_all(descriptor, file.content, offset=0)
            os.fsync(descriptor)

    @contextmanager
    def _opened(self, file: FileAlong, flags: int = 0) -> Iterator[int]:
        path = beneath(self._directory, file.path)
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
