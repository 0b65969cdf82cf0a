"""Who may use each route. One line a method and path; a route without a line fails a test."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from cictl.wire.admin.access import Role


class Access(StrEnum):
    """The weakest role that a route takes; `x-role` in the OpenAPI document."""

    NONE = "none"
    """No token is wanted."""
    ANY = "any"
    """Any token will do."""
    VIEWER = Role.VIEWER.value
    OPERATOR = Role.OPERATOR.value
    ADMIN = Role.ADMIN.value
    AGENT = Role.AGENT.value
    """The tokens of agents alone, not those of people."""


NONE, ANY, VIEWER, OPERATOR, ADMIN, AGENT = Access

ROLES: Mapping[str, Access] = {
    "GET /healthz": NONE,
    "GET /readyz": NONE,
    "GET /metrics": VIEWER,
    "GET /badges/{project}/{pipeline}.svg": NONE,  # those of private projects want a token: the resource knows
    "GET /cc.xml": VIEWER,
    "GET /login": NONE,
    "POST /login": NONE,  # the form has the token
    "POST /logout": NONE,
    "GET /api/v1/openapi.json": VIEWER,
    "GET /api/v1/server-info": NONE,
    "GET /api/v1/runtime-state": VIEWER,
    "GET /api/v1/servers": VIEWER,
    "POST /api/v1/server/restart": ADMIN,
    "GET /api/v1/whoami": ANY,
    "GET /api/v1/audit": ADMIN,
    "GET /api/v1/tokens": ADMIN,
    "POST /api/v1/tokens": ADMIN,
    "DELETE /api/v1/tokens/{token_id}": ADMIN,
    "POST /api/v1/tokens/{token_id}/rotate": ADMIN,
    "POST /api/v1/update/check": ADMIN,
    "POST /api/v1/update/apply": ADMIN,
    "POST /api/v1/update/rollback": ADMIN,
    "GET /api/v1/update/tags": VIEWER,
    "GET /api/v1/update/status": VIEWER,
    "GET /api/v1/events": VIEWER,
    "POST /api/v1/heartbeat": AGENT,
    "POST /api/v1/agent/lease": AGENT,
    "GET /api/v1/agents": VIEWER,
    "POST /api/v1/agents/enrolments": ADMIN,
    "POST /api/v1/agents/enroll": NONE,  # the body has the token
    "GET /api/v1/agents/{agent_id}": VIEWER,
    "DELETE /api/v1/agents/{agent_id}": OPERATOR,
    "POST /api/v1/agents/{agent_id}/actions": OPERATOR,  # two actions want an admin: the resource knows
    "GET /api/v1/jobs": VIEWER,
    "POST /api/v1/jobs/clear-queue": OPERATOR,
    "POST /api/v1/jobs/flush-history": OPERATOR,
    "GET /api/v1/jobs/{job_id}": VIEWER,
    "DELETE /api/v1/jobs/{job_id}": OPERATOR,
    "POST /api/v1/jobs/{job_id}/status": AGENT,
    "POST /api/v1/jobs/{job_id}/cancel": OPERATOR,
    "POST /api/v1/jobs/{job_id}/rerun": OPERATOR,
    "POST /api/v1/jobs/{job_id}/priority": OPERATOR,
    "GET /api/v1/jobs/{job_id}/blocked-by": VIEWER,
    "GET /api/v1/jobs/{job_id}/explain": VIEWER,
    "GET /api/v1/jobs/{job_id}/log": VIEWER,
    "GET /api/v1/jobs/{job_id}/log/lines": VIEWER,
    "GET /api/v1/jobs/{job_id}/log/search": VIEWER,
    "GET /api/v1/jobs/{job_id}/steps": VIEWER,
    "GET /api/v1/jobs/{job_id}/tests": VIEWER,
    "POST /api/v1/jobs/{job_id}/tests": AGENT,
    "GET /api/v1/jobs/{job_id}/worktree": VIEWER,
    "GET /api/v1/jobs/{job_id}/artifacts": VIEWER,
    "POST /api/v1/jobs/{job_id}/artifacts": AGENT,
    "POST /api/v1/jobs/{job_id}/artifacts/upload-zip": AGENT,
    "GET /api/v1/jobs/{job_id}/artifacts/download-all": VIEWER,
    "GET /api/v1/jobs/{job_id}/artifacts/download": VIEWER,
    "GET /artifacts/{job_id}/{path}": VIEWER,
    "HEAD /artifacts/{job_id}/{path}": VIEWER,
    "GET /api/v1/queue": VIEWER,
    "POST /api/v1/queue/pause": OPERATOR,
    "POST /api/v1/queue/resume": OPERATOR,
    "GET /api/v1/projects": VIEWER,
    "POST /api/v1/projects/import": OPERATOR,
    "GET /api/v1/projects/{project_id}": VIEWER,
    "DELETE /api/v1/projects/{project_id}": OPERATOR,
    "GET /api/v1/projects/{project_id}/forge": VIEWER,
    "POST /api/v1/projects/{project_id}/forge": ADMIN,
    "DELETE /api/v1/projects/{project_id}/forge": ADMIN,
    "POST /api/v1/projects/{project_id}/forge/test": ADMIN,
    "GET /api/v1/projects/{project_id}/icon": VIEWER,
    "POST /api/v1/projects/{project_id}/inspect": VIEWER,
    "POST /api/v1/projects/{project_id}/settings": OPERATOR,
    "POST /api/v1/projects/{project_id}/reload": OPERATOR,
    "POST /api/v1/projects/{project_id}/worktrees": OPERATOR,
    "POST /api/v1/projects/{project_id}/check": OPERATOR,
    "GET /api/v1/projects/{project_id}/hook": VIEWER,
    "POST /api/v1/projects/{project_id}/hook/rotate": OPERATOR,
    "POST /api/v1/hooks/{project_id}": NONE,  # it is signed
    "POST /api/v1/projects/{project_id}/notifications/test": ADMIN,
    "POST /api/v1/pipelines/{pipeline_id}/run-selection": OPERATOR,
    "POST /api/v1/pipelines/{pipeline_id}/dry-run-preview": VIEWER,
    "POST /api/v1/pipelines/{pipeline_id}/eligible-agents": VIEWER,
    "GET /api/v1/pipelines/{pipeline_id}/source-refs": VIEWER,
    "GET /api/v1/pipelines/{pipeline_id}/version-resolve": VIEWER,
    "POST /api/v1/pipelines/{pipeline_id}/schedules/{number}/pause": OPERATOR,
    "POST /api/v1/pipelines/{pipeline_id}/schedules/{number}/resume": OPERATOR,
    "POST /api/v1/pipelines/{pipeline_id}/schedules/{number}/run": OPERATOR,
    "GET /api/v1/schedules": VIEWER,
    "POST /api/v1/pipeline-chains/{chain_id}/run": OPERATOR,
    "POST /api/v1/pipeline-chains/{chain_id}/dry-run-preview": VIEWER,
    "POST /api/v1/pipeline-chains/{chain_id}/eligible-agents": VIEWER,
    "GET /api/v1/pipeline-chains/{chain_id}/source-refs": VIEWER,
    "GET /api/v1/retention": ADMIN,
    "POST /api/v1/retention": ADMIN,
    "GET /api/v1/retention/preview": ADMIN,
    "POST /api/v1/retention/run": ADMIN,
    "GET /api/v1/runs": VIEWER,
    "GET /api/v1/runs/{run}": VIEWER,
    "GET /api/v1/runs/{run}/summary": VIEWER,
    "POST /api/v1/runs/{run}/approve": VIEWER,  # the job says whose approval it wants: the service knows
    "POST /api/v1/runs/{run}/reject": VIEWER,
    "POST /api/v1/runs/{run}/cancel": OPERATOR,
    "POST /api/v1/runs/{run}/rerun": OPERATOR,
    "POST /api/v1/runs/{run}/pin": OPERATOR,
    "POST /api/v1/runs/{run}/unpin": OPERATOR,
    "GET /api/v1/notifications": ADMIN,
    "GET /api/v1/tests": VIEWER,
    "GET /api/v1/insight": VIEWER,
    "GET /api/v1/secrets": VIEWER,
    "POST /api/v1/secrets": ADMIN,
    "POST /api/v1/secrets/rotate-key": ADMIN,
    "DELETE /api/v1/secrets/{secret_id}": ADMIN,
    "GET /api/v1/vault/connections": VIEWER,
    "POST /api/v1/vault/connections": ADMIN,
    "DELETE /api/v1/vault/connections/{connection_id}": ADMIN,
    "POST /api/v1/vault/connections/{connection_id}/test": ADMIN,
}

READ_BY_AGENTS = frozenset(
    {
        "GET /api/v1/jobs/{job_id}",
        "GET /api/v1/jobs/{job_id}/blocked-by",
        "GET /api/v1/jobs/{job_id}/explain",
        "GET /api/v1/jobs/{job_id}/log",
        "GET /api/v1/jobs/{job_id}/log/lines",
        "GET /api/v1/jobs/{job_id}/log/search",
        "GET /api/v1/jobs/{job_id}/steps",
        "GET /api/v1/jobs/{job_id}/tests",
        "GET /api/v1/jobs/{job_id}/worktree",
    }
)
"""What an agent may read of the jobs that it has, beside people, and a job of those of its run and of the runs that it started."""

ARTIFACTS_READ_BY_AGENTS = frozenset(
    {
        "GET /api/v1/jobs/{job_id}/artifacts",
        "GET /api/v1/jobs/{job_id}/artifacts/download-all",
        "GET /api/v1/jobs/{job_id}/artifacts/download",
        "GET /artifacts/{job_id}/{path}",
        "HEAD /artifacts/{job_id}/{path}",
    }
)
"""What an agent may read of the jobs that it has, a job of those that it may read, and both of those that these depend on."""

SENT_BY_JOBS = frozenset(
    {
        "POST /api/v1/jobs/{job_id}/tests",
        "POST /api/v1/jobs/{job_id}/artifacts",
        "POST /api/v1/jobs/{job_id}/artifacts/upload-zip",
    }
)
"""What a job may send to itself."""

LISTED_FOR_JOBS = frozenset({"GET /api/v1/jobs", "GET /api/v1/runs", "GET /api/v1/projects", "GET /api/v1/events"})
"""Routes of no single job that a job may use: what they tell of other runs and projects is left out."""

STARTED_BY_JOBS = frozenset(
    {
        "POST /api/v1/pipelines/{pipeline_id}/run-selection",
        "POST /api/v1/pipeline-chains/{chain_id}/run",
    }
)
"""What a job may start of its own project, if that allows it."""

CLOSED_TO_GUESTS = frozenset(
    {
        "GET /metrics",
        "GET /api/v1/openapi.json",
        "GET /api/v1/servers",
        "GET /api/v1/update/tags",
        "GET /api/v1/secrets",
        "GET /api/v1/vault/connections",
        "GET /api/v1/projects/{project_id}/hook",
        "GET /api/v1/projects/{project_id}/forge",
        # Each costs git, or the disk of the server.
        "GET /api/v1/pipelines/{pipeline_id}/source-refs",
        "GET /api/v1/pipelines/{pipeline_id}/version-resolve",
        "GET /api/v1/pipeline-chains/{chain_id}/source-refs",
        "GET /api/v1/jobs/{job_id}/artifacts/download-all",
        "GET /api/v1/jobs/{job_id}/artifacts/download",
    }
)
"""What a viewer reads, but nobody without a token (`--public-read`)."""

ACROSS_PROJECTS = frozenset(
    {
        "GET /cc.xml",
        "GET /api/v1/openapi.json",
        "GET /api/v1/runtime-state",
        "GET /api/v1/servers",
        "GET /api/v1/whoami",
        "GET /api/v1/events",
        "GET /api/v1/agents",
        "GET /api/v1/agents/{agent_id}",
        "GET /api/v1/jobs",
        "GET /api/v1/projects",
        "GET /api/v1/runs",
        "GET /api/v1/schedules",
        "GET /api/v1/notifications",
        "GET /api/v1/tests",
        "GET /api/v1/insight",
    }
)
"""Routes of no single project that a token bound to projects may use: what they tell of others is left out."""
