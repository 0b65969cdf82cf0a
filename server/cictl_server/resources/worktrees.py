"""Working trees: people send them, and agents check them out."""

from __future__ import annotations

from typing import IO, cast

import falcon

from cictl.wire.projects import Worktree
from cictl_server.apidoc.describe import Content, api
from cictl_server.http import media
from cictl_server.http.files import send_file
from cictl_server.services import Services

_BUNDLE = Content(media=("application/x-git-bundle",), text="A bundle of git whose HEAD is one commit of all files.")


class ProjectWorktreesResource:
    """`/api/v1/projects/{project_id}/worktrees`"""

    def __init__(self, services: Services) -> None:
        self._worktrees = services.pipelines.worktrees

    @api(
        request=_BUNDLE,
        answers={
            201: Worktree,
            400: "no bundle, or one without a HEAD",
            404: "unknown",
            413: "larger than the artifacts of a job may be",
            503: "too many requests work with git; `Retry-After` says when to come again",
        },
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Keep the files of a checkout for one run, which names them as its `worktree`; unused ones go after a day."""
        body = cast("IO[bytes]", req.bounded_stream)
        made = self._worktrees.receive(media.path_id(project_id, noun="project"), body)
        media.write(resp, made, status=201)


class JobWorktreeResource:
    """`/api/v1/jobs/{job_id}/worktree`"""

    def __init__(self, services: Services) -> None:
        self._worktrees = services.pipelines.worktrees
        self._places = services.core.downloads

    @api(
        answers={
            200: _BUNDLE,
            206: "the range of bytes that was asked for",
            304: "unchanged since the ETag in If-None-Match",
            404: "unknown, or the execution builds a commit of its repository",
            416: "a range past the end",
            503: "too many downloads at once",
        }
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Download the working tree that an execution checks out."""
        send_file(req, resp, self._worktrees.find_file(job_id), self._places)
