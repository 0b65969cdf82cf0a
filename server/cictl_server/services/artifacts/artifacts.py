"""Artifacts: uploads, each of which replaces the whole list in one step, listings and downloads."""

from __future__ import annotations

import base64
import binascii
import errno
import os
import shutil
import stat
import tempfile
import threading
import zipfile
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO
from urllib.parse import quote

from msgspec.structs import replace

from cictl.base.beneath import NotBeneath, beneath
from cictl.base.clock import Clock
from cictl.base.names.artifact_paths import (
    BAD_NAME_ERRORS,
    BadArtifactPath,
    ends_of_links,
    link_entry,
    link_target,
    link_text,
)
from cictl.wire.artifacts import COVERAGE_REPORT_PATH, TEST_REPORT_PATH, Artifact, ArtifactData
from cictl_server.errors import InvalidRequest, NotFound, no_agent_id
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.artifacts.paths import bad_path, check_paths, clean_artifact_path, keeps_case
from cictl_server.services.artifacts.reports import ReportFiles
from cictl_server.services.artifacts.zips import entry_kind, extract, open_zip, read_link
from cictl_server.services.core.disk import Disk
from cictl_server.services.core.ids import job_number, numbered_names
from cictl_server.services.fleet.limits import check_agent_id
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.history.holder import Sender, check_uploader
from cictl_server.services.history.lookup import get_job
from cictl_server.services.secrets.masks import Masks
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records import ArtifactEntry, ArtifactsRecord, JobRecord

_BLOCK = 1 << 20
_PACKED_AT_ONCE = 2
"""How many archives are packed at the same time. Each keeps a processor busy."""
_COMPRESSION_LEVEL = 1


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What an upload brings, by paths that were checked.

    Attributes:
        paths: All of them, in the order of the upload.
        links: Of those that are links, the path that each leads to.
        ends: Of those that are links, the file at the end.
    """

    paths: list[str]
    links: dict[str, str] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file to send."""

    path: Path
    name: str
    size: int


class ArtifactService:
    """The artifacts below one directory, in `<job>/<generation>/<path>`.

    The record in the store names the generation that counts. So an upload replaces all files by one commit: until then
    readers see the old generation, and a crash leaves either the old list or the new one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        store: Store,
        reports: ReportFiles,
        presence: PresenceBook,
        masks: Masks,
        limits: ArtifactLimits,
        disk: Disk,
        clock: Clock,
    ) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = store
        self._reports = reports
        self._presence = presence
        self._masks = masks
        self._limits = limits
        self._disk = disk
        self._clock = clock
        self._locks = [threading.Lock() for _ in range(64)]
        """Uploads of one execution take turns. Its number chooses the lock; executions may share one."""
        self._packing = threading.BoundedSemaphore(_PACKED_AT_ONCE)

    @cached_property
    def _keeps_case(self) -> bool:
        return keeps_case(self._directory)  # asked late: it writes, and a server must also start on a full disk

    def upload_files(self, job_id: str, *, sender: Sender, files: Iterable[ArtifactData]) -> list[Artifact]:
        """Replace the list with *files*. Everything is checked before the first byte is written.

        Raises:
            InvalidRequest, NotFound, Conflict, TooLarge, DiskLow: Nothing has changed then.
        """
        self._check_sender(job_id, sender)
        files = list(files)
        self._limits.check_files(len(files))
        paths = self._names(job_id, [f.path for f in files])
        decoded = list(zip(paths, map(_decoded, files), strict=True))
        check_paths(paths, keeps_case=self._keeps_case)
        self._limits.check_bytes(sum(len(data) for _, data in decoded))
        with self._staging() as stage:
            for path, data in decoded:
                _write(stage / path, data)
            return self._commit(job_id, sender, stage, Upload(paths=paths))

    def upload_zip(self, job_id: str, *, sender: Sender, body: IO[bytes]) -> list[Artifact]:
        """Replace the list with the entries of a zip. An empty body gives an empty list.

        Raises:
            InvalidRequest, NotFound, Conflict, TooLarge, DiskLow: Nothing has changed then.
        """
        self._check_sender(job_id, sender)
        with tempfile.TemporaryFile(dir=self._directory) as spool:
            shutil.copyfileobj(body, spool, _BLOCK)
            size = spool.tell()
            if size == 0:
                return self.upload_files(job_id, sender=sender, files=[])
            with open_zip(spool, self._limits) as archive:
                return self._unpack(job_id, sender, archive, size=size)

    def check_target(self, job_id: str, sender: Sender | None) -> None:
        """Say early that nothing can be uploaded for an execution: what would be uploaded is not needed for that.

        Args:
            sender: Who uploads; None while that is unknown.

        Raises:
            NotFound: No such execution.
            Conflict: The sender does not hold it, or it is over.
        """
        with self._store.read() as view:
            job = get_job(view, job_id)
        if sender is not None:
            check_uploader(job, sender, now=self._clock())

    def list_artifacts(self, job_id: str) -> list[Artifact]:
        """Return the artifacts in upload order. Reports that are not among them are added; the list is then sorted by path."""
        try:
            number = job_number(job_id)
        except NotFound:
            return []
        with self._store.read() as view:
            record = view.artifacts.find(number)
        artifacts = [
            _artifact(job_id, entry, id_=position + 1)
            for position, entry in enumerate(record.entries if record else [])
        ]
        names = {a.path for a in artifacts}
        extra = [
            _artifact(job_id, ArtifactEntry(path=name, size_bytes=path.stat().st_size), id_=0)
            for name, path in self._reports.existing(number)
            if name not in names
        ]
        return sorted(artifacts + extra, key=lambda a: a.path) if extra else artifacts

    def open_file(self, job_id: str, path: str) -> StoredFile:
        """Return where the artifact *path* is stored; of a link, where the file at its end is.

        Raises:
            NotFound: No such execution or artifact.
        """
        number = job_number(job_id)
        with self._store.read() as view:
            record = view.artifacts.find(number)
        entry = next((e for e in record.entries if e.path == path), None) if record else None
        try:
            if record and entry:
                end = _ends(record.entries).get(path, path) if entry.link else path
                file = self._file(record, end)
            elif path in (TEST_REPORT_PATH, COVERAGE_REPORT_PATH):
                file = self._reports.path(number, path)
            else:
                raise NotFound("artifact")
            info = file.stat()
        except FileNotFoundError:
            raise NotFound("artifact") from None
        if not stat.S_ISREG(info.st_mode):
            raise NotFound("artifact")
        return StoredFile(path=file, name=Path(path).name, size=info.st_size)

    @contextmanager
    def archive(self, job_id: str, *, prefix: str = "", with_links: bool = False) -> Iterator[IO[bytes]]:
        """Yield a zip of all artifacts, or of those equal to *prefix* or below it, on disk and rewound.

        Args:
            with_links: Links to files of the zip are links in it. Otherwise every entry is a file.

        Raises:
            InvalidRequest: *prefix* is blank, absolute, or leads out.
            NotFound: Nothing is there under *prefix*.
        """
        artifacts = sorted(self.list_artifacts(job_id), key=lambda a: a.path)
        if prefix:
            artifacts = [a for a in artifacts if a.path == prefix or a.path.startswith(prefix + "/")]
            if not artifacts:
                raise NotFound("artifact directory")
        links = _ends(artifacts) if with_links else {}
        with tempfile.TemporaryFile(dir=self._directory) as spool:
            with self._packing:
                self._pack(spool, artifacts, files=self._files(job_id), links=links)
            spool.seek(0)
            yield spool

    def _pack(
        self, spool: IO[bytes], artifacts: Iterable[Artifact], *, files: Mapping[str, Path], links: Container[str]
    ) -> None:
        with zipfile.ZipFile(spool, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL) as archive:
            for artifact in artifacts:
                if artifact.path in links and artifact.path in files:
                    archive.writestr(link_entry(artifact.path), link_text(artifact.path, artifact.link))
                    continue
                with suppress(FileNotFoundError, KeyError):  # replaced or removed since it was listed
                    archive.write(files[artifact.path], artifact.path)

    def _files(self, job_id: str) -> dict[str, Path]:
        """Return where each artifact and report is stored, in one go: to ask for each of many would take the square of them."""
        try:
            number = job_number(job_id)
        except NotFound:
            return {}
        with self._store.read() as view:
            record = view.artifacts.find(number)
        files = dict(self._reports.existing(number))
        if record:
            ends = _ends(record.entries)
            for entry in record.entries:
                with suppress(NotBeneath):
                    files[entry.path] = self._file(record, ends.get(entry.path, entry.path))
        return files

    def stored(self) -> Iterator[tuple[int, str]]:
        """Yield the number of each execution that has a directory here, and the directory's name."""
        return numbered_names(self._directory)

    def _file(self, record: ArtifactsRecord, path: str) -> Path:
        """Return where an artifact's content is.

        Raises:
            NotBeneath: It is no plain file in the folder of its upload: whoever wrote the record was not this server.
        """
        return beneath(self._directory, f"job-{record.number}/{record.generation}/{path}")

    def delete(self, number: int) -> None:
        """Remove the files of an execution that was deleted."""
        shutil.rmtree(self._directory / f"job-{number}", ignore_errors=True)

    def _check_sender(self, job_id: str, sender: Sender) -> None:
        if not sender.agent_id.strip():
            raise no_agent_id()
        check_agent_id(sender.agent_id)
        self._disk.check_room("upload")
        with self._store.read() as view:
            check_uploader(get_job(view, job_id), sender, now=self._clock())
        self._presence.touch(sender.agent_id)

    def _unpack(self, job_id: str, sender: Sender, archive: zipfile.ZipFile, *, size: int) -> list[Artifact]:
        entries = [info for info in archive.infolist() if not info.filename.endswith("/")]  # is_dir() wants a name
        upload = self._read_entries(job_id, archive, entries)
        total = sum(info.file_size for info in entries)
        self._limits.check_bytes(total)
        self._limits.check_ratio(unpacked=total, packed=size)
        with self._staging() as stage:
            for info, path in zip(entries, upload.paths, strict=True):
                if path not in upload.links:
                    extract(archive, info, stage / path)
            return self._commit(job_id, sender, stage, upload)

    def _read_entries(self, job_id: str, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Upload:
        """Check the names and kinds of a zip's entries, and where its links lead."""
        paths = self._names(job_id, [info.filename for info in entries])
        check_paths(paths, keeps_case=self._keeps_case)
        links = {}
        for info, path in zip(entries, paths, strict=True):
            if entry_kind(info) == stat.S_IFLNK:
                links[path] = self._target(job_id, path, read_link(archive, info, path))
            elif entry_kind(info) != stat.S_IFREG:
                raise bad_path(path, "it is a special file")
        ends = ends_of_links(links, set(paths) - links.keys())
        if lost := next((path for path in links if path not in ends), ""):
            raise bad_path(lost, "it is a link to what is not among the artifacts")
        return Upload(paths=paths, links=links, ends=ends)

    def _target(self, job_id: str, link: str, text: str) -> str:
        """Return the path that a link leads to, as `_names` gives it."""
        try:
            [path] = self._names(job_id, [link_target(link, text)])
        except BadArtifactPath as error:
            raise bad_path(link, str(error)) from error
        return path

    def _names(self, job_id: str, paths: list[str]) -> list[str]:
        """Return the paths of uploaded files, cleaned and with secrets masked. The contents of files are not masked.

        They are masked before as well, because a refusal shows the path as it came, and only its beginning.
        """
        mask = self._masks.of(job_id)
        if mask is None:
            return [clean_artifact_path(path) for path in paths]
        return [mask.redact_name(clean_artifact_path(mask.redact_name(path))) for path in paths]

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """Yield a directory for new files, and remove it afterwards unless it was moved."""
        stage = Path(tempfile.mkdtemp(prefix="upload-", dir=self._directory))
        try:
            yield stage
        except OSError as error:
            # The names were checked, but a disk may take two of them for one, or allow shorter ones only.
            if error.errno in BAD_NAME_ERRORS | {errno.EEXIST, errno.ENOTDIR}:
                raise bad_path(str(error.filename or "").removeprefix(f"{stage}/"), str(error.strerror)) from error
            raise
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _commit(self, job_id: str, sender: Sender, stage: Path, upload: Upload) -> list[Artifact]:
        """Move the staged files into a new generation, and name it in the store.

        The order matters: files and names are synced to disk before the record names them, the holder is checked again in
        the transaction, and old generations are removed only after the commit.
        """
        number = job_number(job_id)
        entries = [
            ArtifactEntry(
                path=path,
                size_bytes=(stage / upload.ends.get(path, path)).stat().st_size,
                link=upload.links.get(path, ""),
            )
            for path in upload.paths
        ]
        home = beneath(self._directory, f"job-{number}")
        with self._locks[number // 1000 % len(self._locks)]:
            home.mkdir(mode=0o700, exist_ok=True)
            with self._store.read() as view:
                known = view.artifacts.find(number)
                project = _project_of(get_job(view, job_id))
                kept = view.artifacts.bytes_of_project(project)
            record = ArtifactsRecord(number=number, project=project, entries=entries)
            self._limits.check_project(kept - (known.bytes if known and known.project == project else 0) + record.bytes)
            generation = max(_generations(home), default=known.generation if known else 0) + 1
            stage.rename(self._generation(number, generation))
            _sync_tree(home)

            def name_generation(tx: Transaction) -> None:
                check_uploader(get_job(tx, job_id), sender, now=self._clock())
                tx.artifacts.put(replace(record, generation=generation))

            self._store.write(name_generation)
            for old in _generations(home):
                if old < generation:
                    shutil.rmtree(self._generation(number, old), ignore_errors=True)
        return [_artifact(job_id, entry, id_=0) for entry in entries]

    def _generation(self, number: int, generation: int) -> Path:
        return self._directory / f"job-{number}" / str(generation)


def _project_of(job: JobRecord) -> str:
    return job.facts.project_id or job.facts.project


def _generations(home: Path) -> list[int]:
    return [int(child.name) for child in home.iterdir() if child.name.isdigit()]


def _artifact(job_id: str, entry: ArtifactEntry, *, id_: int) -> Artifact:
    return Artifact(
        id=id_,
        job_execution_id=job_id,
        path=entry.path,
        url=f"/artifacts/{quote(job_id)}/{quote(entry.path)}",
        size_bytes=entry.size_bytes,
        link=entry.link,
    )


def _ends(entries: Iterable[Artifact | ArtifactEntry]) -> dict[str, str]:
    """Return the file at the end of each link whose whole way lies in *entries*."""
    known = list(entries)
    links = {entry.path: entry.link for entry in known if entry.link}
    return ends_of_links(links, {entry.path for entry in known if not entry.link})


def _decoded(file: ArtifactData) -> bytes:
    try:
        return base64.b64decode(file.data_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f'decode artifact "{file.path}": {error}') from error


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        file.write(data)


def _sync_tree(directory: Path) -> None:
    """Make files and names durable before the record that names them is."""
    for folder, _, names in os.walk(directory):
        for name in [*names, "."]:
            descriptor = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
