"""Calls about working trees that are sent to be built."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from cictl.wire.projects import Worktree
from cictl_client.calls.calls import Calls
from cictl_client.calls.paths import job_path
from cictl_client.calls.results.download import Progress, download

_UPLOAD_SECONDS = 600.0


class WorktreeCalls(Calls):
    """Working trees, each for one run."""

    def upload_worktree(self, project_id: int, bundle: IO[bytes]) -> Worktree:
        """Send a bundle of git, whose HEAD is one commit of the files; a run of the project names it as its `worktree`."""
        headers = {"Content-Type": "application/x-git-bundle"}
        path = f"/api/v1/projects/{project_id}/worktrees"
        return self._transport.post(Worktree, path, bundle, headers=headers, timeout=_UPLOAD_SECONDS)

    def fetch_worktree(self, job_id: str, target: Path, *, progress: Progress | None = None) -> int:
        """Download the bundle that an execution checks out to *target*, through broken connections, and return its size.

        Raises:
            NotFound: The execution builds a commit of its repository, or the working tree is not kept any more.
            Unreachable: Six attempts in a row brought no new byte.
        """
        path = f"{job_path(job_id)}/worktree"
        return download(self._transport, path, target, size=None, progress=progress, on_reconnect=None)
