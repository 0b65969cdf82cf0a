"""Finding the files of a step's reports: by name, by pattern or in a directory, and only if this step wrote them."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from cictl_agent.job.globs import BadPattern, GlobSet
from cictl_agent.job.reports.problems import ReportError
from cictl_agent.system.trees import files_below

_MOST_BYTES = 64 << 20
_SPECIAL = frozenset("*?[{")

_TICK_SECONDS = 0.02

Stamp = tuple[int, int, int, int]
"""What changes when a file is written: its inode, size, mtime and ctime."""


class ReportFiles:
    """The files that one key of a step names. It compares how they were before the step with how they are after it.

    Attributes:
        paths: What the key says, one path a line: a file, a pattern like those of artifacts, or a directory, which stands
            for every `*.xml` below it.
    """

    def __init__(self, directory: Path, paths: str) -> None:
        """Note the files that are there already, left by an earlier step."""
        self._directory = directory
        self.paths = [line.strip() for line in paths.splitlines() if line.strip()]
        try:
            self._before = {path: _stamp(directory / path) for path in self._found()}
            self._let_clock_pass()
        except ReportError:  # a malformed pattern; `read` reports it
            self._before = {}

    def _let_clock_pass(self) -> None:
        """Wait until a change gets a later time than the files here have; file systems count in ticks of some milliseconds."""
        newest = max((stamp[3] for stamp in self._before.values() if stamp), default=0)
        if newest > time.time_ns() - _TICK_SECONDS * 1e9:
            time.sleep(_TICK_SECONDS)

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Yield the path below the directory and the content of each file that the step wrote, sorted by path.

        Raises:
            ReportError: The step wrote none, or one can't be read.
        """
        found = list(self._found())
        fresh = [path for path in found if self._before.get(path) != _stamp(self._directory / path)]
        if not fresh:
            raise ReportError(self._missing(found))
        for path in fresh:
            yield path, _content(self._directory, path)

    def _missing(self, found: list[str]) -> str:
        named = '", "'.join(self.paths)
        if found:
            return f'read report "{named}": the step did not write it; an earlier step or the checkout did'
        if self._has_patterns():
            return f'read report "{named}": no file matches'
        return f'read report "{named}": No such file or directory'

    def _has_patterns(self) -> bool:
        return any(_SPECIAL & set(path) or self._is_directory(path) for path in self.paths)

    def _is_directory(self, path: str) -> bool:
        return os.path.isdir(self._directory / path)  # noqa: PTH112 pathlib raises for names that are too long

    def _found(self) -> Iterator[str]:
        """Yield the files that are there, each once, sorted."""
        plain = {path for path in self.paths if not _SPECIAL & set(path) or os.path.lexists(self._directory / path)}
        directories = {path for path in plain if self._is_directory(path)}
        files = {path for path in plain - directories if os.path.lexists(self._directory / path)}
        patterns = [path for path in self.paths if path not in plain]
        patterns += [f"{path.rstrip('/')}/**/*.xml" for path in directories]
        if patterns:
            try:
                wanted = GlobSet(patterns)
            except BadPattern as error:
                raise ReportError(f"read report: {error}") from error
            files |= {
                path for path in files_below(self._directory, leaving_out=frozenset({".git"})) if wanted.matches(path)
            }
        return iter(sorted(files))


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()  # of what a link leads to, for that is what is read
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _content(directory: Path, path: str) -> bytes:
    """Return the content of a regular file below *directory*.

    A pipe would hang, and a link out of the directory could leak a file of the agent's: neither is read.

    Raises:
        ReportError: It leads out of the directory, is not a regular file, is too large, or can't be read.
    """
    try:
        resolved = Path(os.path.realpath(directory / path, strict=True))
        if not resolved.is_relative_to(os.path.realpath(directory)):
            raise ReportError(f'read report "{path}": it leads out of the checkout')
        descriptor = os.open(resolved, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123 a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ReportError(f'read report "{path}": not a regular file')
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ReportError(f'read report "{path}": {error.strerror or error}') from error
    if len(content) > _MOST_BYTES:
        raise ReportError(f'read report "{path}": more than {_MOST_BYTES} bytes')
    return content
