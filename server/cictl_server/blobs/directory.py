"""Blobs as files below a directory. The key is the path."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from errno import EEXIST, ENOTDIR, ENOTEMPTY
from functools import cached_property, partial
from pathlib import Path
from typing import IO, TypeVar

from cictl.base.names.artifact_paths import BAD_NAME_ERRORS
from cictl.base.system.beneath import NotBeneath, beneath
from cictl.base.system.durable import sync_directory
from cictl.base.zips.composed import Extent
from cictl.base.zips.parts import FilePart
from cictl_server.blobs.contract import (
    BadKey,
    Blob,
    BlobExists,
    BlobMissing,
    Blobs,
    Readable,
    blocks,
    checked_key,
    checked_path,
    checked_prefix,
)

UNFINISHED = "upload-"
"""How the names begin of what is being put. It lies beside the folders of executions, so that a rename finishes it."""

T = TypeVar("T")

_TRIES = 20
_BAD_NAMES = BAD_NAME_ERRORS | {EEXIST, ENOTDIR}


class DirectoryBlobs(Blobs):
    """The files below one directory, which several servers may share.

    The first part of a key is a folder that may be a link: its owner says where it is, such as on another disk. Below it
    nothing is followed or handed out but plain files in plain folders, whoever put something else there.
    """

    def __init__(self, directory: Path) -> None:
        self.place, self.name = str(directory), "directory"
        self._directory = self.directory = directory

    @cached_property
    def keeps_case(self) -> bool:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix="Case-", dir=self._directory) as probe:
            path = Path(probe.name)
            return not path.with_name(path.name.swapcase()).exists()

    def of_project(self, _project: str) -> str:
        return ""

    def put(self, key: str, content: Readable, *, if_absent: bool = False) -> int:
        with _naming(key):
            target = self._path(checked_key(key))
            part = self._new_file(key)
            try:
                size = _write(part, content)
                _in_folder(target, lambda: _take(part, target, key) if if_absent else part.replace(target))
            finally:
                part.unlink(missing_ok=True)
            self._sync_folders(key)
        return size

    @contextmanager
    def new_folder(self, prefix: str) -> Iterator[_NewFolder]:
        folder = checked_prefix(prefix)[:-1]
        with _naming(prefix):
            target = self._path(folder)
        stage = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self._area(prefix)))
        try:
            yield _NewFolder(stage)
            _sync_tree(stage)
            _in_folder(target, lambda: _rename_folder(stage, target, prefix))
            self._sync_folders(folder)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def new_part(self, prefix: str) -> FilePart:
        return FilePart.within(self._area(checked_prefix(prefix)), prefix=UNFINISHED)

    def find(self, key: str) -> Blob | None:
        info = _if_there(lambda: self._path(checked_key(key)).lstat())
        return _blob(key, info) if info else None

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> _FileReader:
        file = _if_there(lambda: self._path(checked_key(key)).open("rb"))
        if file is None:
            raise BlobMissing(key)
        return _FileReader(key, file, start=start, length=length)

    def iter_below(self, prefix: str) -> Iterator[Blob]:
        try:
            root = self._path(checked_prefix(prefix)[:-1])
        except NotBeneath:
            return
        is_area = prefix.count("/") == 1
        yield from _walk(root, prefix, passes_over=UNFINISHED if is_area else None)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            _if_there(partial(self._delete, checked_key(key)))

    def delete_below(self, prefixes: Iterable[str]) -> None:
        for prefix in prefixes:
            with suppress(NotBeneath):
                place = self._path(checked_prefix(prefix)[:-1])
                shutil.rmtree(place, ignore_errors=True)
                self._remove_empty(place.parent, prefix[:-1])

    def remove_unfinished(self, before: datetime) -> None:
        with suppress(FileNotFoundError):
            for area in filter(Path.is_dir, self._directory.iterdir()):
                for path in area.glob(f"{UNFINISHED}*"):
                    with suppress(FileNotFoundError):
                        if _modified(path.lstat()) < before:
                            _remove(path)

    def check(self, *, by_writing: bool = False) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.scandir(self._directory):
            pass
        if by_writing:
            with tempfile.TemporaryFile(dir=self._directory):
                pass

    def _path(self, path: str) -> Path:
        """Return where a key or a folder is.

        Raises:
            NotBeneath: A link or something else is on the way; to everybody nothing is there.
        """
        area, slash, rest = path.partition("/")
        return beneath(self._directory / area, rest) if slash else self._directory / area

    def _area(self, path: str) -> Path:
        """Return the first folder of a key, which is made if it is not there."""
        area = self._directory / path.partition("/")[0]
        area.mkdir(mode=0o700, parents=True, exist_ok=True)
        return area

    def _new_file(self, key: str) -> Path:
        descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=self._area(key))
        os.close(descriptor)
        return Path(name)

    def _sync_folders(self, path: str) -> None:
        """Make the names on the way to *path* durable."""
        parts = path.split("/")
        for count in range(len(parts) - 1, 0, -1):
            with suppress(FileNotFoundError):  # somebody has removed it already
                sync_directory(self._directory.joinpath(*parts[:count]))

    def _delete(self, key: str) -> None:
        place = self._path(key)
        place.unlink()
        self._remove_empty(place.parent, key)

    def _remove_empty(self, folder: Path, path: str) -> None:
        """Remove the folders on the way to *path* that hold nothing any more, but not the first one."""
        for _ in range(path.count("/") - 1):
            try:
                folder.rmdir()
            except OSError:  # it holds something, or another thread was quicker
                return
            folder = folder.parent


class _NewFolder:
    """A folder that is being filled; a rename will put it in place."""

    def __init__(self, stage: Path) -> None:
        self._stage = stage

    def put(
        self, path: str, content: Readable, *, is_executable: bool = False, modified: datetime | None = None
    ) -> int:
        target = self._stage / checked_path(path)
        with _naming(path):
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            size = content.move(target) if isinstance(content, FilePart) else _write_new(target, content)
        target.chmod(0o755 if is_executable else 0o644)
        if modified is not None:
            os.utime(target, (modified.timestamp(), modified.timestamp()))
        return size


class _FileReader:
    """The rest of an open file, or a part of it."""

    def __init__(self, key: str, file: IO[bytes], *, start: int, length: int | None) -> None:
        info = os.fstat(file.fileno())
        self.blob = _known(key, info)
        file.seek(min(start, info.st_size))  # no file system seeks to any number
        self._file = file
        self._left = length
        self.is_executable = bool(info.st_mode & stat.S_IXUSR)

    def read(self, size: int, /) -> bytes:
        if self._left is None:
            return self._file.read(size)
        block = self._file.read(min(size, self._left))
        self._left -= len(block)
        return block

    def extents(self) -> Iterator[Extent]:
        start = self._file.tell()
        rest = max(0, self.blob.size - start)
        yield Extent(self._file, start, rest if self._left is None else min(rest, self._left))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _FileReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _write_new(path: Path, content: Readable) -> int:
    with path.open("xb") as file:
        file.writelines(blocks(content))
        return file.tell()


def _write(path: Path, content: Readable) -> int:
    with path.open("wb") as file:
        file.writelines(blocks(content))
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _in_folder(target: Path, finish: Callable[[], object]) -> None:
    """Make the folder of *target*, and *finish*. A removal in between may take away the folder while it is empty."""
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            finish()
            return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    finish()


def _take(part: Path, target: Path, key: str) -> None:
    """Give *part* the name *target*, unless that is taken."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise BlobExists(key) from None


def _rename_folder(stage: Path, target: Path, prefix: str) -> None:
    try:
        stage.rename(target)
    except OSError as error:
        if error.errno in (EEXIST, ENOTEMPTY, ENOTDIR):
            raise BlobExists(prefix) from error
        raise


@contextmanager
def _naming(key: str) -> Iterator[None]:
    """Turn what a file system says of a name into a refusal: it may take two names for one, or allow shorter ones only."""
    try:
        yield
    except NotBeneath as error:
        raise BadKey(key, "something else is in its place") from error
    except OSError as error:
        if error.errno in _BAD_NAMES:
            raise BadKey(key, str(error.strerror)) from error
        raise


def _if_there(work: Callable[[], T]) -> T | None:
    """Return what *work* does with a file; None where there is none, or can be none of its name."""
    try:
        return work()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        if error.errno in BAD_NAME_ERRORS:
            return None
        raise


def _walk(folder: Path, prefix: str, *, passes_over: str | None = None) -> Iterator[Blob]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if passes_over is not None and entry.name.startswith(passes_over):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, f"{prefix}{entry.name}/")
            continue
        with suppress(FileNotFoundError):
            if blob := _blob(prefix + entry.name, entry.stat(follow_symlinks=False)):
                yield blob


def _blob(key: str, info: os.stat_result) -> Blob | None:
    """Return what is known of a file; None for anything else."""
    return _known(key, info) if stat.S_ISREG(info.st_mode) else None


def _known(key: str, info: os.stat_result) -> Blob:
    """Return what is known of a file.

    Time and size stand for a digest: hashing gigabytes at each request would cost more than sending a part of them. A file is
    never changed in place.
    """
    etag = f'"{info.st_mtime_ns:x}-{info.st_size:x}"'
    return Blob(key=key, size=info.st_size, modified=_modified(info), etag=etag)


def _modified(info: os.stat_result) -> datetime:
    return datetime.fromtimestamp(info.st_mtime, tz=UTC)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync_tree(directory: Path) -> None:
    """Make files and names durable before the record that names them is."""
    for folder, _, names in os.walk(directory):
        for name in [*names, "."]:
            descriptor = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
