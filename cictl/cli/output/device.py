"""Where the program's output goes: a closed stdout is the null device, and one that takes no more doesn't stop the work."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputDevice(io.FileIO):
    """A descriptor that writes on in silence once it has failed, so that the work it tells of comes to its end.

    A reader that went away is no failure: `BrokenPipeError` ends the program as it ends others.

    Attributes:
        error: The first failure, such as a full disk; None without one.
    """

    error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write *data* as far as the device takes it; all of it counts as written once the device has failed."""
        if self.error is None:
            try:
                return self._wait_and_write(data)
            except BrokenPipeError:
                raise
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes

    def _wait_and_write(self, data: ReadableBuffer) -> int:
        # A program that shares the terminal may have told it not to block.
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


def open_standard_streams() -> None:
    """Open stdin, stdout and stderr on the null device where they are closed, and guard what stdout writes to.

    Otherwise the next file that is opened, such as a lock or the store's journal, would become stdout, and all output
    would go into it.
    """
    for descriptor in range(3):
        _open_if_closed(descriptor)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - it stays open as long as the program runs
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115 - as does this
    if sys.stdout is None or _writes_to_stdout(sys.stdout):
        sys.stdout = _guarded(sys.stdout)


def output_error(stream: TextIO) -> OSError | None:
    """Return why *stream* did not take all that was written to it; None when it did."""
    device = _raw(stream)
    return device.error if isinstance(device, OutputDevice) else None


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest free descriptor is taken, which is this one: those below are open.
        os.open(os.devnull, os.O_RDWR)


def _raw(stream: TextIO) -> object:
    """Return what is below the buffer of *stream*; an unbuffered one (`python -u`) has no buffer."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _writes_to_stdout(stream: TextIO) -> bool:
    """Tell whether *stream* is a plain writer to stdout: no test's stream, and no console of Windows, which is special."""
    raw = _raw(stream)
    return isinstance(raw, io.FileIO) and raw.fileno() == 1


def _guarded(stdout: TextIO | None) -> TextIO:
    """Return a stream as *stdout* is, which writes to an `OutputDevice`."""
    device = OutputDevice(1, "w", closefd=False)
    is_unbuffered = stdout is not None and getattr(stdout, "buffer", None) is _raw(stdout)
    return io.TextIOWrapper(
        cast(BinaryIO, device) if is_unbuffered else io.BufferedWriter(device),
        encoding=stdout.encoding if stdout else "utf-8",
        errors="backslashreplace",
        line_buffering=device.isatty(),
        write_through=is_unbuffered,
    )
