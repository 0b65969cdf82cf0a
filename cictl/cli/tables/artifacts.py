"""What the table of artifacts shows."""

from __future__ import annotations

from cictl.base.text.sizes import size_text
from cictl.cli.output.table import Column, Result
from cictl.wire.results.artifacts import Artifact, ArtifactList


def artifacts_result(job_id: str, artifacts: list[Artifact]) -> Result[Artifact]:
    """Return the list of a job execution's artifacts."""
    return Result(
        message=ArtifactList(artifacts=artifacts),
        rows=artifacts,
        columns=(
            Column("PATH", lambda a: f"{a.path} -> {a.link}" if a.link else a.path),
            Column("SIZE", lambda a: size_text(a.size_bytes)),
            *([Column[Artifact]("NAME", lambda a: a.name)] if any(a.name for a in artifacts) else []),
        ),
        name=lambda a: a.path,
        empty=f"{job_id} has no artifacts",
    )
