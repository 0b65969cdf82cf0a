"""The WSGI application and its route table."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import falcon

from cictl.wire.problems import Problem
from cictl_server.face.pages import PAGES
from cictl_server.front import Bodies, Browsers, Callers, Existence, Guard, Marking, RouteMarks, Slashes
from cictl_server.http import errors
from cictl_server.http.access.authentication import Authentication
from cictl_server.http.access.hosts import OwnHosts
from cictl_server.http.access.masking import Masking
from cictl_server.http.access.origin import OriginRule
from cictl_server.http.auditing import Auditing
from cictl_server.http.browsers.accepting import ShowProblem, wants_page
from cictl_server.http.browsers.cookies import SessionCookie
from cictl_server.http.idempotency import Idempotency
from cictl_server.http.router import Router
from cictl_server.http.routes import ARCHIVE_BODY, HOOK_BODY, LARGE_BODY, LOGIN_BODY, SCRIPT_BODY, STATUS_BODY, Route
from cictl_server.resources.about.metrics import Measuring
from cictl_server.services import Services

Application = falcon.App[Any, Any]

LEASE_PATH = "/api/v1/agent/lease"
OPENAPI_PATH = "/api/v1/openapi.json"

ROUTES: tuple[Route, ...] = (
    Route("/healthz", "resources.about.server.HealthResource"),
    Route("/readyz", "resources.about.server.ReadinessResource"),
    Route("/metrics", "resources.about.metrics.MetricsResource"),
    Route("/badges/{project}/{pipeline}.svg", "resources.badges.BadgeResource"),
    Route("/cc.xml", "resources.badges.CcResource"),
    Route("/login", "face.views.login.LoginResource", body=LOGIN_BODY),
    Route("/logout", "face.views.login.LogoutResource"),
    Route(OPENAPI_PATH, "resources.about.openapi.OpenApiResource"),
    Route("/api/v1/server-info", "resources.about.server.ServerInfoResource"),
    Route("/api/v1/runtime-state", "resources.about.server.RuntimeStateResource"),
    Route("/api/v1/servers", "resources.about.server.ServersResource"),
    Route("/api/v1/server/restart", "resources.about.updates.RestartResource"),
    Route("/api/v1/whoami", "resources.access.tokens.WhoAmIResource"),
    Route("/api/v1/audit", "resources.access.audit.AuditResource"),
    Route("/api/v1/tokens", "resources.access.tokens.TokensResource"),
    Route("/api/v1/tokens/{token_id}", "resources.access.tokens.TokenResource"),
    Route("/api/v1/tokens/{token_id}/rotate", "resources.access.tokens.TokenRotateResource"),
    Route("/api/v1/update/check", "resources.about.updates.UpdateCheckResource"),
    Route("/api/v1/update/apply", "resources.about.updates.UpdateApplyResource"),
    Route("/api/v1/update/rollback", "resources.about.updates.UpdateRollbackResource"),
    Route("/api/v1/update/tags", "resources.about.updates.UpdateTagsResource"),
    Route("/api/v1/update/status", "resources.about.updates.UpdateStatusResource"),
    Route("/api/v1/events", "resources.about.events.EventsResource"),
    Route("/api/v1/heartbeat", "resources.agents.HeartbeatResource"),
    Route(LEASE_PATH, "resources.agents.LeaseResource"),
    Route("/api/v1/agents", "resources.agents.AgentsResource"),
    Route("/api/v1/agents/enrolments", "resources.access.tokens.EnrolmentsResource"),
    Route("/api/v1/agents/enroll", "resources.access.tokens.EnrollResource"),
    Route("/api/v1/agents/{agent_id}", "resources.agents.AgentResource"),
    Route("/api/v1/agents/{agent_id}/actions", "resources.agents.AgentActionsResource", body=SCRIPT_BODY),
    Route("/api/v1/jobs", "resources.jobs.JobsResource"),
    Route("/api/v1/jobs/clear-queue", "resources.jobs.ClearQueueResource"),
    Route("/api/v1/jobs/flush-history", "resources.jobs.FlushHistoryResource"),
    Route("/api/v1/jobs/{job_id}", "resources.jobs.JobResource"),
    Route("/api/v1/jobs/{job_id}/status", "resources.jobs.JobStatusResource", body=STATUS_BODY),
    Route("/api/v1/jobs/{job_id}/cancel", "resources.jobs.JobCancelResource"),
    Route("/api/v1/jobs/{job_id}/rerun", "resources.jobs.JobRerunResource"),
    Route("/api/v1/jobs/{job_id}/priority", "resources.jobs.JobPriorityResource"),
    Route("/api/v1/jobs/{job_id}/blocked-by", "resources.jobs.JobBlockedByResource"),
    Route("/api/v1/jobs/{job_id}/explain", "resources.explain.JobExplainResource"),
    Route("/api/v1/jobs/{job_id}/log", "resources.results.logs.JobLogResource"),
    Route("/api/v1/jobs/{job_id}/log/lines", "resources.results.logs.JobLogLinesResource"),
    Route("/api/v1/jobs/{job_id}/log/search", "resources.results.logs.JobLogSearchResource"),
    Route("/api/v1/jobs/{job_id}/steps", "resources.results.logs.JobStepsResource"),
    Route("/api/v1/jobs/{job_id}/tests", "resources.results.reports.JobTestsResource", body=LARGE_BODY),
    Route("/api/v1/jobs/{job_id}/artifacts", "resources.results.artifacts.JobArtifactsResource", body=LARGE_BODY),
    Route(
        "/api/v1/jobs/{job_id}/artifacts/upload-zip",
        "resources.results.artifacts.JobArtifactsZipResource",
        body=ARCHIVE_BODY,
    ),
    Route(
        "/api/v1/jobs/{job_id}/artifacts/download-all", "resources.results.artifacts.JobArtifactsArchiveResource", "all"
    ),
    Route(
        "/api/v1/jobs/{job_id}/artifacts/download", "resources.results.artifacts.JobArtifactsArchiveResource", "prefix"
    ),
    Route("/artifacts/{job_id}/{path:path}", "resources.results.artifacts.ArtifactFileResource"),
    Route("/api/v1/jobs/{job_id}/worktree", "resources.worktrees.JobWorktreeResource"),
    Route("/api/v1/projects/{project_id}/worktrees", "resources.worktrees.ProjectWorktreesResource", body=ARCHIVE_BODY),
    Route("/api/v1/queue", "resources.queue.QueueResource"),
    Route("/api/v1/queue/pause", "resources.queue.QueuePauseResource"),
    Route("/api/v1/queue/resume", "resources.queue.QueueResumeResource"),
    Route("/api/v1/projects", "resources.projects.ProjectsResource"),
    Route("/api/v1/projects/import", "resources.projects.ProjectImportResource"),
    Route("/api/v1/projects/{project_id}", "resources.projects.ProjectResource"),
    Route("/api/v1/projects/{project_id}/forge", "resources.forges.ForgeResource"),
    Route("/api/v1/projects/{project_id}/forge/test", "resources.forges.ForgeTestResource"),
    Route("/api/v1/projects/{project_id}/icon", "resources.projects.ProjectIconResource"),
    Route("/api/v1/projects/{project_id}/inspect", "resources.projects.ProjectInspectResource"),
    Route("/api/v1/projects/{project_id}/settings", "resources.projects.ProjectSettingsResource"),
    Route("/api/v1/projects/{project_id}/reload", "resources.projects.ProjectReloadResource"),
    Route("/api/v1/projects/{project_id}/hook", "resources.hooks.ProjectHookResource"),
    Route("/api/v1/projects/{project_id}/hook/rotate", "resources.hooks.ProjectHookRotateResource"),
    Route("/api/v1/hooks/{project_id}", "resources.hooks.HookResource", body=HOOK_BODY),
    Route("/api/v1/projects/{project_id}/check", "resources.projects.ProjectCheckResource"),
    Route("/api/v1/projects/{project_id}/notifications/test", "resources.notifications.NotificationTestResource"),
    Route("/api/v1/pipelines/{pipeline_id}/run-selection", "resources.pipelines.PipelineRunResource"),
    Route("/api/v1/pipelines/{pipeline_id}/dry-run-preview", "resources.pipelines.PreviewResource", "pipeline"),
    Route("/api/v1/pipelines/{pipeline_id}/eligible-agents", "resources.pipelines.EligibleAgentsResource", "pipeline"),
    Route("/api/v1/pipelines/{pipeline_id}/source-refs", "resources.pipelines.SourceRefsResource", "pipeline"),
    Route("/api/v1/pipelines/{pipeline_id}/version-resolve", "resources.pipelines.VersionResolveResource"),
    Route("/api/v1/pipelines/{pipeline_id}/schedules/{number}/pause", "resources.schedules.SchedulePauseResource"),
    Route("/api/v1/pipelines/{pipeline_id}/schedules/{number}/resume", "resources.schedules.ScheduleResumeResource"),
    Route("/api/v1/pipelines/{pipeline_id}/schedules/{number}/run", "resources.schedules.ScheduleRunResource"),
    Route("/api/v1/schedules", "resources.schedules.SchedulesResource"),
    Route("/api/v1/pipeline-chains/{chain_id}/run", "resources.pipelines.ChainRunResource"),
    Route("/api/v1/pipeline-chains/{chain_id}/dry-run-preview", "resources.pipelines.PreviewResource", "chain"),
    Route("/api/v1/pipeline-chains/{chain_id}/eligible-agents", "resources.pipelines.EligibleAgentsResource", "chain"),
    Route("/api/v1/pipeline-chains/{chain_id}/source-refs", "resources.pipelines.SourceRefsResource", "chain"),
    Route("/api/v1/retention", "resources.retention.RetentionResource"),
    Route("/api/v1/retention/preview", "resources.retention.RetentionPreviewResource"),
    Route("/api/v1/retention/run", "resources.retention.RetentionRunResource"),
    Route("/api/v1/runs", "resources.runs.RunsResource"),
    Route("/api/v1/runs/{run}", "resources.runs.RunResource"),
    Route("/api/v1/runs/{run}/summary", "resources.runs.RunSummaryResource"),
    Route("/api/v1/runs/{run}/approve", "resources.runs.RunApprovalResource", "approve"),
    Route("/api/v1/runs/{run}/reject", "resources.runs.RunApprovalResource", "reject"),
    Route("/api/v1/runs/{run}/cancel", "resources.runs.RunCancelResource"),
    Route("/api/v1/runs/{run}/rerun", "resources.runs.RunRerunResource"),
    Route("/api/v1/runs/{run}/pin", "resources.retention.RunPinResource", "pin"),
    Route("/api/v1/runs/{run}/unpin", "resources.retention.RunPinResource", "unpin"),
    Route("/api/v1/notifications", "resources.notifications.NotificationsResource"),
    Route("/api/v1/tests", "resources.results.reports.TestsResource"),
    Route("/api/v1/insight", "resources.insight.InsightResource"),
    Route("/api/v1/secrets", "resources.access.secrets.SecretsResource"),
    Route("/api/v1/secrets/rotate-key", "resources.access.secrets.SecretsKeyResource"),
    Route("/api/v1/secrets/{secret_id}", "resources.access.secrets.SecretResource"),
    Route("/api/v1/vault/connections", "resources.access.vault.VaultConnectionsResource"),
    Route("/api/v1/vault/connections/{connection_id}", "resources.access.vault.VaultConnectionResource"),
    Route("/api/v1/vault/connections/{connection_id}/test", "resources.access.vault.VaultTestResource"),
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
            Browsers(PAGES, show_problem=_problem_page(services)),
            Measuring(services),
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
        router.add_later(route.path, partial(_resource, route, services), suffix=route.suffix or None)
    return app


def _resource(route: Route, services: Services) -> object:
    return route.resource(ROUTES if route.path == OPENAPI_PATH else services)


def _problem_page(services: Services) -> ShowProblem:
    """Return what shows problems as pages. The room of pages is loaded with the first of them."""

    @cache
    def show_page() -> ShowProblem:
        from cictl_server.face.page import Pages
        from cictl_server.face.problems import problem_page

        return problem_page(Pages(services))

    def show(req: falcon.Request, resp: falcon.Response, problem: Problem) -> bool:
        return wants_page(req) and show_page()(req, resp, problem)

    return show
