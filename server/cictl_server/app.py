"""The WSGI application and its route table."""

from __future__ import annotations

from typing import Any

import falcon
from falcon.routing import CompiledRouter

from cictl_server.front import Callers, Existence, Guard, Marking, RouteMarks, Slashes
from cictl_server.http import errors
from cictl_server.http.hosts import OwnHosts
from cictl_server.http.idempotency import Idempotency
from cictl_server.http.masking import Masking
from cictl_server.http.origin import OriginRule
from cictl_server.resources import (
    agents,
    artifacts,
    events,
    explain,
    jobs,
    logs,
    metrics,
    openapi,
    pipelines,
    projects,
    reports,
    retention,
    secrets,
    server,
    updates,
    vault,
)
from cictl_server.services import Services

Application = falcon.App[Any, Any]

ROUTES: tuple[tuple[str, type[Any], str], ...] = (
    ("/healthz", server.HealthResource, ""),
    ("/readyz", server.ReadinessResource, ""),
    ("/metrics", metrics.MetricsResource, ""),
    ("/api/v1/openapi.json", openapi.OpenApiResource, ""),
    ("/api/v1/server-info", server.ServerInfoResource, ""),
    ("/api/v1/runtime-state", server.RuntimeStateResource, ""),
    ("/api/v1/server/restart", updates.RestartResource, ""),
    ("/api/v1/update/check", updates.UpdateCheckResource, ""),
    ("/api/v1/update/apply", updates.UpdateApplyResource, ""),
    ("/api/v1/update/rollback", updates.UpdateRollbackResource, ""),
    ("/api/v1/update/tags", updates.UpdateTagsResource, ""),
    ("/api/v1/update/status", updates.UpdateStatusResource, ""),
    ("/api/v1/events", events.EventsResource, ""),
    ("/api/v1/heartbeat", agents.HeartbeatResource, ""),
    ("/api/v1/agent/lease", agents.LeaseResource, ""),
    ("/api/v1/agents", agents.AgentsResource, ""),
    ("/api/v1/agents/{agent_id}", agents.AgentResource, ""),
    ("/api/v1/agents/{agent_id}/actions", agents.AgentActionsResource, ""),
    ("/api/v1/jobs", jobs.JobsResource, ""),
    ("/api/v1/jobs/clear-queue", jobs.ClearQueueResource, ""),
    ("/api/v1/jobs/flush-history", jobs.FlushHistoryResource, ""),
    ("/api/v1/jobs/{job_id}", jobs.JobResource, ""),
    ("/api/v1/jobs/{job_id}/status", jobs.JobStatusResource, ""),
    ("/api/v1/jobs/{job_id}/cancel", jobs.JobCancelResource, ""),
    ("/api/v1/jobs/{job_id}/rerun", jobs.JobRerunResource, ""),
    ("/api/v1/jobs/{job_id}/blocked-by", jobs.JobBlockedByResource, ""),
    ("/api/v1/jobs/{job_id}/explain", explain.JobExplainResource, ""),
    ("/api/v1/jobs/{job_id}/log", logs.JobLogResource, ""),
    ("/api/v1/jobs/{job_id}/steps", logs.JobStepsResource, ""),
    ("/api/v1/jobs/{job_id}/tests", reports.JobTestsResource, ""),
    ("/api/v1/jobs/{job_id}/artifacts", artifacts.JobArtifactsResource, ""),
    ("/api/v1/jobs/{job_id}/artifacts/upload-zip", artifacts.JobArtifactsZipResource, ""),
    ("/api/v1/jobs/{job_id}/artifacts/download-all", artifacts.JobArtifactsArchiveResource, "all"),
    ("/api/v1/jobs/{job_id}/artifacts/download", artifacts.JobArtifactsArchiveResource, "prefix"),
    ("/artifacts/{job_id}/{path:path}", artifacts.ArtifactFileResource, ""),
    ("/api/v1/projects", projects.ProjectsResource, ""),
    ("/api/v1/projects/import", projects.ProjectImportResource, ""),
    ("/api/v1/projects/{project_id}", projects.ProjectResource, ""),
    ("/api/v1/projects/{project_id}/icon", projects.ProjectIconResource, ""),
    ("/api/v1/projects/{project_id}/inspect", projects.ProjectInspectResource, ""),
    ("/api/v1/projects/{project_id}/reload", projects.ProjectReloadResource, ""),
    ("/api/v1/pipelines/{pipeline_id}/run-selection", pipelines.PipelineRunResource, ""),
    ("/api/v1/pipelines/{pipeline_id}/dry-run-preview", pipelines.PreviewResource, "pipeline"),
    ("/api/v1/pipelines/{pipeline_id}/eligible-agents", pipelines.EligibleAgentsResource, "pipeline"),
    ("/api/v1/pipelines/{pipeline_id}/source-refs", pipelines.SourceRefsResource, "pipeline"),
    ("/api/v1/pipelines/{pipeline_id}/version-resolve", pipelines.VersionResolveResource, ""),
    ("/api/v1/pipeline-chains/{chain_id}/run", pipelines.ChainRunResource, ""),
    ("/api/v1/pipeline-chains/{chain_id}/dry-run-preview", pipelines.PreviewResource, "chain"),
    ("/api/v1/pipeline-chains/{chain_id}/eligible-agents", pipelines.EligibleAgentsResource, "chain"),
    ("/api/v1/pipeline-chains/{chain_id}/source-refs", pipelines.SourceRefsResource, "chain"),
    ("/api/v1/retention", retention.RetentionResource, ""),
    ("/api/v1/retention/preview", retention.RetentionPreviewResource, ""),
    ("/api/v1/retention/run", retention.RetentionRunResource, ""),
    ("/api/v1/runs/{run}/pin", retention.RunPinResource, "pin"),
    ("/api/v1/runs/{run}/unpin", retention.RunPinResource, "unpin"),
    ("/api/v1/secrets", secrets.SecretsResource, ""),
    ("/api/v1/secrets/rotate-key", secrets.SecretsKeyResource, ""),
    ("/api/v1/secrets/{secret_id}", secrets.SecretResource, ""),
    ("/api/v1/vault/connections", vault.VaultConnectionsResource, ""),
    ("/api/v1/vault/connections/{connection_id}", vault.VaultConnectionResource, ""),
    ("/api/v1/vault/connections/{connection_id}/test", vault.VaultTestResource, ""),
)
"""Path, resource, and the suffix of the responders' names if one resource serves several paths."""


def create_app(services: Services, *, origin_rule: OriginRule | None = None) -> Application:
    """Return the WSGI application that serves *services*.

    Args:
        origin_rule: Who may send requests; by default, who asks on this machine for a loopback name.
    """
    router = CompiledRouter()
    marks = RouteMarks(router)
    app: Application = falcon.App(
        router=router,
        middleware=[
            Marking(services),
            metrics.Measuring(services),
            Callers(),
            Guard(origin_rule or OriginRule(OwnHosts()), marks),
            Slashes(),
            Masking(services.secrets.masks),
            Idempotency(services.core.idempotency, takes_key=marks.takes_key),
            Existence(services),
        ],
    )
    errors.install(app, on_full=services.core.disk.note_full)
    app.req_options.keep_blank_qs_values = True
    for path, resource, suffix in ROUTES:
        made = resource(ROUTES if resource is openapi.OpenApiResource else services)
        app.add_route(path, made, suffix=suffix or None)
    return app
