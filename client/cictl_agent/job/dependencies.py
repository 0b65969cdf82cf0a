"""Restoring the artifacts of earlier jobs into the execution directory."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from cictl.wire.artifacts import COVERAGE_REPORT_PATH, TEST_REPORT_PATH, Artifact
from cictl.wire.words import DEPENDENCY_JOB_ID, DEPENDENCY_JOB_IDS
from cictl_agent.job.failures import JobFailed
from cictl_agent.log.file_listing import Listing
from cictl_agent.log.spool import JobLog
from cictl_agent.retries import persist
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.paths import is_gits_own
from cictl_agent.system.platforms import Platform
from cictl_client import ApiError, Client, ClientError

_SYNTHETIC = (TEST_REPORT_PATH, COVERAGE_REPORT_PATH)
_DEFAULT_MODE = 0o644


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
    log: JobLog,
    interruption: Interruption,
    listing: Listing,
    platform: Platform,
) -> None:
    """Download the artifacts of each execution into *directory*; later executions overwrite earlier ones.

    Reports that the server adds are left out. Permission bits are kept. Links, and names that lead out, are skipped.

    Raises:
        JobFailed: A download failed. That there is nothing to restore is no failure.
        Interrupted: The job was stopped.
    """
    for job_id in job_ids:
        interruption.check()
        try:
            restored = _restore(job_id, client, directory, log, interruption, platform)
        except (ClientError, OSError) as error:
            raise JobFailed(f"dependency artifact download failed: {job_id}: {error}") from error
        listing.tell(log, "dep-artifacts", f"{job_id}: restored {len(restored)} files", restored)


def _restore(
    job_id: str, client: Client, directory: Path, log: JobLog, interruption: Interruption, platform: Platform
) -> list[str]:
    """Restore one execution's artifacts, and return their names."""
    listed = persist(lambda: client.list_artifacts(job_id), interruption)
    wanted = {a.path: a for a in listed if a.id != 0 or a.path not in _SYNTHETIC}
    for name in [name for name in wanted if not all(map(platform.is_usable_name, PurePosixPath(name).parts))]:
        log.line(f"[dep-artifacts] skipped {name!r}: no file can have that name here")
        del wanted[name]
    if not wanted:
        return []
    try:
        return persist(lambda: _restore_zip(job_id, client, wanted, directory, log), interruption)
    except (ApiError, zipfile.BadZipFile) as error:
        log.line(f"[dep-artifacts] {job_id}: no usable archive ({error}), taking file by file")
    return [
        artifact.path
        for artifact in wanted.values()
        if persist(lambda a=artifact: _restore_file(a, client, directory, log), interruption)  # type: ignore[misc]
    ]


def _restore_zip(
    job_id: str, client: Client, wanted: Mapping[str, Artifact], directory: Path, log: JobLog
) -> list[str]:
    restored = []
    with tempfile.TemporaryFile(dir=directory.parent) as file:
        client.download_all(job_id, file)
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if entry.is_dir() or entry.filename not in wanted:
                    continue
                mode = entry.external_attr >> 16
                if stat.S_ISLNK(mode):
                    log.line(f"[dep-artifacts] skipped {entry.filename}: it is a link")
                    continue
                with archive.open(entry) as content:
                    if _place(entry.filename, content, mode & 0o777, directory, log):
                        restored.append(entry.filename)
    return restored


def _restore_file(artifact: Artifact, client: Client, directory: Path, log: JobLog) -> bool:
    with tempfile.TemporaryFile(dir=directory.parent) as file:
        client.download_artifact(artifact, file)
        file.seek(0)
        return _place(artifact.path, file, 0, directory, log)


def _place(name: str, content: IO[bytes], mode: int, directory: Path, log: JobLog) -> bool:
    """Write one file, and tell whether it was written; a name that leads out is logged and skipped."""
    try:
        target = safe_target(directory, name)
    except UnsafePath as error:
        log.line(f"[dep-artifacts] skipped {name!r}: {error}")
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(mode | stat.S_IRUSR | stat.S_IWUSR if mode else _DEFAULT_MODE)
    return True


def safe_target(directory: Path, name: str) -> Path:
    """Return where *name* belongs below *directory*.

    Raises:
        UnsafePath: It is absolute, holds `..`, goes through a link that leads out of *directory*, or belongs to git.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or "\0" in name or ":" in parts[0]:
        raise UnsafePath("the name leads out of the directory")
    if any(map(is_gits_own, parts)):
        raise UnsafePath("it would change the checkout's own repository")
    target = directory.joinpath(*parts)
    root = os.path.realpath(directory)
    if os.path.commonpath([root, os.path.realpath(target.parent)]) != root:
        raise UnsafePath("a link leads out of the directory")
    return target
