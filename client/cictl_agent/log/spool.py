"""The log of one job, redacted as it comes and kept on disk. Sending it is the business of `reporter`."""

from __future__ import annotations

import codecs
import hashlib
import threading
from pathlib import Path
from types import TracebackType

from cictl.redaction import Redactor
from cictl_agent.system.private import make_private_folder, open_private


class JobLog:
    """The log of one job: its output and the agent's remarks, as UTF-8 in a file.

    One thread writes while others read. Bytes that are not UTF-8 become replacement characters. The file always ends with
    a whole character, and never holds a secret.
    """

    def __init__(self, path: Path, redactor: Redactor) -> None:
        """Create an empty log at *path*, replacing what was there."""
        self._path = path
        self._redactor = redactor
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        try:
            self._file = open_private(path)
        except FileNotFoundError:
            make_private_folder(path.parent)
            self._file = open_private(path)
        self._reader = path.open("rb", buffering=0)
        self._lock = threading.Lock()
        self._hash = hashlib.sha256()
        self._size = 0
        self._is_line_open = False
        self.on_growth = _nothing
        """Called without arguments after bytes were added; the reporter sets it."""

    @property
    def size(self) -> int:
        """How many bytes can be read. The redactor may hold back more."""
        return self._size

    def write(self, data: bytes) -> None:
        """Add output of a process."""
        self._append(self._decoder.decode(data))

    def line(self, text: str) -> None:
        """Add a remark of the agent, on a line of its own."""
        # A character of which only a part has come can't be completed any more once the remark follows it.
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        clean = text.encode("utf-8", "replace").decode()
        is_open = rest[-1] != "\n" if rest else self._is_line_open
        self._append(f"{rest}\n{clean}\n" if is_open else f"{rest}{clean}\n")

    def finish(self) -> None:
        """Add what is still held back; nothing may be written afterwards."""
        self._append(self._decoder.decode(b"", final=True))
        self._store(self._redactor.flush())

    def redact(self, text: str) -> str:
        """Mask the job's secrets in a text that goes elsewhere."""
        return self._redactor.redact(text)

    def redact_name(self, name: str) -> str:
        """Mask the job's secrets in the name of a file that goes elsewhere."""
        return self._redactor.redact_name(name)

    def read(self, offset: int, limit: int) -> bytes:
        """Return up to *limit* bytes from *offset*, in whole characters; *limit* must be 4 or more."""
        with self._lock:
            self._reader.seek(offset)
            data = self._reader.read(max(0, min(limit, self._size - offset)))
        return data if offset + len(data) == self._size else _whole_characters(data)

    def character_start(self, offset: int) -> int:
        """Return where the character at *offset* begins; the log's size for an offset past the end."""
        offset = min(offset, self._size)
        before = max(0, offset - 3)
        with self._lock:
            self._reader.seek(before)
            around = self._reader.read(offset + 1 - before)
        while offset > before and offset - before < len(around) and around[offset - before] & 0xC0 == 0x80:
            offset -= 1
        return offset

    def tail(self, limit: int) -> str:
        """Return the last *limit* bytes as text, from the start of a character."""
        size = self._size
        data = self.read(max(0, size - limit), limit)
        begin = 0
        while begin < len(data) and data[begin] & 0xC0 == 0x80:
            begin += 1
        return data[begin:].decode()

    def sha256(self) -> str:
        """Return the hex digest of the whole log."""
        with self._lock:
            return self._hash.hexdigest()

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
        self._reader.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> JobLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, text: str) -> None:
        if text:
            self._is_line_open = text[-1] != "\n"
            self._store(self._redactor.feed(text))

    def _store(self, text: str) -> None:
        if not text:
            return
        data = memoryview(text.encode())
        with self._lock:
            self._hash.update(data)
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
            self._size += len(data)
        self.on_growth()


def _nothing() -> None:
    """Do nothing: nobody waits for the log to grow."""


def _whole_characters(data: bytes) -> bytes:
    """Cut an incomplete character off the end of valid UTF-8."""
    for back in range(1, min(4, len(data)) + 1):
        lead = data[-back]
        if lead & 0xC0 == 0x80:
            continue
        needed = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
        return data if needed <= back else data[:-back]
    return data
