"""Artifacts: uploads, each of which replaces the whole list in one step, listings and downloads."""

from __future__ import annotations

import base64
import binascii
import io
import os
import posixpath
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.base.job_parts import ArtifactSpec
from cictl.base.names.artifact_paths import BadArtifactPath, ends_of_links, link_target
from cictl.base.zips.arriving import ArrivingZip
from cictl.base.zips.composed import ComposedFile
from cictl.wire.results.artifacts import Artifact, ArtifactData
from cictl_server.blobs.contract import BadKey, Blob, BlobReader, Blobs, NewFolder, Readable, blocks
from cictl_server.errors import InvalidRequest, NotFound, no_agent_id
from cictl_server.services.artifacts.archives import Packer
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.artifacts.paths import bad_path, check_paths, clean_artifact_path
from cictl_server.services.artifacts.places import ARTIFACTS, artifacts_of, new_generation
from cictl_server.services.artifacts.removal import FileRemoval
from cictl_server.services.artifacts.reports import ReportFiles
from cictl_server.services.artifacts.zips import entry_group, entry_kind, extract, open_zip, read_link
from cictl_server.services.core.ids import job_number
from cictl_server.services.core.limits.disk import Disk
from cictl_server.services.fleet.limits import check_agent_id
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.history.holder import Sender, check_uploader
from cictl_server.services.history.lookup import get_job
from cictl_server.services.secrets.masks import Masks
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.artifacts import ArtifactEntry, ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload brings, by paths that were checked.

    Attributes:
        paths: All of them, in the order of the upload.
        links: Of those that are links, the path that each leads to.
        ends: Of those that are links, the file at the end.
        groups: Of those that tell it, the position of their group in the `artifacts` of the job, from 1.
    """

    paths: list[str]
    links: dict[str, str] = msgspec.field(default_factory=dict)
    ends: dict[str, str] = msgspec.field(default_factory=dict)
    groups: dict[str, int] = msgspec.field(default_factory=dict)

    def group_of(self, path: str, job: JobRecord) -> ArtifactSpec:
        """Return the group of a file; an empty one if it has none."""
        position = self.groups.get(path, 0)
        return job.artifacts[position - 1] if 0 < position <= len(job.artifacts) else ArtifactSpec()


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to send, and what it is called."""

    blobs: Blobs
    blob: Blob
    name: str

    def open(self, part: range) -> BlobReader:
        """Open some of its bytes.

        Raises:
            BlobMissing: It was removed since it was found.
        """
        return self.blobs.open(self.blob.key, start=part.start, length=len(part))


class ArtifactService:
    """The artifacts of all executions: lists in the store, files in *blobs*; see `places` for where.

    Args:
        spool: A directory of this machine for temporary files.
    """

    def __init__(
        self,
        blobs: Blobs,
        spool: Path,
        *,
        store: Store,
        reports: ReportFiles,
        removal: FileRemoval,
        presence: PresenceBook,
        masks: Masks,
        limits: ArtifactLimits,
        disk: Disk,
        clock: Clock,
    ) -> None:
        self._blobs = blobs
        self._spool = spool
        self._packer = Packer(blobs, spool)
        self._store = store
        self._reports = reports
        self._removal = removal
        self._presence = presence
        self._masks = masks
        self._limits = limits
        self._disk = disk
        self._clock = clock

    def upload_files(self, job_id: str, *, sender: Sender, files: Iterable[ArtifactData]) -> list[Artifact]:
        """Replace the list with *files*. Everything is checked before the first byte is written.

        Raises:
            InvalidRequest, NotFound, Conflict, TooLarge, DiskLow, BlobsAway: Nothing has changed then.
        """
        self._check_sender(job_id, sender)
        files = list(files)
        self._limits.check_files(len(files))
        paths = self._names(job_id, [f.path for f in files])
        decoded = list(zip(paths, map(_decoded, files), strict=True))
        check_paths(paths, keeps_case=self._blobs.keeps_case)
        total = sum(len(data) for _, data in decoded)
        self._limits.check_bytes(total)

        def fill(folder: NewFolder) -> dict[str, int]:
            return {path: folder.put(path, io.BytesIO(data)) for path, data in decoded}

        return self._replace(job_id, sender, Upload(paths=paths), fill, total=total)

    def arriving_zip(self) -> ArrivingZip:
        """Return what a zip can be written into before `upload_zip`, so that its large files are written once."""
        return ArrivingZip(self._spool, lambda: self._blobs.new_part(ARTIFACTS))

    def upload_zip(self, job_id: str, *, sender: Sender, body: Readable | ArrivingZip) -> list[Artifact]:
        """Replace the list with the entries of a zip. An empty body gives an empty list.

        Args:
            body: Its bytes, or where all of them have arrived already.

        Raises:
            InvalidRequest, NotFound, Conflict, TooLarge, DiskLow, BlobsAway: Nothing has changed then.
        """
        self._check_sender(job_id, sender)
        with self._arrived(body) as arrived:
            size = arrived.content.seek(0, os.SEEK_END)
            if size == 0:
                return self.upload_files(job_id, sender=sender, files=[])
            with open_zip(cast("IO[bytes]", arrived.content), self._limits) as archive:
                return self._unpack(job_id, sender, archive, arrived, size=size)

    def _arrived(self, body: Readable | ArrivingZip) -> ArrivingZip:
        if isinstance(body, ArrivingZip):
            return body
        arriving = self.arriving_zip()
        try:
            for block in blocks(body):
                arriving.write(block)
        except BaseException:
            arriving.close()
            raise
        return arriving

    def check_target(self, job_id: str, sender: Sender | None) -> None:
        """Say early that nothing can be uploaded for an execution: what would be uploaded is not needed for that.

        Args:
            sender: Who uploads; None while that is unknown.

        Raises:
            DiskLow: There is little room, and what comes is kept beside the data.
            NotFound: No such execution.
            Conflict: The sender does not hold it, or it is over.
        """
        self._disk.check_room("upload")
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
            record, job = view.artifacts.find(number), view.jobs.find(number)
        artifacts = [
            _artifact(job_id, entry, id_=position + 1)
            for position, entry in enumerate(record.entries if record else [])
        ]
        names = {a.path for a in artifacts}
        extra = [
            _artifact(job_id, ArtifactEntry(path=name, size_bytes=blob.size), id_=0)
            for name, blob in self._reports.existing(job)
            if name not in names
        ]
        return sorted(artifacts + extra, key=lambda a: a.path) if extra else artifacts

    def find_file(self, job_id: str, path: str) -> StoredFile:
        """Return the artifact *path*; of a link, the file at its end.

        Raises:
            NotFound: No such execution or artifact.
        """
        number = job_number(job_id)
        with self._store.read() as view:
            record, job = view.artifacts.find(number), view.jobs.find(number)
        entry = next((e for e in record.entries if e.path == path), None) if record else None
        blob = None
        with suppress(BadKey):  # whoever wrote the record was not this server
            if record and entry:
                end = _ends(record.entries).get(path, path) if entry.link else path
                blob = self._blobs.find(artifacts_of(self._blobs, record) + end)
            else:
                blob = dict(self._reports.existing(job)).get(path)
        if blob is None:
            raise NotFound("artifact")
        return StoredFile(blobs=self._blobs, blob=blob, name=posixpath.basename(path))

    @contextmanager
    def archive(self, job_id: str, *, prefix: str = "", with_links: bool = False) -> Iterator[ComposedFile]:
        """Yield a zip of all artifacts, or of those equal to *prefix* or below it, rewound.

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
        ends = _ends(artifacts) if with_links else {}
        links = {a.path: a.link for a in artifacts if a.path in ends}
        with self._packer.pack([a.path for a in artifacts], keys=self._keys(job_id), links=links) as spool:
            yield spool

    def _keys(self, job_id: str) -> dict[str, str]:
        """Return where each artifact and report is, in one go: to ask for each of many would take the square of them."""
        try:
            number = job_number(job_id)
        except NotFound:
            return {}
        with self._store.read() as view:
            record, job = view.artifacts.find(number), view.jobs.find(number)
        keys = {name: blob.key for name, blob in self._reports.existing(job)}
        if record:
            home, ends = artifacts_of(self._blobs, record), _ends(record.entries)
            keys.update({entry.path: home + ends.get(entry.path, entry.path) for entry in record.entries})
        return keys

    def _check_sender(self, job_id: str, sender: Sender) -> None:
        if not sender.agent_id.strip():
            raise no_agent_id()
        check_agent_id(sender.agent_id)
        self._disk.check_room("upload")
        with self._store.read() as view:
            job = get_job(view, job_id)
        check_uploader(job, sender, now=self._clock())
        self._masks.complete(job)
        self._presence.touch(sender.agent_id)

    def _unpack(
        self, job_id: str, sender: Sender, archive: zipfile.ZipFile, arrived: ArrivingZip, *, size: int
    ) -> list[Artifact]:
        entries = [info for info in archive.infolist() if not info.filename.endswith("/")]  # is_dir() wants a name
        upload = self._read_entries(job_id, archive, entries)
        total = sum(info.file_size for info in entries)
        self._limits.check_bytes(total)
        self._limits.check_ratio(unpacked=total, packed=size)

        def fill(folder: NewFolder) -> dict[str, int]:
            return {
                path: extract(archive, info, path, folder, part=arrived.pop_part(info))
                for info, path in zip(entries, upload.paths, strict=True)
                if path not in upload.links
            }

        return self._replace(job_id, sender, upload, fill, total=total)

    def _read_entries(self, job_id: str, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Upload:
        """Check the names and kinds of a zip's entries, and where its links lead."""
        paths = self._names(job_id, [info.filename for info in entries])
        check_paths(paths, keeps_case=self._blobs.keeps_case)
        links = {}
        for info, path in zip(entries, paths, strict=True):
            if entry_kind(info) == stat.S_IFLNK:
                links[path] = self._target(job_id, path, read_link(archive, info, path))
            elif entry_kind(info) != stat.S_IFREG:
                raise bad_path(path, "it is a special file")
        ends = ends_of_links(links, set(paths) - links.keys())
        if lost := next((path for path in links if path not in ends), ""):
            raise bad_path(lost, "it is a link to what is not among the artifacts")
        groups = {path: entry_group(info) for info, path in zip(entries, paths, strict=True)}
        return Upload(paths=paths, links=links, ends=ends, groups=groups)

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

    def _replace(
        self, job_id: str, sender: Sender, upload: Upload, fill: Callable[[NewFolder], Mapping[str, int]], *, total: int
    ) -> list[Artifact]:
        """Keep new files, and name them in the store instead of the old ones, which are removed then.

        Args:
            fill: Puts the files, and returns the size of each.
            total: How many bytes that will be.
        """
        with self._store.read() as view:
            job = get_job(view, job_id)
            self._check_project(view, job, total)
        new = ArtifactsRecord(number=job.number, project=job.project_key, generation=new_generation(), entries=[])
        prefix = artifacts_of(self._blobs, new)
        try:
            with self._blobs.new_folder(prefix) as folder:
                sizes = fill(folder)
        except BadKey as error:
            # The names were checked, but a disk may take two of them for one, or allow shorter ones only.
            raise bad_path(error.key, error.reason) from error
        entries = [
            ArtifactEntry(
                path=path,
                size_bytes=sizes[upload.ends.get(path, path)],
                link=upload.links.get(path, ""),
                name=(group := upload.group_of(path, job)).name,
                keep_days=group.keep_days,
            )
            for path in upload.paths
        ]
        try:
            old = self._name(job_id, sender, replace(new, entries=entries))
        except BaseException:
            self._removal.remove([prefix])
            raise
        if old is not None:
            self._removal.remove([artifacts_of(self._blobs, old)])
        return [_artifact(job_id, entry, id_=0) for entry in entries]

    def _name(self, job_id: str, sender: Sender, record: ArtifactsRecord) -> ArtifactsRecord | None:
        """Store *record*, if the sender still holds the execution, and return the one that counted before."""

        def name(tx: Transaction) -> ArtifactsRecord | None:
            job = get_job(tx, job_id)
            check_uploader(job, sender, now=self._clock())
            self._check_project(tx, job, record.bytes)
            old = tx.artifacts.find(job.number)
            tx.artifacts.put(record)
            return old

        return self._store.write(name)

    def _check_project(self, view: View, job: JobRecord, size: int) -> None:
        """Check what a project would keep if an execution had *size* bytes instead of those that it has."""
        project, known = job.project_key, view.artifacts.find(job.number)
        kept = view.artifacts.bytes_of_project(project)
        self._limits.check_project(kept - (known.bytes if known and known.project == project else 0) + size)


def _artifact(job_id: str, entry: ArtifactEntry, *, id_: int) -> Artifact:
    return Artifact(
        id=id_,
        job_execution_id=job_id,
        path=entry.path,
        url=f"/artifacts/{quote(job_id)}/{quote(entry.path)}",
        size_bytes=entry.size_bytes,
        link=entry.link,
        name=entry.name,
        keep_days=entry.keep_days,
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
