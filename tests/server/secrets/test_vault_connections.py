"""Vault connections: what is stored, what is refused, and what tests of them tell."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import ROLE_ID, SECRET_ID, VARIABLE, OpenBao
from cictl_testing.servers.scripted_vault import ScriptedVault, kv2

from cictl.wire.admin.vault import VaultConnectionRequest, VaultTestRequest
from cictl_server.errors import InvalidRequest
from cictl_server.services import Services
from cictl_server.store.contract import StoreFailed

ROUTE = "/api/v1/vault/connections"
GOOD = {"name": "pantry", "url": "https://vault.example.test", "role_id": "r", "secret_id_env": "CICTL_VAULT_ID"}


def save(server: RunningServer, **fields: Any) -> dict[str, Any]:
    answer = server.post(ROUTE, {**GOOD, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json["connection"])


def listed(server: RunningServer) -> list[dict[str, Any]]:
    return list(server.get(ROUTE).json["connections"])


def test_none_are_an_empty_list(server: RunningServer) -> None:
    assert server.get(ROUTE).text == '{"connections":[]}\n'


def test_a_new_one_has_the_defaults(server: RunningServer) -> None:
    assert save(server) == {
        **GOOD,
        "id": 1,
        "auth_method": "approle",
        "approle_mount": "approle",
        "kv_default_version": 2,
    }


def test_they_are_listed_by_name_in_byte_order(server: RunningServer) -> None:
    for name in ("b", "ä", "B", "a"):
        save(server, name=name)
    assert [one["name"] for one in listed(server)] == ["B", "a", "b", "ä"]


def test_they_survive_a_restart_and_ids_are_never_used_again(server: RunningServer) -> None:
    save(server, name="first")
    assert server.http.simulate_delete(f"{ROUTE}/1").status_code == 200
    server.restart()
    assert save(server, name="second")["id"] == 2
    server.restart()
    assert [one["name"] for one in listed(server)] == ["second"]


@pytest.mark.weakness("V10")
def test_absent_fields_keep_what_is_stored_and_blank_ones_mean_the_default(server: RunningServer) -> None:
    save(server, namespace="team", kv_default_mount="kv", kv_default_version=1, ca_file="/etc/ca.pem")
    page = save(server, auth_method="approle", approle_mount="ci")
    assert (page["namespace"], page["kv_default_version"], page["ca_file"]) == ("team", 1, "/etc/ca.pem")
    login = {"role_id": "other", "secret_id_env": GOOD["secret_id_env"]}
    changed = server.post(ROUTE, {"name": "pantry", **login, "namespace": "", "kv_default_version": 0})
    assert changed.json["connection"] == {
        **GOOD,
        "id": 1,
        "role_id": "other",
        "auth_method": "approle",
        "approle_mount": "ci",
        "kv_default_mount": "kv",
        "kv_default_version": 2,
        "ca_file": "/etc/ca.pem",
    }


ELSEWHERE = {
    "url": "https://evil.example.test",
    "ca_file": "/tmp/evil.pem",
    "namespace": "evil",
    "approle_mount": "evil",
}


@pytest.mark.parametrize("field", ELSEWHERE)
@pytest.mark.parametrize("given", ["nothing", "role_id", "secret_id_env"])
def test_a_secret_goes_nowhere_else_unless_the_request_names_it(server: RunningServer, field: str, given: str) -> None:
    save(server)
    before = listed(server)
    login = {given: GOOD[given]} if given in GOOD else {}
    refused = server.post(ROUTE, {"name": "pantry", field: ELSEWHERE[field], **login})
    assert refused.status_code == 400
    assert refused.text.startswith(f"a change of {field} needs ")
    assert listed(server) == before
    assert save(server, **{field: ELSEWHERE[field]})[field] == ELSEWHERE[field]


def test_the_address_stays_where_it_is_named_again_and_other_fields_need_no_login(server: RunningServer) -> None:
    save(server)
    same = {"name": "pantry", "url": f" {GOOD['url']} ", "approle_mount": "", "kv_default_mount": "secret"}
    assert server.post(ROUTE, same).json["connection"]["kv_default_mount"] == "secret"


def test_a_moved_connection_never_hands_its_secret_id_to_the_new_place(
    server: RunningServer, vault: ScriptedVault
) -> None:
    """The place where a caller wants the secret listens, and the server is asked to test the connection."""
    save(server, url="http://127.0.0.1:1", secret_id_env=VARIABLE)
    server.post(ROUTE, {"name": "pantry", "url": vault.url})
    server.post(f"{ROUTE}/1/test", {})
    assert vault.asked == []


@pytest.mark.weakness("V9")
def test_text_is_trimmed_and_mounts_lose_their_slashes(server: RunningServer) -> None:
    save(server)
    saved = save(server, name=" pantry ", url=" https://v.example.test/ ", approle_mount="/ci/", kv_default_mount="kv/")
    assert (saved["id"], saved["name"], saved["url"]) == (1, "pantry", "https://v.example.test/")
    assert (saved["approle_mount"], saved["kv_default_mount"]) == ("ci", "kv")


REQUIRED = "name, url, role_id and secret_id_env are required"
URL = "url must be http:// or https:// with a host, and without user, query or fragment"


@pytest.mark.weakness("V1", "V9")
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        *[pytest.param({field: " "}, REQUIRED, id=f"no {field}") for field in GOOD],
        pytest.param({"auth_method": "token"}, "auth_method must be approle", id="another method"),
        pytest.param({"kv_default_version": 3}, "kv_default_version must be 1 or 2", id="KV 3"),
        pytest.param({"kv_default_version": -1}, "kv_default_version must be 1 or 2", id="KV -1"),
        *[
            pytest.param(
                {"secret_id_env": name}, "secret_id_env must begin with CICTL_VAULT_ or CIWI_VAULT_", id=f"{name!r}"
            )
            for name in ("GITHUB_TOKEN", "XCICTL_VAULT_A", "cictl_vault_a", "CICTL_VAULT_", "CICTL_VAULT_A B")
        ],
        *[
            pytest.param({"url": url}, URL, id=url)
            for url in (
                "ftp://v",
                "v.example.test",
                "https://",
                "https://me:pw@v",
                "http://v/?a",
                "http://[v",
                "http://v:x",
                "http://a,http://b",
            )
        ],
        pytest.param({"ca_file": "ca.pem"}, "ca_file must be an absolute path on the server's machine", id="CA file"),
        pytest.param({"approle_mount": "a/../b"}, "mounts must not have the parts . or ..", id="climbing mount"),
        pytest.param({"role_id": "a\nb"}, "fields must be up to 4096 printable characters", id="line break"),
        pytest.param({"name": "n" * 4097}, "fields must be up to 4096 printable characters", id="too long"),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_is_stored(
    server: RunningServer, fields: dict[str, Any], text: str
) -> None:
    answer = server.post(ROUTE, {**GOOD, **fields})
    assert (answer.status_code, answer.text) == (400, f"{text}\n")
    assert listed(server) == []


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/abc", 400, "invalid vault connection id"),
        ("DELETE", "/0", 400, "invalid vault connection id"),
        ("DELETE", "/-1", 400, "invalid vault connection id"),
        ("DELETE", "/7", 404, "vault connection not found"),
        ("GET", "/1", 405, "method not allowed"),
        ("PUT", "", 405, "method not allowed"),
        ("GET", "/abc/test", 400, "invalid vault connection id"),
        ("GET", "/1/test", 404, "404 page not found"),
        ("POST", "/1/other", 404, "404 page not found"),
        ("DELETE", "/", 404, "404 page not found"),
        ("POST", "/0/test", 400, "invalid vault connection id"),
        ("POST", "/7/test", 400, "invalid JSON body"),
    ],
)
def test_what_the_paths_answer(server: RunningServer, method: str, path: str, status: int, text: str) -> None:
    answer = server.http.simulate_request(method, ROUTE + path)
    assert (answer.status_code, answer.text) == (status, f"{text}\n")


def test_a_test_of_what_is_not_there(server: RunningServer) -> None:
    answer = server.post(f"{ROUTE}/7/test", {})
    assert (answer.status_code, answer.text) == (404, "vault connection not found\n")


def test_outer_slashes_are_ignored(server: RunningServer) -> None:
    save(server)
    assert server.http.simulate_delete(f"{ROUTE}//1/").json == {"deleted": True, "id": 1}


USING = """
pipelines:
  - id: build
    jobs: [{id: j, steps: [{run: x, env: {T: "{{secret.t}}"}, vault: {connection: pantry, secrets: [{name: t, path: p, key: k}]}}]}]
  - id: bump
    vcs_source: {repo: r}
    versioning:
      auto_bump: patch
      auto_bump_vcs_token: "{{ secret.t }}"
      auto_bump_vault: {connection: pantry, secrets: [{name: t, path: p, key: k}]}
    jobs: [{id: j, steps: [{run: x}]}]
  - {id: without, jobs: [{id: j, steps: [{run: x}]}]}
"""


@pytest.mark.weakness("V15")
def test_what_uses_it_is_told_in_the_list_and_when_it_is_deleted(server: RunningServer) -> None:
    server.define_project(USING)
    save(server)
    assert listed(server)[0]["used_by"] == ["shop/build", "shop/bump"]
    answer = server.http.simulate_delete(f"{ROUTE}/1")
    assert answer.json == {"deleted": True, "id": 1, "used_by": ["shop/build", "shop/bump"]}


@pytest.mark.weakness("V15")
def test_a_failing_store_is_no_fault_of_the_caller(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    save(server)

    def fail(_: object) -> None:
        raise StoreFailed("disk on fire")

    monkeypatch.setattr(server.store, "write", fail)
    assert server.http.simulate_delete(f"{ROUTE}/1").status_code == 500
    assert server.post(ROUTE, GOOD).status_code == 500


class TestAllowedUrls:
    """With a list of addresses no caller of the API can lead a secret id elsewhere."""

    @pytest.fixture
    def guarded(self, server: RunningServer, tmp_path: Path) -> Services:
        allowed = ["https://Vault.example.test/", "http://other:8200"]
        return Services.build(server.store, tmp_path / "data", version="1", vault_urls=allowed)

    @pytest.mark.parametrize("url", ["https://vault.example.test", "HTTPS://vault.example.test/", "http://other:8200/"])
    def test_a_listed_one_is_taken(self, guarded: Services, url: str) -> None:
        assert guarded.secrets.connections.save(_request(url=url)).url == url

    @pytest.mark.weakness("V1")
    @pytest.mark.parametrize("url", ["http://vault.example.test", "https://vault.example.test.evil", "http://other"])
    def test_any_other_is_refused(self, guarded: Services, url: str) -> None:
        with pytest.raises(InvalidRequest, match="not one of the Vault addresses that this server allows"):
            guarded.secrets.connections.save(_request(url=url))

    @pytest.mark.weakness("V1")
    def test_one_that_was_stored_before_is_not_used(
        self, server: RunningServer, guarded: Services, vault: ScriptedVault
    ) -> None:
        save(server, url=vault.url, secret_id_env=VARIABLE)
        tried = guarded.secrets.testing.test(1, VaultTestRequest(secret_id_override="x"))
        assert (tried.ok, vault.asked) == (False, [])
        assert "is not a Vault address that this server allows" in tried.message


def _request(**fields: Any) -> VaultConnectionRequest:
    return VaultConnectionRequest(**{**GOOD, **fields})


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedVault]:
    monkeypatch.setenv(VARIABLE, SECRET_ID)
    scripted = ScriptedVault(kv2(k="value"))
    yield scripted
    scripted.stop()


class TestTrying:
    """`POST vault/connections/{id}/test`, against a real OpenBao."""

    @pytest.fixture(autouse=True)
    def connected(self, server: RunningServer, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, f" {SECRET_ID}\n")
        assert server.post(ROUTE, openbao.connection()).status_code == 201
        openbao.put("trying/one", key="value-of-trying")

    def tried(self, server: RunningServer, body: object) -> dict[str, Any]:
        answer = server.post(f"{ROUTE}/1/test", body)
        assert answer.status_code == 200
        return dict(answer.json)

    @pytest.mark.weakness("V4")
    @pytest.mark.parametrize("body", [{}, None, {"test_secret": {"path": "/trying/one", "key": " key "}}])
    def test_success_tells_nothing_else(self, server: RunningServer, body: object) -> None:
        answer = server.http.simulate_post(f"{ROUTE}/1/test", body=json.dumps(body))
        assert answer.json == {"ok": True, "message": "vault auth ok"}

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            pytest.param(
                {"secret_id_override": "wrong"},
                'vault login failed: status=400 body={"errors":["invalid role or secret ID"]}',
                id="wrong secret id",
            ),
            pytest.param(
                {"test_secret": {"path": "trying/none", "key": "key"}},
                'vault read failed: status=404 body={"errors":[]}',
                id="wrong path",
            ),
            pytest.param(
                {"test_secret": {"path": "trying/one", "key": "other"}},
                'key "other" not found at trying/one',
                id="wrong key",
            ),
            pytest.param({"test_secret": {"path": "trying/one"}}, "secret key is required", id="no key"),
            pytest.param(
                {"test_secret": {"path": "trying/one", "key": "key", "kv_version": 7}},
                "kv_version must be 1 or 2, not 7",
                id="KV 7",
            ),
            pytest.param(
                {"test_secret": {"path": "../../sys/health", "key": "key"}},
                "create vault request: mount and path must not have the parts . or ..",
                id="climbing",
            ),
        ],
    )
    def test_failures_tell_their_cause(self, server: RunningServer, body: object, message: str) -> None:
        assert self.tried(server, body) == {"ok": False, "message": message}

    def test_what_may_not_be_read(self, server: RunningServer, openbao: OpenBao) -> None:
        openbao.put("locked", key="x")
        tried = self.tried(server, {"test_secret": {"path": "locked", "key": "key"}})
        assert tried["message"].startswith("vault read failed: status=403 body=")
        assert "permission denied" in tried["message"]

    def test_a_variable_that_is_not_set(self, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, " ")
        assert self.tried(server, {}) == {
            "ok": False,
            "message": "vault secret id not available (configure secret_id_env and set it in process environment)",
        }
        assert self.tried(server, {"secret_id_override": SECRET_ID})["ok"]

    def test_a_wrong_role(self, server: RunningServer) -> None:
        server.post(ROUTE, {"name": "pantry", "role_id": "nobody"})
        assert self.tried(server, {})["message"].startswith("vault login failed: status=400")
        server.post(ROUTE, {"name": "pantry", "role_id": ROLE_ID})
        assert self.tried(server, {})["ok"]


class TestTestsAndTheCache:
    @pytest.mark.weakness("V3")
    def test_each_test_logs_in_and_none_leaves_a_token_for_jobs(
        self, server: RunningServer, vault: ScriptedVault
    ) -> None:
        save(server, url=vault.url, secret_id_env=VARIABLE)
        for _ in range(2):
            assert server.post(f"{ROUTE}/1/test", {"secret_id_override": "mine"}).json["ok"]
        assert [one.body for one in vault.asked_for("/login")] == [b'{"role_id": "r", "secret_id": "mine"}'] * 2
        server.run(server.define(JOB))
        assert server.lease().assigned
        assert vault.asked_for("/login")[2].body == f'{{"role_id": "r", "secret_id": "{SECRET_ID}"}}'.encode()

    @pytest.mark.weakness("V3")
    def test_a_test_does_not_believe_in_the_token_of_jobs(self, server: RunningServer, vault: ScriptedVault) -> None:
        save(server, url=vault.url, secret_id_env=VARIABLE)
        server.run(server.define(JOB))
        assert server.lease().assigned
        assert server.post(f"{ROUTE}/1/test", {}).json["ok"]
        assert len(vault.asked_for("/login")) == 2


JOB = """[{id: s, steps: [{run: "true", env: {T: "{{ secret.t }}"},
            vault: {connection: pantry, secrets: [{name: t, path: p, key: k}]}}]}]"""


def test_the_secret_id_of_a_test_is_not_kept(server: RunningServer, vault: ScriptedVault) -> None:
    save(server, url=vault.url, secret_id_env=VARIABLE)
    answer = server.post(f"{ROUTE}/1/test", {"secret_id_override": "override-xyz"}, headers={"Idempotency-Key": "k"})
    assert answer.json["ok"]
    stored = b"".join(path.read_bytes() for path in server.directory.rglob("*") if path.is_file())
    assert b"override-xyz" not in stored
    assert SECRET_ID.encode() not in stored
    assert os.environ[VARIABLE] == SECRET_ID


def test_no_more_than_eight_wait_for_a_vault_by_tests(
    server: RunningServer, own_openbao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds a thread of the server; one that is too many is told so at once."""
    monkeypatch.setenv(VARIABLE, SECRET_ID)
    server.post(ROUTE, own_openbao.connection())
    own_openbao.freeze()
    answers: list[int] = []
    tests = [
        threading.Thread(target=lambda: answers.append(server.post(f"{ROUTE}/1/test", {}).status_code))
        for _ in range(9)
    ]
    for test in tests:
        test.start()
    eventually(lambda: answers, what="the refusal")
    own_openbao.thaw()
    for test in tests:
        test.join(timeout=60)
    assert sorted(answers) == [200] * 8 + [503]


@pytest.mark.weakness("V14")
def test_names_are_data_and_no_page(server: RunningServer) -> None:
    """Nothing here is HTML: what somebody stores comes back as JSON alone, which no browser runs."""
    name = "<img src=x onerror=alert(1)>"
    body = {"name": name, "url": "http://v", "role_id": name, "secret_id_env": "CICTL_VAULT_A"}
    assert server.post("/api/v1/vault/connections", body).status_code == 201
    answer = server.get("/api/v1/vault/connections")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["connections"][0]["name"] == name
