"""The pages for admins. `pages.py` has all."""

from __future__ import annotations

from cictl_server.http.routes import Page

_READS = "GET /api/v1/audit"
"""A route that wants an admin who is not bound to projects, as each of these pages does."""

ADMIN_PAGES: tuple[Page, ...] = (
    Page("/admin", "face.views.admin.server.AdminPage", reads=_READS),
    Page("/admin/update", "face.views.admin.server.UpdateApplyPage", reads=_READS, does="POST /api/v1/update/apply"),
    Page("/admin/update/check", "face.views.admin.server.UpdateCheckPage", does="POST /api/v1/update/check"),
    Page(
        "/admin/rollback",
        "face.views.admin.server.UpdateRollbackPage",
        reads=_READS,
        does="POST /api/v1/update/rollback",
    ),
    Page("/admin/restart", "face.views.admin.server.RestartPage", reads=_READS, does="POST /api/v1/server/restart"),
    Page(
        "/admin/flush-history",
        "face.views.admin.server.HistoryFlushPage",
        reads=_READS,
        does="POST /api/v1/jobs/flush-history",
    ),
    Page("/admin/tokens", "face.views.admin.tokens.TokensPage", reads=_READS),
    Page("/admin/tokens/new", "face.views.admin.tokens.TokenNewPage", reads=_READS, does="POST /api/v1/tokens"),
    Page(
        "/admin/tokens/{token_id}/revoke",
        "face.views.admin.tokens.TokenRevokePage",
        reads=_READS,
        does="DELETE /api/v1/tokens/{token_id}",
    ),
    Page(
        "/admin/tokens/{token_id}/rotate",
        "face.views.admin.tokens.TokenRotatePage",
        reads=_READS,
        does="POST /api/v1/tokens/{token_id}/rotate",
    ),
    Page(
        "/admin/enrolments",
        "face.views.admin.tokens.EnrolmentPage",
        reads=_READS,
        does="POST /api/v1/agents/enrolments",
    ),
    Page("/admin/audit", "face.views.admin.audit.AuditPage", reads=_READS),
    Page("/admin/retention", "face.views.admin.retention.RetentionPage", reads=_READS),
    Page(
        "/admin/retention/change",
        "face.views.admin.retention.RetentionChangePage",
        reads=_READS,
        does="POST /api/v1/retention",
    ),
    Page(
        "/admin/retention/run",
        "face.views.admin.retention.RetentionRunPage",
        reads=_READS,
        does="POST /api/v1/retention/run",
    ),
    Page("/admin/secrets", "face.views.admin.secrets.SecretsPage", reads=_READS),
    Page("/admin/secrets/set", "face.views.admin.secrets.SecretSetPage", reads=_READS, does="POST /api/v1/secrets"),
    Page(
        "/admin/secrets/rotate-key",
        "face.views.admin.secrets.SecretsKeyPage",
        reads=_READS,
        does="POST /api/v1/secrets/rotate-key",
    ),
    Page(
        "/admin/secrets/{secret_id}/remove",
        "face.views.admin.secrets.SecretRemovePage",
        reads=_READS,
        does="DELETE /api/v1/secrets/{secret_id}",
    ),
    Page("/admin/vault", "face.views.admin.vault.VaultPage", reads=_READS),
    Page(
        "/admin/vault/save", "face.views.admin.vault.VaultSavePage", reads=_READS, does="POST /api/v1/vault/connections"
    ),
    Page(
        "/admin/vault/{connection_id}/test",
        "face.views.admin.vault.VaultTestPage",
        reads=_READS,
        does="POST /api/v1/vault/connections/{connection_id}/test",
    ),
    Page(
        "/admin/vault/{connection_id}/remove",
        "face.views.admin.vault.VaultRemovePage",
        reads=_READS,
        does="DELETE /api/v1/vault/connections/{connection_id}",
    ),
)
