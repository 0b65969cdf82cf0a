"""The application: the route table, readable at a glance."""

from __future__ import annotations

from typing import Any

import falcon

from cictl_server.resources import agents, artifacts, errors, jobs, logs, projects, reports, server
from cictl_server.resources.guard import Guard
from cictl_server.services import Services

Application = falcon.App[Any, Any]


def create_app(services: Services, *, is_loopback: bool = True) -> Application:
    """Return the WSGI application that serves *services*.

    Args:
        is_loopback: The server is reachable from this machine only; other names in Host headers are refused.
    """
    app: Application = falcon.App(middleware=[Guard(is_loopback=is_loopback)])
    errors.install(app)
    app.req_options.keep_blank_qs_values = True
    archive = artifacts.JobArtifactsArchiveResource(services)

    app.add_route("/healthz", server.HealthResource())
    app.add_route("/api/v1/server-info", server.ServerInfoResource(services))
    app.add_route("/api/v1/runtime-state", server.RuntimeStateResource(services))

    app.add_route("/api/v1/heartbeat", agents.HeartbeatResource(services))
    app.add_route("/api/v1/agent/lease", agents.LeaseResource(services))
    app.add_route("/api/v1/agents", agents.AgentsResource(services))
    app.add_route("/api/v1/agents/{agent_id}", agents.AgentResource(services))
    app.add_route("/api/v1/agents/{agent_id}/actions", agents.AgentActionsResource(services))

    app.add_route("/api/v1/jobs", jobs.JobsResource(services))
    app.add_route("/api/v1/jobs/clear-queue", jobs.ClearQueueResource(services))
    app.add_route("/api/v1/jobs/flush-history", jobs.FlushHistoryResource(services))
    app.add_route("/api/v1/jobs/{job_id}", jobs.JobResource(services))
    app.add_route("/api/v1/jobs/{job_id}/status", jobs.JobStatusResource(services))
    app.add_route("/api/v1/jobs/{job_id}/cancel", jobs.JobCancelResource(services))
    app.add_route("/api/v1/jobs/{job_id}/rerun", jobs.JobRerunResource(services))
    app.add_route("/api/v1/jobs/{job_id}/blocked-by", jobs.JobBlockedByResource(services))
    app.add_route("/api/v1/jobs/{job_id}/log", logs.JobLogResource(services))
    app.add_route("/api/v1/jobs/{job_id}/tests", reports.JobTestsResource(services))
    app.add_route("/api/v1/jobs/{job_id}/artifacts", artifacts.JobArtifactsResource(services))
    app.add_route("/api/v1/jobs/{job_id}/artifacts/upload-zip", artifacts.JobArtifactsZipResource(services))
    app.add_route("/api/v1/jobs/{job_id}/artifacts/download-all", archive, suffix="all")
    app.add_route("/api/v1/jobs/{job_id}/artifacts/download", archive, suffix="prefix")
    app.add_route("/artifacts/{job_id}/{path:path}", artifacts.ArtifactFileResource(services))

    app.add_route("/api/v1/projects", projects.ProjectsResource(services))
    app.add_route("/api/v1/projects/import", projects.ProjectImportResource(services))
    app.add_route("/api/v1/projects/{project_id}", projects.ProjectResource(services))
    app.add_route("/api/v1/projects/{project_id}/reload", projects.ProjectReloadResource(services))
    app.add_route("/api/v1/pipelines/{pipeline_id}/run-selection", projects.PipelineRunResource(services))
    return app
