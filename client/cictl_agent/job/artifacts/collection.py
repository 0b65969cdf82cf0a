"""Finding the files to keep. Whatever matches and is not kept is told, with the reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cictl.base.names.artifact_paths import BadArtifactPath, clean_path, ends_of_links
from cictl.base.text.globs import BadPattern, GlobSet, State
from cictl.base.text.sizes import size_text
from cictl.project_file.patterns import pattern_problem
from cictl_agent.job.warnings import Warnings
from cictl_agent.system.paths import is_gits_own, is_link

_MOST_NAMES = 10
"""How many names one warning has."""
_MOST_ALTERNATIVES = 2000
_MARKER = "artifacts"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server takes: bytes of one file, and files of one job."""

    file_bytes: int
    files: int


REFERENCE_LIMITS = Limits(file_bytes=104_857_600, files=2500)
"""The contract, 12.9. A server that names limits of its own (`Feature.ARTIFACT_LIMITS`) is sent everything."""


@dataclass(frozen=True, kw_only=True, order=True)
class Found:
    """A file to keep: its name on the server, where it lies, and its size in bytes.

    Attributes:
        link: For a link that is kept as one, the name of what it leads to, which is kept too. The size is then 0.
        group: The position, from 1, of its group in the job's `artifacts`; 0 for none.
    """

    path: str
    file: Path
    size: int
    link: str = ""
    group: int = 0


def collect(
    globs: Iterable[str],
    directory: Path,
    warnings: Warnings,
    *,
    limits: Limits | None = None,
    with_links: bool = False,
    has_failed: bool = False,
) -> list[Found]:
    """Return the files below *directory* that match, sorted by name, and warn of what is left out.

    Links are followed as long as they stay inside *directory*, and copies of the files are kept. Nothing of `.git` is: it holds
    the URL that was cloned, with its password, and would replace the checkout of a job that restores it.

    Args:
        with_links: The server takes links. Those that lead to a kept file, also through other such links, are kept as links.
        has_failed: The job has failed before. It may not have come to make its files, so a pattern that matches nothing
            is only noted in the log.
    """
    patterns = _readable(globs, warnings)
    left_out = _LeftOut()
    walk = _Walk(directory, GlobSet(patterns), left_out)
    names, found = _named(sorted(walk.files()), left_out, redact=warnings.log.redact_name)
    kept = _within(found, limits, left_out) if limits else found
    kept = _linked(kept, names) if with_links else [replace(file, link="") for file in kept]
    left_out.tell(warnings)
    for text in walk.unmatched(patterns):
        if has_failed:
            warnings.log.line(f"[{_MARKER}] {text}")
        else:
            warnings.add(_MARKER, text)
    return kept


def matching_files(globs: Iterable[str], directory: Path) -> list[str]:
    """Return the names of the files below *directory* that match, as `collect` finds them, in no order.

    Raises:
        BadPattern: A pattern is malformed.
    """
    return [file.path for file in _Walk(directory, GlobSet(globs), _LeftOut()).files()]


class _LeftOut:
    """The names of files that match and are not kept, by reason."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, name: str, reason: str) -> None:
        self._names.setdefault(reason, []).append(name)

    def tell(self, warnings: Warnings) -> None:
        for reason, names in self._names.items():
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            warnings.add(_MARKER, f"left out, {reason}: {', '.join(sorted(names)[:_MOST_NAMES])}{more}")


def _readable(globs: Iterable[str], warnings: Warnings) -> list[str]:
    """Return the patterns that are valid, and warn of the others."""
    good, count = [], 0
    for pattern in (glob.strip() for glob in globs):
        try:
            count += GlobSet([pattern]).size
        except BadPattern as error:
            warnings.add(_MARKER, f"pattern {pattern!r} is skipped: {error}")
            continue
        if count > _MOST_ALTERNATIVES:
            limit = f"patterns have at most {_MOST_ALTERNATIVES} alternatives together"
            warnings.add(_MARKER, f"pattern {pattern!r} and all after it are skipped: {limit}")
            break
        good.append(pattern)
    return good


def _named(
    found: Iterable[Found], left_out: _LeftOut, *, redact: Callable[[str], str]
) -> tuple[dict[str, str], list[Found]]:
    """Give the files the names that the server will know: clean, and with secrets masked. A name counts once.

    Returns:
        The new names by the old ones, and the files with their new names.
    """
    names: dict[str, str] = {}
    kept: dict[str, Found] = {}
    for file in found:
        try:
            path = clean_path(redact(file.path), on_windows=False)
        except BadArtifactPath as error:
            left_out.add(file.path, f"no artifact can have the name, {error}")
            continue
        if path in kept:
            left_out.add(file.path, "the name without secrets and backslashes is that of another file")
        else:
            names[file.path] = path
            kept[path] = replace(file, path=path)
    return names, _without_nested(kept, left_out)


def _without_nested(kept: dict[str, Found], left_out: _LeftOut) -> list[Found]:
    """Leave out files whose directory has, in its new name, the name of a kept file."""
    files = []
    for path, file in kept.items():
        if any(path[:i] in kept for i, char in enumerate(path) if char == "/"):
            left_out.add(path, "its directory has the name of another artifact")
        else:
            files.append(file)
    return files


def _linked(kept: Sequence[Found], names: dict[str, str]) -> list[Found]:
    """Return the files with those links that lead to kept ones; the other links become copies of what they lead to."""
    links = {file.path: names.get(file.link, "") for file in kept if file.link}
    ends = ends_of_links(links, {file.path for file in kept if not file.link})
    return [
        replace(file, link=links[file.path], size=0) if file.path in ends else replace(file, link="") for file in kept
    ]


def _within(found: Sequence[Found], limits: Limits, left_out: _LeftOut) -> list[Found]:
    """Return the files that a server with *limits* takes."""
    fitting = [file for file in found if file.size <= limits.file_bytes]
    for file in found:
        if file.size > limits.file_bytes:
            left_out.add(file.path, f"larger than {size_text(limits.file_bytes)}, the most that this server takes")
    for file in fitting[limits.files :]:
        left_out.add(file.path, f"more than the {limits.files} files that this server takes")
    return fitting[: limits.files]


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A directory that is still to be walked: its prefix in results, and what the patterns still match below it."""

    directory: Path
    prefix: str
    states: frozenset[State]
    is_linked: bool = False


class _Walk:
    """One walk over a tree. Directories in which nothing can match are not entered.

    A linked directory is entered, but links to directories inside it are not, so that links can't lead in circles.
    """

    def __init__(self, root: Path, patterns: GlobSet, left_out: _LeftOut) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._patterns = patterns
        self._left_out = left_out
        self._matched: set[int] = set()
        self._directories: set[int] = set()

    def files(self) -> Iterator[Found]:
        """Yield the files that match."""
        left = [_Place(directory=self._root, prefix="", states=self._patterns.start)]
        while left:
            place = left.pop()
            try:
                with os.scandir(place.directory) as listing:
                    entries = list(listing)
            except OSError as error:
                self._left_out.add(place.prefix or ".", str(error.strerror))
                continue
            for entry in entries:
                states = self._patterns.step(place.states, entry.name)
                if not states or is_gits_own(entry.name):
                    continue
                found = self._look(entry, place, states)
                if isinstance(found, _Place):
                    left.append(found)
                elif found is not None:
                    yield found

    def unmatched(self, patterns: Sequence[str]) -> Iterator[str]:
        """Yield a sentence for each pattern that matched no file, with what to write instead where that is known."""
        if patterns and all(pattern.startswith("!") for pattern in patterns):
            yield "every pattern excludes, so nothing is kept"
        for position, pattern in enumerate(patterns):
            if position in self._matched or pattern.startswith("!"):
                continue
            problem = pattern_problem(pattern)
            if not problem and position in self._directories:
                problem = f"matches a directory and no file; write {pattern}/**"
            yield f"pattern {pattern!r} {problem or 'matches no file'}"

    def _look(self, entry: os.DirEntry[str], place: _Place, states: frozenset[State]) -> Found | _Place | None:
        """Return the entry as a file to keep or as a directory to walk; None if it is neither."""
        path = place.prefix + entry.name
        is_linked = is_link(entry)
        matching = self._patterns.matched_by(states)
        status = self._status(entry, is_linked=is_linked)
        if status is not None and stat.S_ISDIR(status.st_mode):
            self._directories |= matching
            if is_linked and place.is_linked:
                return None
            return _Place(
                directory=Path(entry.path), prefix=path + "/", states=states, is_linked=place.is_linked or is_linked
            )
        self._matched |= matching
        if not matching:
            return None
        if status is None:
            self._left_out.add(path, "the link leads nowhere, out of the workspace, or into .git")
        elif not stat.S_ISREG(status.st_mode):
            self._left_out.add(path, "not a regular file")
        elif not os.access(entry.path, os.R_OK):
            self._left_out.add(path, "not readable")
        else:
            link = self._target(entry.path) if is_linked and not place.is_linked else ""
            return Found(path=path, file=Path(entry.path), size=status.st_size, link=link)
        return None

    def _target(self, link: str) -> str:
        """Return the path below the root of what *link* leads to in one step; empty if it is not below the root.

        Links among the directories on the way are resolved, so the path is one that the walk knows.
        """
        directory, name = os.path.split(os.path.join(os.path.dirname(link), os.readlink(link)))  # noqa: PTH115, PTH118, PTH120
        target = Path(os.path.realpath(directory), name)
        return target.relative_to(self._real_root).as_posix() if target.is_relative_to(self._real_root) else ""

    def _status(self, entry: os.DirEntry[str], *, is_linked: bool) -> os.stat_result | None:
        """Return the entry's status with links followed; None for a link that is broken or leads where nothing is kept."""
        try:
            if is_linked and not self._is_inside(os.path.realpath(entry.path)):
                return None
            return entry.stat()
        except (OSError, ValueError):  # ValueError: the link leads to another drive
            return None

    def _is_inside(self, real: str) -> bool:
        """Tell whether the path, which has no links, is in the tree and not in a repository of git's."""
        if os.path.commonpath([self._real_root, real]) != self._real_root:
            return False
        return not any(map(is_gits_own, Path(real).relative_to(self._real_root).parts))
