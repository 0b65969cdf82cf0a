"""The folders of a managed installation, and the links that tell which version runs.

```
HOME/versions/v1.2.3/            one virtual environment, built in its final place and never changed again
     versions/v1.2.3/.cictl-install.json   written last: the version is complete
     current  -> versions/v1.2.3 what a service starts, as HOME/current/bin/cictl
     previous -> versions/v1.2.2
     updater  -> versions/v1.2.2 whose code switches versions; never the one that is being tried
     update.lock                 held by whoever stages or switches
DATA/updates/                    requests, results, downloads, backups: see `manifest`
```

An agent has the same layout; its DATA is its work directory.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import filelock
import msgspec

from cictl.base.system.durable import sync_directory
from cictl.base.system.files import read_json, write_json

RECORD_NAME = ".cictl-install.json"
FAILED_NAME = ".failed"

_SPARE_VERSIONS = 1
"""How many complete versions pruning keeps besides those that a link names."""


class InstallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `.cictl-install.json`.

    Attributes:
        wheel: File name of the wheel.
        sha256: Of the wheel, in hex.
        python: Version of the interpreter.
    """

    tag: str
    wheel: str
    sha256: str
    python: str
    created_utc: str


class Layout(msgspec.Struct, frozen=True):
    """One managed installation.

    Attributes:
        home: The folder of versions and links.
        data_dir: The data of server or agent. Its folder `updates` belongs to this package.
    """

    home: Path
    data_dir: Path

    @property
    def versions(self) -> Path:
        return self.home / "versions"

    @property
    def updates(self) -> Path:
        return self.data_dir / "updates"

    @property
    def downloads(self) -> Path:
        return self.updates / "download"

    @property
    def backups(self) -> Path:
        return self.updates / "db-backup"

    def folder(self, tag: str) -> Path:
        """Return the folder of the version *tag*, which may not exist.

        Raises:
            ValueError: *tag* can't be the name of a folder.
        """
        if not tag or tag.startswith(".") or "/" in tag or "\\" in tag:
            raise ValueError(f"not a version: {tag!r}")
        return self.versions / tag

    def script(self, tag: str) -> Path:
        """Return the program of a version. It runs that version whatever the links name."""
        return self.folder(tag) / "bin" / "cictl"

    @property
    def current_script(self) -> Path:
        """The program that a service starts."""
        return self.home / "current" / "bin" / "cictl"

    def current(self) -> str | None:
        return self._target("current")

    def previous(self) -> str | None:
        return self._target("previous")

    def updater(self) -> str | None:
        return self._target("updater")

    def record(self, tag: str) -> InstallRecord | None:
        """Return the record of a version; None if it is not complete."""
        return read_json(self.folder(tag) / RECORD_NAME, InstallRecord)

    def has_failed(self, tag: str) -> bool:
        """Tell whether a version is marked as failed."""
        return (self.folder(tag) / FAILED_NAME).exists()

    def mark_failed(self, tag: str) -> None:
        """Mark a version as failed. It is not offered any more, and staging it builds it anew."""
        folder = self.folder(tag)
        if folder.is_dir():
            (folder / FAILED_NAME).touch()

    def clear_failed(self, tag: str) -> None:
        """Remove the mark of `mark_failed`."""
        (self.folder(tag) / FAILED_NAME).unlink(missing_ok=True)

    def complete_versions(self) -> list[str]:
        """Return the versions that can be switched to, the last installed first. Their files are not compared."""
        found = [(record.created_utc, tag) for tag in self._folders() if (record := self.record(tag))]
        return [tag for _, tag in sorted(found, reverse=True) if not self.has_failed(tag)]

    def is_complete(self, tag: str) -> bool:
        """Tell whether a version was installed completely, is not marked as failed, and has unchanged files."""
        if self.record(tag) is None or self.has_failed(tag):
            return False
        return all(_is_as_recorded(record) for record in self.folder(tag).glob("lib/python*/site-packages/*/RECORD"))

    def switch(self, tag: str) -> None:
        """Let `current` name *tag*, and `previous` what `current` named. The next start runs *tag*."""
        before = self.current()
        if before and before != tag and self.folder(before).is_dir():
            self._point("previous", before)
        self._point("current", tag)

    def switch_back(self, tag: str, *, previous: str) -> None:
        """Undo a switch: `current` names *tag* again, and `previous` names *previous*, or nothing if that is empty."""
        self._point("current", tag)
        if previous and self.folder(previous).is_dir():
            self._point("previous", previous)
        else:
            (self.home / "previous").unlink(missing_ok=True)

    def point_updater(self, tag: str) -> None:
        """Let `updater` name *tag*, a version that is known to work."""
        self._point("updater", tag)

    def prune(self) -> list[str]:
        """Delete all versions but one more than those that a link names. Return the deleted ones."""
        linked = {self.current(), self.previous(), self.updater()}
        spare = [tag for tag in self.complete_versions() if tag not in linked][:_SPARE_VERSIONS]
        gone = [tag for tag in self._folders() if tag not in linked and tag not in spare]
        for tag in gone:
            self.remove(tag)
        return gone

    def remove(self, tag: str) -> None:
        """Delete a version. If this is interrupted, the rest of it counts as incomplete."""
        folder = self.folder(tag)
        (folder / RECORD_NAME).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def remove_leftovers(self) -> None:
        """Delete what interrupted work left: partial downloads and incomplete versions. The caller holds the lock."""
        for part in self.downloads.glob("**/*.part"):
            part.unlink(missing_ok=True)
        linked = {self.current(), self.previous(), self.updater()}
        for tag in self._folders():
            if tag not in linked and self.record(tag) is None:
                self.remove(tag)

    def write_record(self, record: InstallRecord) -> None:
        """Write the record that makes a version complete. This is the last step of installing it."""
        write_json(self.folder(record.tag) / RECORD_NAME, record)

    def lock(self) -> filelock.BaseFileLock:
        """Return the lock for staging and switching. Each call makes another holder, in the same process too."""
        return filelock.FileLock(self.home / "update.lock", mode=0o600, thread_local=False)

    def is_locked(self) -> bool:
        """Tell whether anybody holds the lock now."""
        lock = self.lock()
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return True
        lock.release()
        return False

    def _folders(self) -> list[str]:
        try:
            return sorted(path.name for path in self.versions.iterdir() if path.is_dir() and path.name[0] != ".")
        except FileNotFoundError:
            return []

    def _target(self, name: str) -> str | None:
        try:
            return (self.home / name).readlink().name
        except OSError:
            return None

    def _point(self, name: str, tag: str) -> None:
        """Replace a link in one step. As with `ln -sfn`, deleting it first would leave a moment without a link."""
        if not self.folder(tag).is_dir():
            raise FileNotFoundError(f"no such version: {tag}")
        temporary = self.home / f".{name}.new"
        with suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(Path("versions") / tag)
        temporary.replace(self.home / name)
        sync_directory(self.home)


def _is_as_recorded(record: Path) -> bool:
    """Compare the files of one distribution with its RECORD (PEP 376)."""
    root = record.parent.parent
    try:
        return all(_sha256(root / name) == expected for name, expected in _recorded(record))
    except OSError:
        return False


def _recorded(record: Path) -> Iterator[tuple[str, str]]:
    with record.open(newline="", encoding="utf-8") as lines:
        for row in csv.reader(lines):
            if len(row) > 1 and row[1].startswith("sha256="):
                yield row[0], row[1].removeprefix("sha256=")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256(Path(os.path.normpath(path)).read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
