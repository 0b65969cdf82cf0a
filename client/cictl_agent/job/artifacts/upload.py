"""Uploading the files that a job keeps."""

from __future__ import annotations

import base64
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import IO, cast

from cictl.base.names.artifact_paths import link_entry, link_text
from cictl.base.zips.composed import ComposedFile, opening
from cictl.base.zips.packing import SAMPLE_BYTES, choose_packing
from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload
from cictl_agent.job.artifacts.collection import Found
from cictl_agent.job.failures import JobFailed
from cictl_agent.log.file_listing import Listing
from cictl_agent.log.spool import JobLog
from cictl_agent.retries import persist
from cictl_agent.system.interruption import Interruption
from cictl_client import ApiError, Client, ClientError, NotFound, TooLarge
from cictl_client.retry import TRANSIENT

_MOST_JSON_BYTES = 32 << 20
"""The JSON form is held in memory, and base64 adds a third; above this size only the zip form is tried."""
_BLOCK_BYTES = 1 << 18
_LENT_BYTES = 1 << 20
"""A file of this size that is not packed is sent from where it is, and not copied into the zip first."""


def upload(
    found: list[Found],
    *,
    client: Client,
    job_id: str,
    agent_id: str,
    lease_token: str,
    scratch_dir: Path,
    log: JobLog,
    interruption: Interruption,
    listing: Listing,
) -> None:
    """Upload the files as a zip; if the server refuses that, once as JSON.

    What is packed is built on disk. Large files that are stored are read twice instead, for their checksum and to be sent: one that
    changes in between is refused by the server.

    Raises:
        JobFailed: `artifact upload failed: …`
        Interrupted: The order to stop was given.
    """
    size = sum(file.size for file in found)
    names = [f"{file.path} -> {file.link}" if file.link else f"{file.path} ({file.size} bytes)" for file in found]
    listing.tell(log, "artifacts", f"uploading {len(found)} files, {size} bytes", names)
    try:
        with tempfile.TemporaryFile(dir=scratch_dir) as packed, closing(ComposedFile(packed)) as archive:
            _write_zip(found, archive, interruption)
            persist(lambda: _send_zip(client, job_id, agent_id, lease_token, archive), interruption)
    except ApiError as error:
        if isinstance(error, (NotFound, TooLarge, *TRANSIENT)) or size > _MOST_JSON_BYTES:
            raise _failed(error) from error
        log.line(f"[artifacts] zip refused ({error}), sending JSON")
        _send_json(found, client, job_id, agent_id, lease_token)
    except (ClientError, OSError, ValueError, zipfile.LargeZipFile) as error:
        raise _failed(error) from error


def _failed(error: Exception) -> JobFailed:
    return JobFailed(f"artifact upload failed: {error}")


def _write_zip(found: Iterable[Found], archive: ComposedFile, interruption: Interruption) -> None:
    """Write a zip whose entries keep their permission bits, are links where the files are, and name the group in the comment.

    Raises:
        Interrupted: The order to stop was given.
    """
    with zipfile.ZipFile(cast("IO[bytes]", archive), "w", strict_timestamps=False) as target:
        for kept in found:
            interruption.check()
            if kept.link:
                info = link_entry(kept.path)
                info.comment = _comment(kept)
                target.writestr(info, link_text(kept.path, kept.link))
                continue
            info = zipfile.ZipInfo.from_file(kept.file, kept.path, strict_timestamps=False)
            info.comment = _comment(kept)
            with kept.file.open("rb") as source:
                sample = source.read(SAMPLE_BYTES)
                choose_packing(info, sample)
                is_lent = info.compress_type == zipfile.ZIP_STORED and info.file_size >= _LENT_BYTES
                with (
                    target.open(info, "w") as sink,
                    archive.lent(opening(kept.file)) if is_lent else nullcontext(),
                ):
                    sink.write(sample)
                    shutil.copyfileobj(source, sink, _BLOCK_BYTES)


def _comment(kept: Found) -> bytes:
    return str(kept.group).encode() if kept.group else b""


def _send_zip(client: Client, job_id: str, agent_id: str, lease_token: str, archive: ComposedFile) -> None:
    archive.seek(0)
    client.upload_artifacts_zip(job_id, agent_id, cast("IO[bytes]", archive), lease_token=lease_token)


def _send_json(found: Iterable[Found], client: Client, job_id: str, agent_id: str, lease_token: str) -> None:
    try:
        files = [ArtifactData(path=f.path, data_base64=base64.b64encode(f.file.read_bytes()).decode()) for f in found]
        request = ArtifactUpload(agent_id=agent_id, artifacts=files)
        client.upload_artifacts_json(job_id, request, lease_token=lease_token)
    except (ClientError, OSError) as error:
        raise _failed(error) from error
