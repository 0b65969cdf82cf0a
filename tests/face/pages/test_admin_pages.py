"""The pages for admins: tokens, audit, retention, secrets, Vault, the server."""

from __future__ import annotations

import re

import pytest
from cictl_testing.face.browser import Looking
from cictl_testing.face.forms import get, send, words, words_in
from cictl_testing.server import RunningServer

from tests.face.conftest import Shown

ONE_JOB = '[{id: a, steps: [{run: "true"}]}]'


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    return shown.server


def test_the_first_page_tells_how_the_server_is(server: RunningServer) -> None:
    page = words(server, "/admin")
    assert "store works" in page
    assert "Updates itself no:" in page


@pytest.fixture
def admin(server: RunningServer) -> str:
    return server.token("admin")


def test_a_new_token_is_shown_once_and_never_kept(server: RunningServer, admin: str) -> None:
    answer = send(server, "/admin/tokens/new", admin, name="ana", role="operator", projects="shop, tea", ttl="90d")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    [secret] = re.findall(r"<code>(cictl_u_\w+)</code>", answer.text)
    assert server.ask("GET", "/api/v1/whoami", secret).json["projects"] == ["shop", "tea"]
    page = words(server, "/admin/tokens", admin)
    assert "ana operator valid" in page
    assert secret not in page


def test_what_a_new_token_may_is_said_before(server: RunningServer, admin: str) -> None:
    page = words(server, "/admin/tokens/new?name=ana&role=operator&projects=shop,+tea&ttl=90d", admin)
    assert "A token with the role operator, for shop, tea alone, valid for 90d." in page
    assert "cictl tokens create ana --role operator --project shop --project tea --ttl 90d" in page


def test_a_secret_says_whether_it_replaces_one(server: RunningServer) -> None:
    assert "There is none of this name yet." in words(server, "/admin/secrets/set?name=NPM_TOKEN")
    send(server, "/admin/secrets/set", name="NPM_TOKEN", value="hunter2")
    assert "It replaces the value that is there" in words(server, "/admin/secrets/set?name=NPM_TOKEN")


def test_a_vault_says_what_becomes_of_it(server: RunningServer) -> None:
    page = words(server, "/admin/vault/save?name=main&url=http://127.0.0.1:9&role_id=r")
    assert "Add the Vault main? url: http://127.0.0.1:9. role_id: r." in page
    assert "cictl vault add main --url http://127.0.0.1:9 --role-id r" in page


def test_a_new_token_is_asked_for_and_shown_in_place(shown: Shown, look: Looking) -> None:
    page = look("/admin/tokens")
    page.get_by_label("Name", exact=True).fill("ana")
    page.get_by_label("Role", exact=True).select_option("admin")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_role("dialog").get_by_role("button", name="Make the token").click()
    page.get_by_text(re.compile("^cictl_u_")).wait_for()
    assert page.get_by_label("Name", exact=True).count() == 0, "the form does not stay below"


def test_a_rotated_token_is_shown_in_place(server: RunningServer, admin: str, look: Looking) -> None:
    old = server.token("viewer", "bo")
    page = look("/admin/tokens", token=admin)
    page.get_by_role("button", name="Rotate bo").click()
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    secret = page.get_by_text(re.compile("^cictl_u_")).inner_text()
    assert server.ask("GET", "/api/v1/whoami", secret).status_code == 200
    assert server.ask("GET", "/api/v1/whoami", old).status_code == 401


def test_an_enrolment_token_is_shown_once(server: RunningServer, admin: str) -> None:
    answer = send(server, "/admin/enrolments", admin, uses="3", ttl="1h")
    assert "cictl_e_" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_bad_length_of_time_is_refused(server: RunningServer, admin: str) -> None:
    answer = get(server, "/admin/tokens/new?name=ana&role=viewer&ttl=soon", admin)
    assert (answer.status_code, "soon is no duration" in answer.text) == (400, True)


def test_a_token_is_revoked_after_a_question(server: RunningServer, admin: str) -> None:
    secret = server.token("viewer", "bo")
    [token] = [token for token in server.services.access.tokens.list_tokens() if token.name == "bo"]
    assert f"which ends in {secret[-4:]}" in words(server, f"/admin/tokens/{token.id}/revoke", admin)
    assert send(server, f"/admin/tokens/{token.id}/revoke", admin).status_code == 303
    assert server.ask("GET", "/api/v1/whoami", secret).status_code == 401


def test_a_rotated_token_has_another_secret(server: RunningServer, admin: str) -> None:
    old = server.token("viewer", "bo")
    [token] = [token for token in server.services.access.tokens.list_tokens() if token.name == "bo"]
    answer = send(server, f"/admin/tokens/{token.id}/rotate", admin)
    [new] = re.findall(r"<code>(cictl_u_\w+)</code>", answer.text)
    assert server.ask("GET", "/api/v1/whoami", new).status_code == 200
    assert server.ask("GET", "/api/v1/whoami", old).status_code == 401


def test_the_audit_tells_who_did_what(server: RunningServer, admin: str) -> None:
    send(server, "/queue/pause", admin, reason="moving")
    page = words(server, "/admin/audit?action=queue", admin)
    assert "admin admin queue.paused" in page
    assert "reason: moving" in page
    assert "queue.paused" not in words(server, "/admin/audit?action=token", admin)


def test_the_audit_goes_on_with_older_records(server: RunningServer, admin: str) -> None:
    for i in range(101):
        send(server, "/queue/pause", admin, reason=f"reason {i}")
    page = get(server, "/admin/audit", admin).text
    [older] = re.findall(r'href="\.\./(admin/audit\?[^"]*cursor=\d+)"', page)
    assert "reason: reason 0" in words(server, "/" + older.replace("&amp;", "&"), admin)


def test_retention_says_what_would_go_before_it_goes(server: RunningServer) -> None:
    server.heartbeat()
    pipeline = server.define(ONE_JOB)
    for _ in range(3):
        server.run(pipeline)
        server.finish("failed")
    assert send(server, "/admin/retention/change", keep_runs="1").status_code == 303
    assert "This removes 2 runs with 2 jobs" in words(server, "/admin/retention/run")
    assert send(server, "/admin/retention/run").status_code == 303
    assert "This removes 0 runs" in words(server, "/admin/retention/run")


def test_limits_are_changed_after_a_question(server: RunningServer) -> None:
    page = words(server, "/admin/retention/change?keep_runs=5&log_days=0&artifact_days=")
    assert "Newest runs of each pipeline: 5. Days of logs: no limit. What has been kept for longer is removed" in page
    assert get(server, "/admin/retention/change?keep_runs=many").status_code == 400


def test_limits_ask_in_a_dialog(shown: Shown, look: Looking) -> None:
    page = look("/admin/retention")
    page.get_by_label("Days of logs").fill("30")
    page.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Days of logs: 30.").wait_for()
    dialog.get_by_role("button", name="Change").click()
    page.get_by_role("cell", name="30", exact=True).wait_for()
    assert shown.server.services.retention.policies.show().default.log_days == 30


def test_a_limit_of_a_project_leaves_the_others(server: RunningServer) -> None:
    server.define(ONE_JOB)
    send(server, "/admin/retention/change", project="1", log_days="7")
    assert "shop 1000 as all" in words(server, "/admin/retention")
    assert "Days of logs must be from 0" in words_in(send(server, "/admin/retention/change", log_days="-1").text)


def test_a_secret_goes_in_and_never_out(server: RunningServer) -> None:
    server.define(ONE_JOB)
    assert (
        send(
            server, "/admin/secrets/set", name="NPM_TOKEN", value=" hunter2 ", project="1", branches="main"
        ).status_code
        == 303
    )
    for path in ("/admin/secrets", "/projects/1", "/admin/secrets/1/remove"):
        page = words(server, path)
        assert "NPM_TOKEN" in page
        assert "hunter2" not in page
    assert send(server, "/admin/secrets/1/remove").status_code == 303
    assert "None yet." in words(server, "/admin/secrets")


def test_the_key_of_the_secrets_is_rotated_after_a_question(server: RunningServer) -> None:
    send(server, "/admin/secrets/set", name="A", value="secret-value")
    assert "1 secret is sealed anew." in words(server, "/admin/secrets/rotate-key")
    assert send(server, "/admin/secrets/rotate-key").status_code == 303


def test_a_vault_is_added_tested_and_removed(server: RunningServer) -> None:
    fields = {"name": "main", "url": "http://127.0.0.1:9", "role_id": "r", "secret_id_env": "CICTL_VAULT_X"}
    assert send(server, "/admin/vault/save", **fields).status_code == 303
    assert "main http://127.0.0.1:9" in words(server, "/admin/vault")
    assert "Secret to read" in words(server, "/admin/vault/1/test")
    answer = send(server, "/admin/vault/1/test", path="team/app", key="k", secret_id="not-kept-anywhere")
    assert "does not work" in words_in(answer.text)
    assert "not-kept-anywhere" not in answer.text
    assert "No pipeline uses it." in words(server, "/admin/vault/1/remove")
    assert send(server, "/admin/vault/1/remove").status_code == 303
    assert "No Vault is known." in words(server, "/admin/vault")


def test_flushing_the_history_says_how_many_go(server: RunningServer) -> None:
    server.heartbeat()
    server.run(server.define(ONE_JOB))
    server.finish("failed")
    assert "This deletes 1 finished job of all projects" in words(server, "/admin/flush-history")
    assert send(server, "/admin/flush-history").status_code == 303
    assert server.get("/api/v1/jobs").json["job_executions"] == []


@pytest.mark.parametrize("path", ["/admin/update", "/admin/restart", "/admin/rollback?version=v1.2.2"])
def test_what_takes_the_server_away_asks_first(server: RunningServer, path: str) -> None:
    assert "0 jobs are at work, and 0 wait." in words(server, path)


def test_an_update_that_can_not_be_done_says_why(server: RunningServer) -> None:
    assert send(server, "/admin/update").status_code == 400
