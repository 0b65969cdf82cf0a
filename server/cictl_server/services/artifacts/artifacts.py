"""Artifacts: uploads, each of which replaces the whole list in one step, listings and downloads."""

from __future__ import annotations

import base64
import binascii
import lzma
import os
import shutil
import stat
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from cictl.wire.artifacts import COVERAGE_REPORT_PATH, TEST_REPORT_PATH, Artifact, ArtifactData
from cictl_server.errors import InvalidRequest, NotFound, TooLarge, no_agent_id
from cictl_server.services.artifacts.paths import clean_artifact_path
from cictl_server.services.artifacts.reports import ReportFiles
from cictl_server.services.core.ids import job_number
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.history.lookup import check_holder, get_job
from cictl_server.services.secrets.masks import Masks
from cictl_server.store.contract import Store
from cictl_server.store.records import ArtifactEntry, ArtifactsRecord

_BLOCK = 1 << 20
_DAMAGED_ZIP = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # encrypted, or (its child NotImplementedError) compressed in an unknown way
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class ArtifactLimits:
    """Limits of one upload: the number of files, and their unpacked bytes in all."""

    files: int = 10_000
    total_bytes: int = 8 << 30


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
        limits: ArtifactLimits | None = None,
    ) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = store
        self._reports = reports
        self._presence = presence
        self._masks = masks
        self._limits = limits or ArtifactLimits()
        self._locks = [threading.Lock() for _ in range(64)]
        """Uploads of one execution take turns. Its number chooses the lock; executions may share one."""

    def upload_files(self, job_id: str, *, agent_id: str, files: Iterable[ArtifactData]) -> list[Artifact]:
        """Replace the list with *files*. Everything is checked before the first byte is written.

        Raises:
            InvalidRequest, NotFound, Conflict, TooLarge: Nothing has changed then.
        """
        self._check_sender(job_id, agent_id)
        files = list(files)
        decoded = list(zip(self._names(job_id, [f.path for f in files]), map(_decoded, files), strict=True))
        self._check_paths([path for path, _ in decoded])
        self._check_size(sum(len(data) for _, data in decoded))
        with self._staging(job_id) as stage:
            for path, data in decoded:
                target = stage / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            return self._commit(job_id, agent_id, stage, [path for path, _ in decoded])

    def upload_zip(self, job_id: str, *, agent_id: str, body: IO[bytes]) -> list[Artifact]:
        """Replace the list with the entries of a zip. An empty body gives an empty list.

        Raises:
            InvalidRequest, NotFound, Conflict, TooLarge: Nothing has changed then.
        """
        self._check_sender(job_id, agent_id)
        with tempfile.TemporaryFile(dir=self._directory) as spool:
            shutil.copyfileobj(body, spool, _BLOCK)
            if spool.tell() == 0:
                return self.upload_files(job_id, agent_id=agent_id, files=[])
            with _reading_zip():
                archive = zipfile.ZipFile(spool)
            with archive:
                return self._unpack(job_id, agent_id, archive)

    def list_artifacts(self, job_id: str) -> list[Artifact]:
        """Return the artifacts in upload order. Reports that are not among them are added; the list is then sorted by path."""
        try:
            number = job_number(job_id)
        except NotFound:
            return []
        with self._store.read() as view:
            record = view.artifacts.find(number)
        artifacts = [
            _artifact(job_id, e.path, e.size_bytes, id_=position + 1)
            for position, e in enumerate(record.entries if record else [])
        ]
        names = {a.path for a in artifacts}
        extra = [
            _artifact(job_id, name, path.stat().st_size, id_=0)
            for name, path in self._reports.existing(number)
            if name not in names
        ]
        return sorted(artifacts + extra, key=lambda a: a.path) if extra else artifacts

    def open_file(self, job_id: str, path: str) -> StoredFile:
        """Return where the artifact *path* is stored.

        Raises:
            NotFound: No such execution or artifact.
        """
        number = job_number(job_id)
        with self._store.read() as view:
            record = view.artifacts.find(number)
        if record and any(e.path == path for e in record.entries):
            file = self._generation(number, record.generation) / path
        elif path in (TEST_REPORT_PATH, COVERAGE_REPORT_PATH):
            file = self._reports.path(number, path)
        else:
            raise NotFound("artifact")
        try:
            return StoredFile(path=file, name=Path(path).name, size=file.stat().st_size)
        except FileNotFoundError:
            raise NotFound("artifact") from None

    @contextmanager
    def archive(self, job_id: str, *, prefix: str = "") -> Iterator[IO[bytes]]:
        """Yield a zip of all artifacts, or of those equal to *prefix* or below it, on disk and rewound.

        Raises:
            InvalidRequest: *prefix* is blank, absolute, or leads out.
            NotFound: Nothing is there under *prefix*.
        """
        artifacts = sorted(self.list_artifacts(job_id), key=lambda a: a.path)
        if prefix:
            artifacts = [a for a in artifacts if a.path == prefix or a.path.startswith(prefix + "/")]
            if not artifacts:
                raise NotFound("artifact directory")
        with tempfile.TemporaryFile(dir=self._directory) as spool:
            with zipfile.ZipFile(spool, "w", zipfile.ZIP_DEFLATED) as archive:
                for artifact in artifacts:
                    with suppress(NotFound):  # replaced or removed since it was listed
                        archive.write(self.open_file(job_id, artifact.path).path, artifact.path)
            spool.seek(0)
            yield spool

    def delete(self, number: int) -> None:
        """Remove the files of an execution that was deleted."""
        shutil.rmtree(self._directory / f"job-{number}", ignore_errors=True)

    def _check_sender(self, job_id: str, agent_id: str) -> None:
        if not agent_id.strip():
            raise no_agent_id()
        with self._store.read() as view:
            check_holder(get_job(view, job_id), agent_id)
        self._presence.touch(agent_id)

    def _unpack(self, job_id: str, agent_id: str, archive: zipfile.ZipFile) -> list[Artifact]:
        entries = [info for info in archive.infolist() if not info.filename.endswith("/")]  # is_dir() wants a name
        paths = self._names(job_id, [info.filename for info in entries])
        self._check_paths(paths)
        self._check_size(sum(info.file_size for info in entries))
        for info, path in zip(entries, paths, strict=True):
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise InvalidRequest(f'invalid artifact path: "{path}" is a link or special file')
        with self._staging(job_id) as stage:
            for info, path in zip(entries, paths, strict=True):
                _extract(archive, info, stage / path)
            return self._commit(job_id, agent_id, stage, paths)

    def _names(self, job_id: str, paths: list[str]) -> list[str]:
        """Return the paths of uploaded files, cleaned and with secrets masked. The contents of files are not masked."""
        mask = self._masks.of(job_id)
        cleaned = [clean_artifact_path(path) for path in paths]
        return cleaned if mask is None else [mask.redact_name(path) for path in cleaned]

    def _check_paths(self, paths: list[str]) -> None:
        """Refuse lists that a directory can't hold: too long, a path twice, a file where a directory must be."""
        if len(paths) > self._limits.files:
            raise TooLarge(f"too many artifacts: {len(paths)}, the limit is {self._limits.files}")
        seen: set[str] = set()
        for path in paths:
            if path.casefold() in seen:
                raise InvalidRequest(f'invalid artifact path: "{path}" is listed twice')
            seen.add(path.casefold())
        for path in paths:
            for parent in list(Path(path).parents)[:-1]:
                if parent.as_posix().casefold() in seen:
                    raise InvalidRequest(f'invalid artifact path: "{path}" lies below the file "{parent}"')

    def _check_size(self, total: int) -> None:
        if total > self._limits.total_bytes:
            raise TooLarge(f"artifacts of {total} bytes; the limit is {self._limits.total_bytes}")

    @contextmanager
    def _staging(self, job_id: str) -> Iterator[Path]:
        """Yield a directory for new files, and remove it afterwards unless it was moved."""
        stage = Path(tempfile.mkdtemp(prefix="upload-", dir=self._directory))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _commit(self, job_id: str, agent_id: str, stage: Path, paths: list[str]) -> list[Artifact]:
        """Move the staged files into a new generation, and name it in the store.

        The order matters: files and names are synced to disk before the record names them, the holder is checked again in
        the transaction, and old generations are removed only after the commit.
        """
        number = job_number(job_id)
        entries = [ArtifactEntry(path=p, size_bytes=(stage / p).stat().st_size) for p in paths]
        home = self._directory / f"job-{number}"
        with self._locks[number // 1000 % len(self._locks)]:
            home.mkdir(mode=0o700, exist_ok=True)
            with self._store.read() as view:
                known = view.artifacts.find(number)
            generation = max(_generations(home), default=known.generation if known else 0) + 1
            stage.rename(self._generation(number, generation))
            _sync_tree(home)
            with self._store.write() as tx:
                check_holder(get_job(tx, job_id), agent_id)
                tx.artifacts.put(ArtifactsRecord(number=number, generation=generation, entries=entries))
            for old in _generations(home):
                if old < generation:
                    shutil.rmtree(self._generation(number, old), ignore_errors=True)
        return [_artifact(job_id, e.path, e.size_bytes, id_=0) for e in entries]

    def _generation(self, number: int, generation: int) -> Path:
        return self._directory / f"job-{number}" / str(generation)


def _generations(home: Path) -> list[int]:
    return [int(child.name) for child in home.iterdir() if child.name.isdigit()]


def _artifact(job_id: str, path: str, size: int, *, id_: int) -> Artifact:
    url = f"/artifacts/{quote(job_id)}/{quote(path)}"
    return Artifact(id=id_, job_execution_id=job_id, path=path, url=url, size_bytes=size)


def _decoded(file: ArtifactData) -> bytes:
    try:
        return base64.b64decode(file.data_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f'decode artifact "{file.path}": {error}') from error


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """Unpack one entry, at most the bytes that it declares. Of its mode only the executable bit is kept."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _reading_zip():
        source = archive.open(info)
    with source, target.open("xb") as sink:
        left = info.file_size
        while block := _read_block(source, limit=min(_BLOCK, left + 1)):
            left -= len(block)
            if left < 0:
                raise InvalidRequest(f'read artifact zip: "{info.filename}" is larger than it says')
            sink.write(block)
    target.chmod(0o755 if info.external_attr >> 16 & 0o100 else 0o644)


def _read_block(source: IO[bytes], *, limit: int) -> bytes:
    with _reading_zip():
        return source.read(limit)


@contextmanager
def _reading_zip() -> Iterator[None]:
    """Turn what zipfile raises at damaged bytes into a refusal. It raises OSError too, so no write may happen in here."""
    try:
        yield
    except (*_DAMAGED_ZIP, OSError) as error:
        raise InvalidRequest(f"read artifact zip: {error}") from error


def _sync_tree(directory: Path) -> None:
    """Make files and names durable before the record that names them is."""
    for folder, _, names in os.walk(directory):
        for name in [*names, "."]:
            descriptor = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
