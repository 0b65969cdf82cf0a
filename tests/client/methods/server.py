"""Calls about the server: its state, updates, retention, secrets, tokens and the vault."""

from __future__ import annotations

from cictl_testing.servers.samples import (
    CHECKED,
    GOING,
    HEALTH,
    INFO,
    KEPT,
    ME,
    NEW_TOKEN,
    REMOVED,
    RESTARTING,
    ROTATED,
    RUNTIME,
    SECRET,
    SERVERS,
    TAGS,
    TESTED,
    TOKEN,
    UNSET,
    UPDATED,
    VAULT,
)

from cictl.wire.admin.access import (
    EnrolmentRequest,
    TokenList,
    TokenRequest,
)
from cictl.wire.admin.retention import RetentionChange
from cictl.wire.admin.secrets import SecretList, SecretRequest, SecretResponse
from cictl.wire.admin.updates import (
    ServerUpdates,
    UpdateRequest,
    UpdateStatus,
)
from cictl.wire.admin.vault import (
    VaultConnectionList,
    VaultConnectionRequest,
    VaultConnectionResponse,
    VaultTestRequest,
)
from cictl_client import Client
from tests.client.methods.case import case

CASES = [
    case("health", "GET /healthz", HEALTH, Client.health, HEALTH),
    case("server_info", "GET /api/v1/server-info", INFO, Client.server_info, INFO),
    case("servers", "GET /api/v1/servers", SERVERS, Client.servers, SERVERS),
    case("runtime_state", "GET /api/v1/runtime-state", RUNTIME, Client.runtime_state, RUNTIME),
    case(
        "restart_server",
        "POST /api/v1/server/restart",
        RESTARTING,
        Client.restart_server,
        RESTARTING,
        b"{}",
    ),
    case("check_for_update", "POST /api/v1/update/check", CHECKED, Client.check_for_update, CHECKED, b"{}"),
    case(
        "apply_update",
        "POST /api/v1/update/apply",
        UPDATED,
        lambda c: c.apply_update("v2"),
        UPDATED,
        UpdateRequest(target_version="v2"),
    ),
    case(
        "rollback_update",
        "POST /api/v1/update/rollback",
        UPDATED,
        lambda c: c.rollback_update("v1"),
        UPDATED,
        UpdateRequest(target_version="v1"),
    ),
    case("list_update_tags", "GET /api/v1/update/tags", TAGS, Client.list_update_tags, TAGS),
    case(
        "get_update_status",
        "GET /api/v1/update/status",
        UpdateStatus(status={"update_phase": "idle"}),
        Client.get_update_status,
        {"update_phase": "idle"},
    ),
    case(
        "get_server_updates",
        "GET /api/v1/update/status",
        UpdateStatus(status={}, servers=[ServerUpdates(instance_id="i", name="n", status={"update_phase": "idle"})]),
        Client.get_server_updates,
        UpdateStatus(status={}, servers=[ServerUpdates(instance_id="i", name="n", status={"update_phase": "idle"})]),
    ),
    case("retention", "GET /api/v1/retention", KEPT, Client.retention, KEPT),
    case(
        "change_retention",
        "POST /api/v1/retention",
        KEPT,
        lambda c: c.change_retention(RetentionChange(project="shop", log_days=3)),
        KEPT,
        b'{"project":"shop","log_days":3}\n',
    ),
    case("preview_retention", "GET /api/v1/retention/preview", GOING, Client.preview_retention, GOING),
    case("run_retention", "POST /api/v1/retention/run", GOING, Client.run_retention, GOING, b"{}"),
    case("list_secrets", "GET /api/v1/secrets", SecretList(secrets=[SECRET]), Client.list_secrets, [SECRET]),
    case(
        "set_secret",
        "POST /api/v1/secrets",
        SecretResponse(secret=SECRET),
        lambda c: c.set_secret(SecretRequest(name="deploy", value="x")),
        SECRET,
        b'{"name":"deploy","value":"x"}\n',
    ),
    case("delete_secret", "DELETE /api/v1/secrets/3", UNSET, lambda c: c.delete_secret(3), UNSET),
    case("rotate_secrets_key", "POST /api/v1/secrets/rotate-key", ROTATED, Client.rotate_secrets_key, ROTATED, b"{}"),
    case("whoami", "GET /api/v1/whoami", ME, Client.whoami, ME),
    case("list_tokens", "GET /api/v1/tokens", TokenList(tokens=[TOKEN]), Client.list_tokens, [TOKEN]),
    case(
        "create_token",
        "POST /api/v1/tokens",
        NEW_TOKEN,
        lambda c: c.create_token(TokenRequest(name="anna", role="viewer")),
        NEW_TOKEN,
        TokenRequest(name="anna", role="viewer"),
    ),
    case("rotate_token", "POST /api/v1/tokens/4/rotate", NEW_TOKEN, lambda c: c.rotate_token(4), NEW_TOKEN, b"{}"),
    case("revoke_token", "DELETE /api/v1/tokens/4", TOKEN, lambda c: c.revoke_token(4), TOKEN),
    case(
        "create_enrolment",
        "POST /api/v1/agents/enrolments",
        NEW_TOKEN,
        lambda c: c.create_enrolment(EnrolmentRequest(uses=3)),
        NEW_TOKEN,
        EnrolmentRequest(uses=3),
    ),
    case(
        "list_vault_connections",
        "GET /api/v1/vault/connections",
        VaultConnectionList(connections=[VAULT]),
        Client.list_vault_connections,
        [VAULT],
    ),
    case(
        "save_vault_connection",
        "POST /api/v1/vault/connections",
        VaultConnectionResponse(connection=VAULT),
        lambda c: c.save_vault_connection(VaultConnectionRequest(name="pantry", namespace="")),
        VAULT,
        b'{"name":"pantry","namespace":""}\n',
    ),
    case(
        "delete_vault_connection",
        "DELETE /api/v1/vault/connections/3",
        REMOVED,
        lambda c: c.delete_vault_connection(3),
        REMOVED,
    ),
    case(
        "test_vault_connection",
        "POST /api/v1/vault/connections/3/test",
        TESTED,
        lambda c: c.test_vault_connection(3, VaultTestRequest(secret_id_override="s")),
        TESTED,
        VaultTestRequest(secret_id_override="s"),
    ),
]
