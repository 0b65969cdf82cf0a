"""The paths of the API that more than one call needs."""

from __future__ import annotations

from urllib.parse import quote

from cictl.wire.results.artifacts import Artifact

SERVER_INFO = "/api/v1/server-info"


def job_path(job_id: str) -> str:
    return f"/api/v1/jobs/{segment(job_id)}"


def pipeline_path(pipeline_db_id: int) -> str:
    return f"/api/v1/pipelines/{pipeline_db_id}"


def chain_path(chain_db_id: int) -> str:
    return f"/api/v1/pipeline-chains/{chain_db_id}"


def actions_path(agent_id: str) -> str:
    return f"/api/v1/agents/{segment(agent_id)}/actions"


def segment(text: str) -> str:
    """Return *text* as one segment of a path."""
    return quote(text, safe="")


def artifact_path(artifact: Artifact) -> str:
    """Return the path to download an artifact from. A reference server gives it unencoded; it is encoded here then."""
    plain = f"/artifacts/{artifact.job_execution_id}/{artifact.path}"
    return quote(plain) if artifact.url == plain else artifact.url
