"""Collecting the files that a job keeps, and uploading them. How patterns match is in `globs`."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from cictl.wire.artifacts import ArtifactData, ArtifactUpload
from cictl_agent.job.failures import JobFailed
from cictl_agent.job.globs import BadPattern, GlobSet, State
from cictl_agent.log.file_listing import Listing
from cictl_agent.log.spool import JobLog
from cictl_agent.retries import persist
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.paths import is_gits_own, is_link
from cictl_client import ApiError, Client, ClientError, NotFound, TooLarge
from cictl_client.retry import TRANSIENT

MOST_BYTES = 104_857_600
MOST_FILES = 2500
"""The contract's limits: bytes of one file, and files of one job."""

_MOST_JSON_BYTES = 32 << 20
"""The JSON form is held in memory, and base64 adds a third; above this size only the zip form is tried."""
_COMPRESSION_LEVEL = 1


@dataclass(frozen=True, kw_only=True, order=True)
class Found:
    """A file to keep: its name on the server, where it lies, and its size in bytes."""

    path: str
    file: Path
    size: int


def collect(
    globs: Iterable[str], directory: Path, log: JobLog, *, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES
) -> list[Found]:
    """Return the files below *directory* that match, sorted by name; what is left out is logged.

    Links are followed as long as they stay inside *directory*. Only regular files are kept. Nothing of `.git` is: it holds
    the URL that was cloned, with its password, and would replace the checkout of a job that restores it.
    """
    found = []
    for candidate in sorted(_walk(directory, GlobSet(_readable(globs, log)), log)):
        if candidate.size > most_bytes:
            log.line(f"[artifacts] skipped {candidate.path}: {candidate.size} bytes, more than {most_bytes}")
        elif not os.access(candidate.file, os.R_OK):
            log.line(f"[artifacts] skipped {candidate.path}: not readable")
        else:
            found.append(candidate)
    if len(found) > most_files:
        log.line(f"[artifacts] {len(found)} files match, only the first {most_files} are kept")
    return _renamed(found[:most_files], log)


def _renamed(found: Iterable[Found], log: JobLog) -> list[Found]:
    """Mask secrets in the names; of two files whose masked names are equal the second is left out."""
    kept: dict[str, Found] = {}
    for file in found:
        path = log.redact_name(file.path)
        if path in kept:
            log.line(f"[artifacts] skipped {file.path}: without a secret its name is that of another file")
        else:
            kept[path] = replace(file, path=path)
    return list(kept.values())


def upload(
    found: list[Found],
    *,
    client: Client,
    job_id: str,
    agent_id: str,
    scratch_dir: Path,
    log: JobLog,
    interruption: Interruption,
    listing: Listing,
) -> None:
    """Upload the files as a zip that is built on disk; if the server refuses that, once as JSON.

    Raises:
        JobFailed: `artifact upload failed: …`
    """
    size = sum(file.size for file in found)
    names = [f"{file.path} ({file.size} bytes)" for file in found]
    listing.tell(log, "artifacts", f"uploading {len(found)} files, {size} bytes", names)
    try:
        with tempfile.TemporaryFile(dir=scratch_dir) as archive:
            _write_zip(found, archive)
            persist(lambda: _send_zip(client, job_id, agent_id, archive), interruption)
    except ApiError as error:
        if isinstance(error, (NotFound, TooLarge, *TRANSIENT)) or size > _MOST_JSON_BYTES:
            raise _failed(error) from error
        log.line(f"[artifacts] zip refused ({error}), sending JSON")
        _send_json(found, client, job_id, agent_id)
    except (ClientError, OSError, ValueError, zipfile.LargeZipFile) as error:
        raise _failed(error) from error


def _failed(error: Exception) -> JobFailed:
    return JobFailed(f"artifact upload failed: {error}")


def _readable(globs: Iterable[str], log: JobLog) -> list[str]:
    """Return the patterns that are valid; the others are logged."""
    good = []
    for pattern in (glob.strip() for glob in globs):
        try:
            GlobSet([pattern])
        except BadPattern as error:
            log.line(f"[artifacts] pattern {pattern!r} skipped: {error}")
        else:
            good.append(pattern)
    return good


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A directory that is still to be walked: its prefix in results, and what the patterns still match below it."""

    directory: Path
    prefix: str
    states: frozenset[State]
    is_linked: bool = False


def _walk(root: Path, patterns: GlobSet, log: JobLog) -> Iterator[Found]:
    """Yield the files that match; directories in which nothing can match are not entered.

    A linked directory is entered, but links to directories inside it are not, so that links can't lead in circles.
    """
    real_root = os.path.realpath(root)
    left = [_Place(directory=root, prefix="", states=patterns.start)]
    while left:
        place = left.pop()
        try:
            with os.scandir(place.directory) as listing:
                entries = list(listing)
        except OSError as error:
            log.line(f"[artifacts] skipped {place.prefix or '.'}: {error.strerror}")
            continue
        for entry in entries:
            if is_gits_own(entry.name):
                continue
            states = patterns.step(place.states, entry.name)
            if states and (status := _status(entry, real_root)):
                path = place.prefix + entry.name
                if stat.S_ISREG(status.st_mode) and patterns.accepts(states) and _is_text(path, log):
                    yield Found(path=path, file=Path(entry.path), size=status.st_size)
                elif stat.S_ISDIR(status.st_mode) and not (is_link(entry) and place.is_linked):
                    is_linked = place.is_linked or is_link(entry)
                    left.append(
                        _Place(directory=Path(entry.path), prefix=path + "/", states=states, is_linked=is_linked)
                    )


def _status(entry: os.DirEntry[str], real_root: str) -> os.stat_result | None:
    """Return the entry's status with links followed; None for a link that is broken or leads out of the tree."""
    try:
        if is_link(entry) and os.path.commonpath([real_root, os.path.realpath(entry.path)]) != real_root:
            return None
        return entry.stat()
    except (OSError, ValueError):  # ValueError: the link leads to another drive
        return None


def _is_text(path: str, log: JobLog) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        log.line(f"[artifacts] skipped {path!r}: its name is not UTF-8")
        return False
    return True


def _write_zip(found: Iterable[Found], archive: IO[bytes]) -> None:
    """Write a zip whose entries keep their permission bits."""
    with zipfile.ZipFile(
        archive, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL, strict_timestamps=False
    ) as target:
        for kept in found:
            info = zipfile.ZipInfo.from_file(kept.file, kept.path, strict_timestamps=False)
            info.compress_type = zipfile.ZIP_DEFLATED
            with kept.file.open("rb") as source, target.open(info, "w") as sink:
                shutil.copyfileobj(source, sink, 1 << 16)


def _send_zip(client: Client, job_id: str, agent_id: str, archive: IO[bytes]) -> None:
    archive.seek(0)
    client.upload_artifacts_zip(job_id, agent_id, archive)


def _send_json(found: Iterable[Found], client: Client, job_id: str, agent_id: str) -> None:
    try:
        files = [ArtifactData(path=f.path, data_base64=base64.b64encode(f.file.read_bytes()).decode()) for f in found]
        client.upload_artifacts_json(job_id, ArtifactUpload(agent_id=agent_id, artifacts=files))
    except (ClientError, OSError) as error:
        raise _failed(error) from error
