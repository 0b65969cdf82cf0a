"""Artifacts: uploads, lists and downloads."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, cast
from urllib.parse import quote

import falcon

from cictl.wire.artifacts import ArtifactList, ArtifactUpload
from cictl_server.errors import InvalidRequest
from cictl_server.resources import media
from cictl_server.services import Services
from cictl_server.services.paths import clean_artifact_path

_BLOCK = 1 << 18
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class JobArtifactsResource:
    """`/api/v1/jobs/{job_id}/artifacts`"""

    def __init__(self, services: Services) -> None:
        self._artifacts = services.artifacts

    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """GET: 200 ArtifactList; empty for an unknown execution."""
        media.write(resp, ArtifactList(artifacts=self._artifacts.list_artifacts(job_id)))

    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """POST ArtifactUpload: 200 ArtifactList; 400 bad path or data; 404; 409 another agent's; 413."""
        upload = media.read(req, ArtifactUpload)
        stored = self._artifacts.upload_files(job_id, agent_id=upload.agent_id, files=upload.artifacts)
        media.write(resp, ArtifactList(artifacts=stored or None))


class JobArtifactsZipResource:
    """`/api/v1/jobs/{job_id}/artifacts/upload-zip`"""

    def __init__(self, services: Services) -> None:
        self._artifacts = services.artifacts

    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """POST a zip, agent id in `X-CIWI-Agent-ID` or `?agent_id=`: answers as the JSON form."""
        agent_id = req.get_header("X-CIWI-Agent-ID") or req.get_param("agent_id") or ""
        body = cast("IO[bytes]", req.bounded_stream)
        stored = self._artifacts.upload_zip(job_id, agent_id=agent_id, body=body)
        media.write(resp, ArtifactList(artifacts=stored or None))


class JobArtifactsArchiveResource:
    """`/api/v1/jobs/{job_id}/artifacts/download-all` and `…/download?prefix=`"""

    def __init__(self, services: Services) -> None:
        self._artifacts = services.artifacts

    def on_get_all(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """GET: 200 zip of everything; an empty one for none."""
        self._send(resp, job_id, prefix="", name=_download_name(job_id))

    def on_get_prefix(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """GET: 200 zip of what equals `prefix` or lies below it; 400 bad prefix; 404 nothing there."""
        try:
            prefix = clean_artifact_path(req.get_param("prefix") or "")
        except InvalidRequest:
            raise InvalidRequest("invalid prefix") from None
        self._send(resp, job_id, prefix=prefix, name=_download_name(f"{job_id}-{prefix}"))

    def _send(self, resp: falcon.Response, job_id: str, *, prefix: str, name: str) -> None:
        stack = ExitStack()
        try:
            archive = stack.enter_context(self._artifacts.archive(job_id, prefix=prefix))
        except BaseException:
            stack.close()
            raise
        resp.content_type = "application/zip"
        resp.set_header("Content-Disposition", f'attachment; filename="{name}"')
        resp.stream = _FileStream(archive, stack)


class ArtifactFileResource:
    """`/artifacts/{job_id}/{path}`"""

    def __init__(self, services: Services) -> None:
        self._artifacts = services.artifacts

    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str, path: str) -> None:
        """GET: 200 the file, as an attachment that no browser runs; 404 unknown."""
        stored = self._artifacts.open_file(job_id, path)
        stack = ExitStack()
        file = stack.enter_context(stored.path.open("rb"))
        resp.content_type = mimetypes.guess_type(stored.name)[0] or "application/octet-stream"
        resp.set_headers(
            {
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(stored.name, safe='')}",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "X-Content-Type-Options": "nosniff",
            }
        )
        resp.set_stream(_FileStream(file, stack), stored.size)


class _FileStream:
    """The blocks of an open file; closes what belongs to it when the answer is over, read or not."""

    def __init__(self, file: IO[bytes], resources: ExitStack) -> None:
        self._file = file
        self._resources = resources

    def __iter__(self) -> Iterator[bytes]:
        while block := self._file.read(_BLOCK):
            yield block

    def close(self) -> None:
        self._resources.close()


def _download_name(stem: str) -> str:
    safe = _UNSAFE_NAME.sub("-", stem).strip("-.")
    return f"{safe or 'job'}-artifacts.zip"
