"""The WSGI application and its route table."""

from __future__ import annotations

from typing import Any

import falcon

from cictl_server.face.page import Pages
from cictl_server.face.pages import PAGES
from cictl_server.face.problems import problem_page
from cictl_server.face.views import login
from cictl_server.front import Bodies, Browsers, Callers, Existence, Guard, Marking, RouteMarks, Slashes
from cictl_server.http import errors
from cictl_server.http.access.authentication import Authentication
from cictl_server.http.access.hosts import OwnHosts
from cictl_server.http.access.masking import Masking
from cictl_server.http.access.origin import OriginRule
from cictl_server.http.auditing import Auditing
from cictl_server.http.browsers.cookies import SessionCookie
from cictl_server.http.idempotency import Idempotency
from cictl_server.http.router import Router
from cictl_server.http.routes import ARCHIVE_BODY, HOOK_BODY, LARGE_BODY, LOGIN_BODY, SCRIPT_BODY, STATUS_BODY, Route
from cictl_server.resources import (
    agents,
    badges,
    explain,
    forges,
    hooks,
    insight,
    jobs,
    notifications,
    pipelines,
    projects,
    queue,
    retention,
    runs,
    schedules,
    worktrees,
)
from cictl_server.resources.about import events, metrics, openapi, server, updates
from cictl_server.resources.access import audit, secrets, tokens, vault
from cictl_server.resources.results import artifacts, logs, reports
from cictl_server.services import Services

Application = falcon.App[Any, Any]

LEASE_PATH = "/api/v1/agent/lease"

ROUTES: tuple[Route, ...] = (
    Route("/healthz", server.HealthResource),
    Route("/readyz", server.ReadinessResource),
    Route("/metrics", metrics.MetricsResource),
    Route("/badges/{project}/{pipeline}.svg", badges.BadgeResource),
    Route("/cc.xml", badges.CcResource),
    Route("/login", login.LoginResource, body=LOGIN_BODY),
    Route("/logout", login.LogoutResource),
    Route("/api/v1/openapi.json", openapi.OpenApiResource),
    Route("/api/v1/server-info", server.ServerInfoResource),
    Route("/api/v1/runtime-state", server.RuntimeStateResource),
    Route("/api/v1/servers", server.ServersResource),
    Route("/api/v1/server/restart", updates.RestartResource),
    Route("/api/v1/whoami", tokens.WhoAmIResource),
    Route("/api/v1/audit", audit.AuditResource),
    Route("/api/v1/tokens", tokens.TokensResource),
    Route("/api/v1/tokens/{token_id}", tokens.TokenResource),
    Route("/api/v1/tokens/{token_id}/rotate", tokens.TokenRotateResource),
    Route("/api/v1/update/check", updates.UpdateCheckResource),
    Route("/api/v1/update/apply", updates.UpdateApplyResource),
    Route("/api/v1/update/rollback", updates.UpdateRollbackResource),
    Route("/api/v1/update/tags", updates.UpdateTagsResource),
    Route("/api/v1/update/status", updates.UpdateStatusResource),
    Route("/api/v1/events", events.EventsResource),
    Route("/api/v1/heartbeat", agents.HeartbeatResource),
    Route(LEASE_PATH, agents.LeaseResource),
    Route("/api/v1/agents", agents.AgentsResource),
    Route("/api/v1/agents/enrolments", tokens.EnrolmentsResource),
    Route("/api/v1/agents/enroll", tokens.EnrollResource),
    Route("/api/v1/agents/{agent_id}", agents.AgentResource),
    Route("/api/v1/agents/{agent_id}/actions", agents.AgentActionsResource, body=SCRIPT_BODY),
    Route("/api/v1/jobs", jobs.JobsResource),
    Route("/api/v1/jobs/clear-queue", jobs.ClearQueueResource),
    Route("/api/v1/jobs/flush-history", jobs.FlushHistoryResource),
    Route("/api/v1/jobs/{job_id}", jobs.JobResource),
    Route("/api/v1/jobs/{job_id}/status", jobs.JobStatusResource, body=STATUS_BODY),
    Route("/api/v1/jobs/{job_id}/cancel", jobs.JobCancelResource),
    Route("/api/v1/jobs/{job_id}/rerun", jobs.JobRerunResource),
    Route("/api/v1/jobs/{job_id}/priority", jobs.JobPriorityResource),
    Route("/api/v1/jobs/{job_id}/blocked-by", jobs.JobBlockedByResource),
    Route("/api/v1/jobs/{job_id}/explain", explain.JobExplainResource),
    Route("/api/v1/jobs/{job_id}/log", logs.JobLogResource),
    Route("/api/v1/jobs/{job_id}/log/lines", logs.JobLogLinesResource),
    Route("/api/v1/jobs/{job_id}/log/search", logs.JobLogSearchResource),
    Route("/api/v1/jobs/{job_id}/steps", logs.JobStepsResource),
    Route("/api/v1/jobs/{job_id}/tests", reports.JobTestsResource, body=LARGE_BODY),
    Route("/api/v1/jobs/{job_id}/artifacts", artifacts.JobArtifactsResource, body=LARGE_BODY),
    Route("/api/v1/jobs/{job_id}/artifacts/upload-zip", artifacts.JobArtifactsZipResource, body=ARCHIVE_BODY),
    Route("/api/v1/jobs/{job_id}/artifacts/download-all", artifacts.JobArtifactsArchiveResource, "all"),
    Route("/api/v1/jobs/{job_id}/artifacts/download", artifacts.JobArtifactsArchiveResource, "prefix"),
    Route("/artifacts/{job_id}/{path:path}", artifacts.ArtifactFileResource),
    Route("/api/v1/jobs/{job_id}/worktree", worktrees.JobWorktreeResource),
    Route("/api/v1/projects/{project_id}/worktrees", worktrees.ProjectWorktreesResource, body=ARCHIVE_BODY),
    Route("/api/v1/queue", queue.QueueResource),
    Route("/api/v1/queue/pause", queue.QueuePauseResource),
    Route("/api/v1/queue/resume", queue.QueueResumeResource),
    Route("/api/v1/projects", projects.ProjectsResource),
    Route("/api/v1/projects/import", projects.ProjectImportResource),
    Route("/api/v1/projects/{project_id}", projects.ProjectResource),
    Route("/api/v1/projects/{project_id}/forge", forges.ForgeResource),
    Route("/api/v1/projects/{project_id}/forge/test", forges.ForgeTestResource),
    Route("/api/v1/projects/{project_id}/icon", projects.ProjectIconResource),
    Route("/api/v1/projects/{project_id}/inspect", projects.ProjectInspectResource),
    Route("/api/v1/projects/{project_id}/settings", projects.ProjectSettingsResource),
    Route("/api/v1/projects/{project_id}/reload", projects.ProjectReloadResource),
    Route("/api/v1/projects/{project_id}/hook", hooks.ProjectHookResource),
    Route("/api/v1/projects/{project_id}/hook/rotate", hooks.ProjectHookRotateResource),
    Route("/api/v1/hooks/{project_id}", hooks.HookResource, body=HOOK_BODY),
    Route("/api/v1/projects/{project_id}/check", projects.ProjectCheckResource),
    Route("/api/v1/projects/{project_id}/notifications/test", notifications.NotificationTestResource),
    Route("/api/v1/pipelines/{pipeline_id}/run-selection", pipelines.PipelineRunResource),
    Route("/api/v1/pipelines/{pipeline_id}/dry-run-preview", pipelines.PreviewResource, "pipeline"),
    Route("/api/v1/pipelines/{pipeline_id}/eligible-agents", pipelines.EligibleAgentsResource, "pipeline"),
    Route("/api/v1/pipelines/{pipeline_id}/source-refs", pipelines.SourceRefsResource, "pipeline"),
    Route("/api/v1/pipelines/{pipeline_id}/version-resolve", pipelines.VersionResolveResource),
    Route("/api/v1/pipelines/{pipeline_id}/schedules/{number}/pause", schedules.SchedulePauseResource),
    Route("/api/v1/pipelines/{pipeline_id}/schedules/{number}/resume", schedules.ScheduleResumeResource),
    Route("/api/v1/pipelines/{pipeline_id}/schedules/{number}/run", schedules.ScheduleRunResource),
    Route("/api/v1/schedules", schedules.SchedulesResource),
    Route("/api/v1/pipeline-chains/{chain_id}/run", pipelines.ChainRunResource),
    Route("/api/v1/pipeline-chains/{chain_id}/dry-run-preview", pipelines.PreviewResource, "chain"),
    Route("/api/v1/pipeline-chains/{chain_id}/eligible-agents", pipelines.EligibleAgentsResource, "chain"),
    Route("/api/v1/pipeline-chains/{chain_id}/source-refs", pipelines.SourceRefsResource, "chain"),
    Route("/api/v1/retention", retention.RetentionResource),
    Route("/api/v1/retention/preview", retention.RetentionPreviewResource),
    Route("/api/v1/retention/run", retention.RetentionRunResource),
    Route("/api/v1/runs", runs.RunsResource),
    Route("/api/v1/runs/{run}", runs.RunResource),
    Route("/api/v1/runs/{run}/summary", runs.RunSummaryResource),
    Route("/api/v1/runs/{run}/approve", runs.RunApprovalResource, "approve"),
    Route("/api/v1/runs/{run}/reject", runs.RunApprovalResource, "reject"),
    Route("/api/v1/runs/{run}/cancel", runs.RunCancelResource),
    Route("/api/v1/runs/{run}/rerun", runs.RunRerunResource),
    Route("/api/v1/runs/{run}/pin", retention.RunPinResource, "pin"),
    Route("/api/v1/runs/{run}/unpin", retention.RunPinResource, "unpin"),
    Route("/api/v1/notifications", notifications.NotificationsResource),
    Route("/api/v1/tests", reports.TestsResource),
    Route("/api/v1/insight", insight.InsightResource),
    Route("/api/v1/secrets", secrets.SecretsResource),
    Route("/api/v1/secrets/rotate-key", secrets.SecretsKeyResource),
    Route("/api/v1/secrets/{secret_id}", secrets.SecretResource),
    Route("/api/v1/vault/connections", vault.VaultConnectionsResource),
    Route("/api/v1/vault/connections/{connection_id}", vault.VaultConnectionResource),
    Route("/api/v1/vault/connections/{connection_id}/test", vault.VaultTestResource),
)

"""The API."""

SERVED: tuple[Route, ...] = (*ROUTES, *PAGES)
"""All that is answered."""


def create_app(
    services: Services,
    *,
    router: Router | None = None,
    origin_rule: OriginRule | None = None,
    cookie: SessionCookie | None = None,
) -> Application:
    """Return the WSGI application that serves *services*.

    Args:
        router: An empty one, which gets the routes.
        origin_rule: Who may send requests; by default, who asks on this machine for a loopback name.
        cookie: How browsers that are logged in are told; by default, as a server without a public URL does.
    """
    router = router or Router()
    marks = RouteMarks(router)
    app: Application = falcon.App(
        router=router,
        middleware=[
            Marking(services),
            Browsers(PAGES, show_problem=problem_page(Pages(services))),
            metrics.Measuring(services),
            Callers(),
            Guard(origin_rule or OriginRule(OwnHosts()), marks),
            Bodies(services, SERVED),
            Slashes(),
            Authentication(services.access, cookie or SessionCookie()),
            Masking(services.secrets.masks),
            Idempotency(services.core.idempotency, takes_key=marks.takes_key),
            Auditing(services.audit),
            Existence(services),
        ],
    )
    errors.install(app, on_full=services.core.disk.note_full)
    app.req_options.keep_blank_qs_values = True
    for route in SERVED:
        made = route.resource(ROUTES if route.resource is openapi.OpenApiResource else services)
        app.add_route(route.path, made, suffix=route.suffix or None)
    return app
