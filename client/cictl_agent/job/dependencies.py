"""Restoring the artifacts of earlier jobs into the execution directory."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, cast

from cictl.base.names.artifact_paths import BAD_NAME_ERRORS, ends_of_links, link_target, link_text
from cictl.base.zips.arriving import ArrivingZip
from cictl.base.zips.parts import FilePart, Part
from cictl.wire.jobs import Cause
from cictl.wire.results.artifacts import COVERAGE_REPORT_PATH, TEST_REPORT_PATH, Artifact
from cictl.wire.words import DEPENDENCY_JOB_ID, DEPENDENCY_JOB_IDS
from cictl_agent.job.failures import JobFailed
from cictl_agent.job.warnings import Warnings
from cictl_agent.log.file_listing import Listing
from cictl_agent.retries import persist
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.paths import is_gits_own
from cictl_agent.system.platforms import Platform
from cictl_client import ApiError, Client, ClientError

_SYNTHETIC = (TEST_REPORT_PATH, COVERAGE_REPORT_PATH)
_DEFAULT_MODE = 0o644
_LONGEST_LINK = 4096
_BLOCK_BYTES = 1 << 18
_UNFINISHED = "restoring-"
"""How the names of large files begin until it is known where they belong."""
_MOST_NAMED = 5
"""How many replaced files a warning names."""
_DRIVE = re.compile(r"[A-Za-z]:")


class UnsafePath(ValueError):
    """An artifact's name under which nothing may be restored."""


def dependency_ids(environment: Mapping[str, str]) -> list[str]:
    """Return the ids of the executions whose artifacts a job wants, in order, each once."""
    listed = environment.get(DEPENDENCY_JOB_IDS, "").split(",")
    names = [name.strip() for name in (*listed, environment.get(DEPENDENCY_JOB_ID, ""))]
    return list(dict.fromkeys(name for name in names if name))


def restore_dependencies(
    job_ids: Iterable[str],
    *,
    client: Client,
    directory: Path,
    scratch_dir: Path,
    warnings: Warnings,
    interruption: Interruption,
    listing: Listing,
    platform: Platform,
) -> None:
    """Download the artifacts of each execution into *directory*, by way of *scratch_dir* on the same disk. They replace files of the checkout, and of earlier ones, with a warning.

    Reports that the server adds are left out. Permission bits are kept. Links to restored files are links again, where the
    platform makes links; other links and names that lead out are skipped with a warning.

    Raises:
        JobFailed: A download failed. That there is nothing to restore is no failure.
        Interrupted: The job was stopped.
    """
    for job_id in job_ids:
        interruption.check()
        restoring = _Restoring(job_id, client, directory, scratch_dir, warnings, interruption, platform)
        try:
            restored = restoring.run()
        except (ClientError, OSError) as error:
            text = f"dependency artifact download failed: {job_id}: {error}"
            raise JobFailed(text, cause=Cause.START_FAILED) from error
        if restoring.replaced:
            warnings.add("dep-artifacts", f"{job_id}: replaced {_named(restoring.replaced)}, which had other content")
        listing.tell(warnings.log, "dep-artifacts", f"{job_id}: restored {len(restored)} files", restored)


@dataclass(frozen=True)
class _Restoring:
    """Restoring the artifacts of one execution.

    Attributes:
        replaced: The names of files that were there with other content, each once.
    """

    job_id: str
    client: Client
    directory: Path
    scratch_dir: Path
    warnings: Warnings
    interruption: Interruption
    platform: Platform
    replaced: dict[str, None] = field(default_factory=dict)

    def run(self) -> list[str]:
        """Restore the artifacts, and return their names."""
        listed = persist(lambda: self.client.list_artifacts(self.job_id), self.interruption)
        wanted = {a.path: a for a in listed if a.id != 0 or a.path not in _SYNTHETIC}
        for name in [name for name in wanted if not all(map(self.platform.is_usable_name, PurePosixPath(name).parts))]:
            self._skip(name, "no file can have that name here")
            del wanted[name]
        if not wanted:
            return []
        try:
            return persist(lambda: self._restore_zip(wanted), self.interruption)
        except (ApiError, zipfile.BadZipFile) as error:
            self.warnings.log.line(f"[dep-artifacts] {self.job_id}: no usable archive ({error}), taking file by file")
        return [
            artifact.path
            for artifact in wanted.values()
            if persist(lambda a=artifact: self._restore_file(a), self.interruption)  # type: ignore[misc]
        ]

    def _restore_zip(self, wanted: Collection[str]) -> list[str]:
        restored, links = [], {}
        new_part = partial(FilePart.within, self.scratch_dir, prefix=_UNFINISHED)
        with ArrivingZip(self.scratch_dir, new_part) as arriving:
            sink = cast("IO[bytes]", arriving)
            self.client.download_all(self.job_id, sink, progress=self._look, links=self.platform.makes_links)
            with zipfile.ZipFile(cast("IO[bytes]", arriving.content)) as archive:
                for entry in archive.infolist():
                    self.interruption.check()
                    if entry.is_dir() or entry.filename not in wanted:
                        continue
                    mode = entry.external_attr >> 16
                    if stat.S_ISLNK(mode):
                        links[entry.filename] = _target(archive, entry)
                        continue
                    with archive.open(entry) as content:
                        if self._place(entry.filename, arriving.pop_part(entry) or content, mode & 0o777):
                            restored.append(entry.filename)
        return restored + self._restore_links(links, restored)

    def _restore_links(self, links: Mapping[str, str], files: Collection[str]) -> list[str]:
        """Make the links that lead to *files*, and return their names. All files are there by now, so none is written through."""
        ends = ends_of_links(links, files)
        restored = []
        for name, target in links.items():
            if name not in ends or not self.platform.makes_links:
                self._skip(name, "it is a link, and leads to none of the restored files")
            elif self._place_link(name, link_text(name, target)):
                restored.append(name)
        return restored

    def _restore_file(self, artifact: Artifact) -> bool:
        with tempfile.TemporaryFile(dir=self.scratch_dir) as file:
            self.client.download_artifact(artifact, file, progress=self._look)
            file.seek(0)
            return self._place(artifact.path, file, 0)

    def _look(self, _size: int) -> None:
        self.interruption.check()

    def _place(self, name: str, content: IO[bytes] | Part, mode: int) -> bool:
        def write(target: Path) -> None:
            if isinstance(content, FilePart):
                content.move(target)
            else:
                with target.open("xb") as file:
                    file.writelines(iter(lambda: content.read(_BLOCK_BYTES), b""))
            target.chmod(mode | stat.S_IRUSR | stat.S_IWUSR if mode else _DEFAULT_MODE)

        return self._make(name, write)

    def _place_link(self, name: str, text: str) -> bool:
        def link(target: Path) -> None:
            # The names lead nowhere else, but the checkout may have links among its directories.
            if not _is_inside(self.directory, target.parent.resolve() / text):
                raise UnsafePath("the link would lead out of the directory")
            target.symlink_to(text)

        return self._make(name, link)

    def _make(self, name: str, write: Callable[[Path], None]) -> bool:
        """Replace the file *name* by what *write* makes, and tell whether that was done; a bad name is skipped."""
        try:
            target = safe_target(self.directory, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            before = _content(target)
            target.unlink(missing_ok=True)
            write(target)
            if before not in ("", _content(target)):
                self.replaced[name] = None
        except UnsafePath as error:
            self._skip(name, str(error))
        except OSError as error:
            if error.errno not in BAD_NAME_ERRORS:
                raise
            self._skip(name, str(error.strerror))
        else:
            return True
        return False

    def _skip(self, name: str, reason: str) -> None:
        self.warnings.add("dep-artifacts", f"skipped {name!r} of {self.job_id}: {reason}")


def _named(names: Collection[str]) -> str:
    """Return the first of *names*, and how many more there are."""
    first = ", ".join(list(names)[:_MOST_NAMED])
    return first if len(names) <= _MOST_NAMED else f"{first} and {len(names) - _MOST_NAMED} more"


def _content(path: Path) -> str:
    """Return what tells the content of a file or link from every other; empty if there is none."""
    try:
        if path.is_symlink():
            return f"-> {path.readlink()}"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _target(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    """Return the path to which a link of the zip leads; empty if it can lead to no artifact."""
    if entry.file_size > _LONGEST_LINK:
        return ""
    try:
        return link_target(entry.filename, archive.read(entry).decode())
    except ValueError:
        return ""


def safe_target(directory: Path, name: str) -> Path:
    """Return where *name* belongs below *directory*.

    Raises:
        UnsafePath: It is absolute, holds `..`, goes through a link that leads out of *directory*, or belongs to git.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or "\0" in name or _DRIVE.fullmatch(parts[0]):
        raise UnsafePath("the name leads out of the directory")
    if any(map(is_gits_own, parts)):
        raise UnsafePath("it would change the checkout's own repository")
    target = directory.joinpath(*parts)
    if not _is_inside(directory, target.parent):
        raise UnsafePath("a link leads out of the directory")
    return target


def _is_inside(directory: Path, path: Path) -> bool:
    """Tell whether *path*, with links followed, is below *directory*."""
    root = os.path.realpath(directory)
    return os.path.commonpath([root, os.path.realpath(path)]) == root
