"""What each changing route does, as the audit tells it. A route that is in neither of the two tables fails a test."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cictl.wire.audit.records import AuditAction, TargetKind


class Audited(msgspec.Struct, frozen=True):
    """The deed of a route. What the path names is its target.

    Attributes:
        makes: What the deed makes: the service that makes it says so (`deeds.note_made`).
        is_told_at_end: It is written down with the answer, as it takes more than one transaction.
    """

    action: AuditAction
    makes: TargetKind | None = None
    is_told_at_end: bool = False


DEEDS: Mapping[str, Audited] = {
    "POST /login": Audited(AuditAction.SESSION_BEGUN, is_told_at_end=True),
    "POST /logout": Audited(AuditAction.SESSION_ENDED, is_told_at_end=True),
    "POST /api/v1/server/restart": Audited(AuditAction.SERVER_RESTARTED),
    "POST /api/v1/tokens": Audited(AuditAction.TOKEN_CREATED, TargetKind.TOKEN),
    "DELETE /api/v1/tokens/{token_id}": Audited(AuditAction.TOKEN_REVOKED),
    "POST /api/v1/tokens/{token_id}/rotate": Audited(AuditAction.TOKEN_ROTATED),
    "POST /api/v1/update/apply": Audited(AuditAction.SERVER_UPDATED, is_told_at_end=True),
    "POST /api/v1/update/rollback": Audited(AuditAction.SERVER_ROLLED_BACK, is_told_at_end=True),
    "POST /api/v1/agents/enrolments": Audited(AuditAction.ENROLMENT_CREATED, TargetKind.TOKEN),
    "POST /api/v1/agents/enroll": Audited(AuditAction.AGENT_ENROLLED, TargetKind.TOKEN),
    "DELETE /api/v1/agents/{agent_id}": Audited(AuditAction.AGENT_REMOVED),
    "POST /api/v1/agents/{agent_id}/actions": Audited(AuditAction.AGENT_ORDERED),  # the service says which
    "POST /api/v1/jobs/clear-queue": Audited(AuditAction.QUEUE_CLEARED),
    "POST /api/v1/jobs/flush-history": Audited(AuditAction.HISTORY_FLUSHED),
    "DELETE /api/v1/jobs/{job_id}": Audited(AuditAction.JOB_DELETED),
    "POST /api/v1/jobs/{job_id}/cancel": Audited(AuditAction.JOB_CANCELLED),
    "POST /api/v1/jobs/{job_id}/rerun": Audited(AuditAction.JOB_RERUN),
    "POST /api/v1/jobs/{job_id}/priority": Audited(AuditAction.JOB_PRIORITIZED),
    "POST /api/v1/queue/pause": Audited(AuditAction.QUEUE_PAUSED),
    "POST /api/v1/queue/resume": Audited(AuditAction.QUEUE_RESUMED),
    "POST /api/v1/projects/import": Audited(AuditAction.PROJECT_IMPORTED, TargetKind.PROJECT),
    "DELETE /api/v1/projects/{project_id}": Audited(AuditAction.PROJECT_DELETED),
    "POST /api/v1/projects/{project_id}/forge": Audited(AuditAction.FORGE_SET),
    "DELETE /api/v1/projects/{project_id}/forge": Audited(AuditAction.FORGE_REMOVED),
    "POST /api/v1/projects/{project_id}/settings": Audited(AuditAction.PROJECT_CHANGED),
    "POST /api/v1/projects/{project_id}/hook/rotate": Audited(AuditAction.HOOK_ROTATED),
    "POST /api/v1/projects/{project_id}/reload": Audited(AuditAction.PROJECT_RELOADED),
    "POST /api/v1/projects/{project_id}/notifications/test": Audited(AuditAction.NOTIFICATIONS_TESTED),
    "POST /api/v1/pipelines/{pipeline_id}/run-selection": Audited(AuditAction.RUN_STARTED, TargetKind.RUN),
    "POST /api/v1/pipelines/{pipeline_id}/schedules/{number}/pause": Audited(AuditAction.SCHEDULE_PAUSED),
    "POST /api/v1/pipelines/{pipeline_id}/schedules/{number}/resume": Audited(AuditAction.SCHEDULE_RESUMED),
    "POST /api/v1/pipelines/{pipeline_id}/schedules/{number}/run": Audited(AuditAction.RUN_STARTED, TargetKind.RUN),
    "POST /api/v1/pipeline-chains/{chain_id}/run": Audited(AuditAction.RUN_STARTED, TargetKind.RUN),
    "POST /api/v1/retention": Audited(AuditAction.RETENTION_SET),
    "POST /api/v1/retention/run": Audited(AuditAction.RETENTION_RUN, is_told_at_end=True),
    "POST /api/v1/runs/{run}/approve": Audited(AuditAction.RUN_APPROVED),
    "POST /api/v1/runs/{run}/reject": Audited(AuditAction.RUN_REJECTED),
    "POST /api/v1/runs/{run}/cancel": Audited(AuditAction.RUN_CANCELLED),
    "POST /api/v1/runs/{run}/rerun": Audited(AuditAction.RUN_RERUN),
    "POST /api/v1/runs/{run}/pin": Audited(AuditAction.RUN_PINNED),
    "POST /api/v1/runs/{run}/unpin": Audited(AuditAction.RUN_UNPINNED),
    "POST /api/v1/secrets": Audited(AuditAction.SECRET_SET, TargetKind.SECRET),
    "POST /api/v1/secrets/rotate-key": Audited(AuditAction.SECRET_KEY_ROTATED),
    "DELETE /api/v1/secrets/{secret_id}": Audited(AuditAction.SECRET_REMOVED),
    "POST /api/v1/vault/connections": Audited(AuditAction.VAULT_SAVED, TargetKind.VAULT),
    "DELETE /api/v1/vault/connections/{connection_id}": Audited(AuditAction.VAULT_DELETED),
    "POST /api/v1/vault/connections/{connection_id}/test": Audited(AuditAction.VAULT_TESTED),
}

ROUTINE = frozenset(
    {
        # What agents do all the time.
        "POST /api/v1/heartbeat",
        "POST /api/v1/agent/lease",
        "POST /api/v1/jobs/{job_id}/status",
        "POST /api/v1/jobs/{job_id}/tests",
        "POST /api/v1/jobs/{job_id}/artifacts",
        "POST /api/v1/jobs/{job_id}/artifacts/upload-zip",
        # What changes nothing. The runs that a check starts are told as the server's own.
        "POST /api/v1/projects/{project_id}/check",
        "POST /api/v1/hooks/{project_id}",
        "POST /api/v1/projects/{project_id}/worktrees",
        "POST /api/v1/update/check",
        "POST /api/v1/projects/{project_id}/forge/test",
        "POST /api/v1/projects/{project_id}/inspect",
        "POST /api/v1/pipelines/{pipeline_id}/dry-run-preview",
        "POST /api/v1/pipelines/{pipeline_id}/eligible-agents",
        "POST /api/v1/pipeline-chains/{chain_id}/dry-run-preview",
        "POST /api/v1/pipeline-chains/{chain_id}/eligible-agents",
    }
)
"""Routes other than GET whose requests are not recorded, unless they are refused."""

TARGETS: Mapping[str, TargetKind] = {
    "agent_id": TargetKind.AGENT,
    "chain_id": TargetKind.CHAIN,
    "connection_id": TargetKind.VAULT,
    "job_id": TargetKind.JOB,
    "number": TargetKind.SCHEDULE,
    "pipeline_id": TargetKind.PIPELINE,
    "project_id": TargetKind.PROJECT,
    "run": TargetKind.RUN,
    "secret_id": TargetKind.SECRET,
    "token_id": TargetKind.TOKEN,
}
"""What the parts of a path name."""
