"""Finding the files of a step's reports: by name, by pattern or in a directory, and only if this step wrote them."""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from cictl.base.text.globs import BadPattern, GlobSet
from cictl_agent.job.reports.problems import ReportError
from cictl_agent.system.beneath import open_beneath
from cictl_agent.system.trees import files_below

_MOST_BYTES = 64 << 20
_MOST_BYTES_OF_ALL = 256 << 20
_MOST_FILES = 10_000
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

    def __init__(self, directory: Path, paths: str, *, working_directory: str = "") -> None:
        """Note the files that are there already, left by an earlier step.

        Args:
            directory: What the paths are relative to.
            working_directory: The directory below it in which the step runs, to which they may be relative too.
        """
        self._directory = directory
        self.paths = [line.strip() for line in paths.splitlines() if line.strip()]
        below = posixpath.normpath(working_directory)
        self._places = self.paths + ([f"{below}/{path}" for path in self.paths] if below != "." else [])
        try:
            self._before = {path: _stamp(directory / path) for path in self._found()}
            self._let_clock_pass()
        except ReportError:  # `read` reports it
            self._before = {}

    def _let_clock_pass(self) -> None:
        """Wait until a change gets a later time than the files here have; file systems count in ticks of some milliseconds."""
        newest = max((stamp[3] for stamp in self._before.values() if stamp), default=0)
        if newest > time.time_ns() - _TICK_SECONDS * 1e9:
            time.sleep(_TICK_SECONDS)

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Yield the path below the directory and the content of each file that the step wrote, sorted by path.

        Raises:
            ReportError: The step wrote none, they are too many or too large, or one can't be read.
        """
        found = list(self._found())
        fresh = [path for path in found if self._before.get(path) != _stamp(self._directory / path)]
        if not fresh:
            raise ReportError(self._missing(found))
        size = 0
        for path in fresh:
            content = _content(self._directory, path)
            size += len(content)
            if size > _MOST_BYTES_OF_ALL:
                raise ReportError(f'read report "{path}": the files have more than {_MOST_BYTES_OF_ALL} bytes in all')
            yield path, content

    def _missing(self, found: list[str]) -> str:
        named = '", "'.join(self.paths)
        if found:
            return f'read report "{named}": the step did not write it; an earlier step or the checkout did'
        if self._has_patterns():
            return f'read report "{named}": no file matches'
        return f'read report "{named}": No such file or directory'

    def _has_patterns(self) -> bool:
        return any(_SPECIAL & set(path) or self._is_directory(path) for path in self._places)

    def _is_directory(self, path: str) -> bool:
        return os.path.isdir(self._directory / path)  # noqa: PTH112 pathlib raises for names that are too long

    def _found(self) -> Iterator[str]:
        """Yield the files that are there, each once, sorted.

        Raises:
            ReportError: A pattern is malformed, or they are too many.
        """
        plain = {path for path in self._places if not _SPECIAL & set(path) or os.path.lexists(self._directory / path)}
        directories = {path for path in plain if self._is_directory(path)}
        files = {path for path in plain - directories if os.path.lexists(self._directory / path)}
        patterns = [path for path in self._places if path not in plain]
        patterns += [f"{path.rstrip('/')}/**/*.xml" for path in directories]
        if patterns:
            try:
                wanted = GlobSet(patterns)
            except BadPattern as error:
                raise ReportError(f"read report: {error}") from error
            below = files_below(self._directory, leaving_out=frozenset({".git"}))
            files |= set(islice((path for path in below if wanted.matches(path)), _MOST_FILES + 1))
        if len(files) > _MOST_FILES:
            raise ReportError(f"read report: more than {_MOST_FILES} files match")
        return iter(sorted(files))


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()  # of what a link leads to, for that is what is read
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _content(directory: Path, path: str) -> bytes:
    """Return the content of a regular file below *directory*.

    Raises:
        ReportError: It leads out of the directory, is not a regular file, is too large, or can't be read.
    """
    try:
        with open(open_beneath(directory, path), "rb") as file:  # noqa: PTH123 a descriptor, not a path
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ReportError(f'read report "{path}": {error.strerror or error}') from error
    if len(content) > _MOST_BYTES:
        raise ReportError(f'read report "{path}": more than {_MOST_BYTES} bytes')
    return content
