"""The pages for admins. `pages.py` has all."""

from __future__ import annotations

from cictl_server.face.views.admin import audit, retention, secrets, server, tokens, vault
from cictl_server.http.routes import Page

_READS = "GET /api/v1/audit"
"""A route that wants an admin who is not bound to projects, as each of these pages does."""

ADMIN_PAGES: tuple[Page, ...] = (
    Page("/admin", server.AdminPage, reads=_READS),
    Page("/admin/update", server.UpdateApplyPage, reads=_READS, does="POST /api/v1/update/apply"),
    Page("/admin/update/check", server.UpdateCheckPage, does="POST /api/v1/update/check"),
    Page("/admin/rollback", server.UpdateRollbackPage, reads=_READS, does="POST /api/v1/update/rollback"),
    Page("/admin/restart", server.RestartPage, reads=_READS, does="POST /api/v1/server/restart"),
    Page("/admin/flush-history", server.HistoryFlushPage, reads=_READS, does="POST /api/v1/jobs/flush-history"),
    Page("/admin/tokens", tokens.TokensPage, reads=_READS),
    Page("/admin/tokens/new", tokens.TokenNewPage, reads=_READS, does="POST /api/v1/tokens"),
    Page(
        "/admin/tokens/{token_id}/revoke",
        tokens.TokenRevokePage,
        reads=_READS,
        does="DELETE /api/v1/tokens/{token_id}",
    ),
    Page(
        "/admin/tokens/{token_id}/rotate",
        tokens.TokenRotatePage,
        reads=_READS,
        does="POST /api/v1/tokens/{token_id}/rotate",
    ),
    Page("/admin/enrolments", tokens.EnrolmentPage, reads=_READS, does="POST /api/v1/agents/enrolments"),
    Page("/admin/audit", audit.AuditPage, reads=_READS),
    Page("/admin/retention", retention.RetentionPage, reads=_READS),
    Page("/admin/retention/change", retention.RetentionChangePage, reads=_READS, does="POST /api/v1/retention"),
    Page("/admin/retention/run", retention.RetentionRunPage, reads=_READS, does="POST /api/v1/retention/run"),
    Page("/admin/secrets", secrets.SecretsPage, reads=_READS),
    Page("/admin/secrets/set", secrets.SecretSetPage, reads=_READS, does="POST /api/v1/secrets"),
    Page("/admin/secrets/rotate-key", secrets.SecretsKeyPage, reads=_READS, does="POST /api/v1/secrets/rotate-key"),
    Page(
        "/admin/secrets/{secret_id}/remove",
        secrets.SecretRemovePage,
        reads=_READS,
        does="DELETE /api/v1/secrets/{secret_id}",
    ),
    Page("/admin/vault", vault.VaultPage, reads=_READS),
    Page("/admin/vault/save", vault.VaultSavePage, reads=_READS, does="POST /api/v1/vault/connections"),
    Page(
        "/admin/vault/{connection_id}/test",
        vault.VaultTestPage,
        reads=_READS,
        does="POST /api/v1/vault/connections/{connection_id}/test",
    ),
    Page(
        "/admin/vault/{connection_id}/remove",
        vault.VaultRemovePage,
        reads=_READS,
        does="DELETE /api/v1/vault/connections/{connection_id}",
    ),
)
