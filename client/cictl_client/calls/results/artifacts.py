"""Calls about artifacts: the files that executions kept. Uploading them is in `agent_protocol`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO

from cictl.wire.results.artifacts import Artifact, ArtifactList
from cictl_client.calls.calls import Calls
from cictl_client.calls.paths import artifact_path, job_path
from cictl_client.calls.results.download import BLOCK, Progress, download
from cictl_client.retry import OnReconnect


class ArtifactCalls(Calls):
    """The artifacts of executions, one by one or all in a zip."""

    def list_artifacts(self, job_id: str) -> list[Artifact]:
        """Return what an execution kept; `download_artifact` and `fetch_artifact` take one of these."""
        return self._transport.get(ArtifactList, f"{job_path(job_id)}/artifacts").artifacts or []

    def download_artifact(self, artifact: Artifact, sink: IO[bytes], *, progress: Progress | None = None) -> int:
        """Write an artifact into *sink*, block by block, and return its size; *progress* is called with the bytes so far.

        Raises:
            Unreachable: The connection broke; *sink* holds the beginning.
        """
        return self._download(artifact_path(artifact), sink, progress=progress)

    def fetch_artifact(
        self,
        artifact: Artifact,
        target: Path | str,
        *,
        progress: Progress | None = None,
        on_reconnect: OnReconnect | None = None,
    ) -> int:
        """Download an artifact to *target*, through broken connections, and return its size.

        An interrupted download, also one of another process, is continued where it broke off: until the file is whole, its
        bytes are kept beside *target* in a file that ends in `.part`.

        Args:
            progress: Called with the bytes so far.
            on_reconnect: Called with each passing error, before the next attempt.

        Raises:
            Unreachable: Six attempts in a row brought no new byte.
            UnexpectedAnswer: The file has another size than the list of artifacts says.
        """
        return download(
            self._transport,
            artifact_path(artifact),
            Path(target),
            size=artifact.size_bytes,
            progress=progress,
            on_reconnect=on_reconnect,
        )

    def download_all(
        self, job_id: str, sink: IO[bytes], *, progress: Progress | None = None, links: bool = False
    ) -> int:
        """Write a zip of all artifacts into *sink*, and return its size.

        Args:
            links: Artifacts that are links to others may be links in the zip. Otherwise, and by a reference server, they are
                copies.
        """
        params = {"links": "true"} if links else None
        return self._download(f"{job_path(job_id)}/artifacts/download-all", sink, progress=progress, params=params)

    def _download(
        self, path: str, sink: IO[bytes], *, progress: Progress | None, params: Mapping[str, str] | None = None
    ) -> int:
        written = 0
        with self._transport.open("GET", path, params=params) as response:
            for block in response.iter_content(BLOCK):
                sink.write(block)
                written += len(block)
                if progress is not None:
                    progress(written)
        return written
