"""Artifacts: uploads, lists and downloads."""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import partial
from os import SEEK_END
from typing import IO, cast

import falcon

from cictl.base.zips.arriving import ArrivingZip
from cictl.wire import words
from cictl.wire.results.artifacts import ArtifactList, ArtifactUpload
from cictl_server.apidoc.describe import Content, api
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.files import hold_place, send_file, send_open
from cictl_server.http.parameters import LEASE_TOKEN, Parameter, sender_of
from cictl_server.services import Services
from cictl_server.services.artifacts.artifacts import StoredFile
from cictl_server.services.artifacts.paths import clean_artifact_path

_ZIP = Content(media=("application/zip",), text="A zip of the files.")
_REFUSED = {
    400: "no agent id, a bad path or bad data",
    404: "unknown",
    409: "another agent's execution or attempt, or it is over",
}
_LINKS = Parameter(
    name="links",
    choices=("true",),
    text="Links to files of the zip are links in it, not copies of the files.",
)
_NO_PLACE = {503: "too many downloads at once; `Retry-After` says when to come again"}
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9._-]")


class JobArtifactsResource:
    """`/api/v1/jobs/{job_id}/artifacts`"""

    def __init__(self, services: Services) -> None:
        self._artifacts = services.artifacts.artifacts

    @api(answers={200: ArtifactList})
    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """List the artifacts; none for an unknown execution."""
        media.write(resp, ArtifactList(artifacts=self._artifacts.list_artifacts(job_id)))

    @api(
        request=ArtifactUpload,
        answers={
            200: ArtifactList,
            **_REFUSED,
            413: "more than the server's limits; the text names the limit",
            503: "too many uploads at once",
        },
        takes_key=False,
        headers=[LEASE_TOKEN],
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Replace the artifacts with the files of the body."""
        with media.reading(req, ArtifactUpload, check=partial(self._check, req, job_id)) as upload:
            principal_of(req).check_agent(upload.agent_id)
            sender = sender_of(req, upload.agent_id)
            stored = self._artifacts.upload_files(job_id, sender=sender, files=upload.artifacts)
        media.write(resp, ArtifactList(artifacts=stored or None))

    def _check(self, req: falcon.Request, job_id: str, agent_id: str) -> None:
        self._artifacts.check_target(job_id, sender_of(req, agent_id))


class JobArtifactsZipResource:
    """`/api/v1/jobs/{job_id}/artifacts/upload-zip`"""

    def __init__(self, services: Services) -> None:
        self._artifacts = services.artifacts.artifacts

    @api(
        request=_ZIP,
        answers={200: ArtifactList, **_REFUSED, 413: "more than the server's limits; the text names the limit"},
        query=[Parameter(name="agent_id", text="The agent, unless the header names it.")],
        takes_key=False,
        headers=[Parameter(name=words.AGENT_ID, text="The agent that sends the files."), LEASE_TOKEN],
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Replace the artifacts with the files in a zip; an empty body means none.

        Entries may be links, by their Unix mode, to files of the same zip. The comment of an entry may be the position of its
        group in the `artifacts` of the execution, from 1; other comments mean nothing.
        """
        agent_id = req.get_header(words.AGENT_ID) or req.get_param("agent_id") or ""
        principal_of(req).check_agent(agent_id)
        arrived = req.env["wsgi.input"]
        body = arrived if isinstance(arrived, ArrivingZip) else cast("IO[bytes]", req.bounded_stream)
        stored = self._artifacts.upload_zip(job_id, sender=sender_of(req, agent_id), body=body)
        media.write(resp, ArtifactList(artifacts=stored or None))


class JobArtifactsArchiveResource:
    """`/api/v1/jobs/{job_id}/artifacts/download-all` and `…/download?prefix=`"""

    def __init__(self, services: Services) -> None:
        self._artifacts = services.artifacts.artifacts
        self._places = services.core.downloads

    @api(answers={200: _ZIP, **_NO_PLACE}, query=[_LINKS], costs_work=True)
    def on_get_all(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Download all artifacts as a zip, which is empty if there are none."""
        self._send(req, resp, job_id, prefix="", name=_download_name(job_id))

    @api(
        answers={200: _ZIP, 400: "a bad prefix", 404: "nothing is there", **_NO_PLACE},
        query=[Parameter(name="prefix", text="A path of a file or directory, required."), _LINKS],
        costs_work=True,
    )
    def on_get_prefix(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Download the file `prefix`, or the files below it, as a zip."""
        given = req.get_param("prefix") or ""
        try:
            prefix = clean_artifact_path(given if given.strip() else "")
        except InvalidRequest:
            raise InvalidRequest("invalid prefix") from None
        self._send(req, resp, job_id, prefix=prefix, name=_download_name(f"{job_id}-{prefix}"))

    def _send(self, req: falcon.Request, resp: falcon.Response, job_id: str, *, prefix: str, name: str) -> None:
        with_links = (req.get_param("links") or "").lower() == "true"
        with ExitStack() as stack:
            hold_place(req, stack, self._places)
            archive = stack.enter_context(self._artifacts.archive(job_id, prefix=prefix, with_links=with_links))
            size = archive.seek(0, SEEK_END)
            archive.seek(0)
            send_open(req, resp, archive, stack.pop_all(), length=size)
        resp.content_type = "application/zip"
        resp.set_header("Content-Disposition", f'attachment; filename="{name}"')


class ArtifactFileResource:
    """`/artifacts/{job_id}/{path}`"""

    def __init__(self, services: Services) -> None:
        self._artifacts = services.artifacts.artifacts
        self._places = services.core.downloads

    @api(
        answers={
            200: Content(media=("*/*",), text="The file; the type is guessed from its name."),
            206: Content(media=("*/*",), text="The range of bytes that was asked for."),
            304: "unchanged since the ETag in If-None-Match",
            404: "unknown",
            416: "a range past the end",
            **_NO_PLACE,
        }
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str, path: str) -> None:
        """Download one artifact as an attachment that no browser runs; ranges and ETags work."""
        send_file(req, resp, self._find(job_id, path), self._places)

    @api(answers={200: "headers alone", 206: "headers alone", 304: "unchanged", 404: "unknown", 416: "past the end"})
    def on_head(self, req: falcon.Request, resp: falcon.Response, job_id: str, path: str) -> None:
        """Return the size, type and ETag of one artifact."""
        send_file(req, resp, self._find(job_id, path), self._places)

    def _find(self, job_id: str, path: str) -> StoredFile:
        """Return the file, or answer as for an unknown path."""
        try:
            return self._artifacts.find_file(job_id, path)
        except NotFound:
            raise falcon.HTTPNotFound from None


def _download_name(stem: str) -> str:
    safe = _UNSAFE_NAME.sub("-", stem).strip("-.")
    return f"{safe or 'job'}-artifacts.zip"
