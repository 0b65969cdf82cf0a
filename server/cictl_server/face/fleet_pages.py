"""The pages about what waits, who works and what is defined: the queue, agents, projects, insight. `pages.py` has all."""

from __future__ import annotations

from cictl_server.http.routes import SCRIPT_BODY, Page

_JOBS = "GET /api/v1/jobs"
_AGENT = "GET /api/v1/agents/{agent_id}"
_ORDER = "POST /api/v1/agents/{agent_id}/actions"
_PROJECT = "GET /api/v1/projects/{project_id}"
_OF_PIPELINE = "GET /api/v1/pipelines/{pipeline_id}/source-refs"
_OF_CHAIN = "GET /api/v1/pipeline-chains/{chain_id}/source-refs"
_SCHEDULE = "POST /api/v1/pipelines/{pipeline_id}/schedules/{number}"

FLEET_PAGES: tuple[Page, ...] = (
    Page("/queue", "face.views.queue.QueuePage", reads=_JOBS),
    Page("/queue/pause", "face.views.queue.QueuePausePage", reads=_JOBS, does="POST /api/v1/queue/pause"),
    Page("/queue/resume", "face.views.queue.QueueResumePage", does="POST /api/v1/queue/resume"),
    Page("/queue/clear", "face.views.queue.QueueClearPage", reads=_JOBS, does="POST /api/v1/jobs/clear-queue"),
    Page("/jobs/{job_id}/priority", "face.views.queue.JobPriorityPage", does="POST /api/v1/jobs/{job_id}/priority"),
    Page("/agents", "face.views.agents.AgentsPage", reads="GET /api/v1/agents"),
    Page("/agents/{agent_id}", "face.views.agents.AgentPage", reads=_AGENT),
    Page(
        "/agents/{agent_id}/exec",
        "face.views.agent_orders.AgentScriptPage",
        reads=_AGENT,
        does=_ORDER,
        body=SCRIPT_BODY,
    ),
    Page(
        "/agents/{agent_id}/remove",
        "face.views.agent_orders.AgentRemovalPage",
        reads=_AGENT,
        does="DELETE /api/v1/agents/{agent_id}",
    ),
    Page("/agents/{agent_id}/{order}", "face.views.agent_orders.AgentOrderPage", reads=_AGENT, does=_ORDER),
    Page(
        "/projects/import",
        "face.views.project.ProjectImportPage",
        reads="GET /api/v1/projects",
        does="POST /api/v1/projects/import",
    ),
    Page("/projects/{project_id}", "face.views.project.ProjectPage", reads=_PROJECT),
    Page(
        "/projects/{project_id}/reload",
        "face.views.project.ProjectReloadPage",
        does="POST /api/v1/projects/{project_id}/reload",
    ),
    Page(
        "/projects/{project_id}/check",
        "face.views.project.ProjectCheckPage",
        does="POST /api/v1/projects/{project_id}/check",
    ),
    Page(
        "/projects/{project_id}/settings",
        "face.views.project.ProjectSettingsPage",
        does="POST /api/v1/projects/{project_id}/settings",
    ),
    Page(
        "/projects/{project_id}/delete",
        "face.views.project.ProjectDeletePage",
        reads=_PROJECT,
        does="DELETE /api/v1/projects/{project_id}",
    ),
    Page(
        "/projects/{project_id}/hook",
        "face.views.project.ProjectHookPage",
        reads=_PROJECT,
        does="POST /api/v1/projects/{project_id}/hook/rotate",
    ),
    Page(
        "/pipelines/{pipeline_id}/run",
        "face.views.starting.PipelineRunPage",
        reads=_OF_PIPELINE,
        does="POST /api/v1/pipelines/{pipeline_id}/run-selection",
    ),
    Page(
        "/pipelines/{pipeline_id}/preview",
        "face.views.starting.PipelinePreviewPage",
        does="POST /api/v1/pipelines/{pipeline_id}/dry-run-preview",
    ),
    Page("/pipelines/{pipeline_id}/definition", "face.views.starting.PipelineDefinitionPage", reads=_OF_PIPELINE),
    Page(
        "/pipelines/{pipeline_id}/schedules/{number}/pause",
        "face.views.schedules.SchedulePausePage",
        reads=_OF_PIPELINE,
        does=f"{_SCHEDULE}/pause",
    ),
    Page(
        "/pipelines/{pipeline_id}/schedules/{number}/resume",
        "face.views.schedules.ScheduleResumePage",
        does=f"{_SCHEDULE}/resume",
    ),
    Page(
        "/pipelines/{pipeline_id}/schedules/{number}/run",
        "face.views.schedules.ScheduleRunPage",
        does=f"{_SCHEDULE}/run",
    ),
    Page(
        "/chains/{chain_id}/run",
        "face.views.starting.ChainRunPage",
        reads=_OF_CHAIN,
        does="POST /api/v1/pipeline-chains/{chain_id}/run",
    ),
    Page(
        "/chains/{chain_id}/preview",
        "face.views.starting.ChainPreviewPage",
        does="POST /api/v1/pipeline-chains/{chain_id}/dry-run-preview",
    ),
    Page("/insight", "face.views.insight.InsightPage", reads="GET /api/v1/insight"),
)
