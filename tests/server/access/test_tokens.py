"""Making, listing, replacing and revoking tokens, and what a secret looks like."""

from __future__ import annotations

import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

from cictl.base.system.files import write_private
from cictl.wire.admin.access import Role, TokenList, TokenRequest
from cictl_server.services.access import first_token
from cictl_server.services.access.authentication import Policy
from cictl_server.services.access.first_token import make_first_token
from cictl_server.services.access.token_format import new_secret

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def number_of(digits: str) -> int:
    return sum(DIGITS.index(digit) * 62**place for place, digit in enumerate(reversed(digits)))


@pytest.mark.parametrize(
    ("role", "prefix"),
    [
        pytest.param(Role.ADMIN, "cictl_u_", id="people"),
        pytest.param(Role.AGENT, "cictl_a_", id="agent"),
        pytest.param(Role.ENROLMENT, "cictl_e_", id="enrolment"),
    ],
)
def test_a_secret_ends_with_the_crc_32_of_what_stands_before(role: Role, prefix: str) -> None:
    secret = new_secret(role)
    assert (len(secret), secret[:8]) == (44, prefix)
    assert number_of(secret[38:]) == zlib.crc32(secret[:38].encode())


def test_six_digits_hold_any_crc_32() -> None:
    assert 62**6 > 2**32


def test_a_server_makes_its_first_token_once(server: RunningServer) -> None:
    path = make_first_token(server.services.access.tokens, server.directory, host="one")
    assert path is not None
    listed = server.ask("GET", "/api/v1/tokens", path.read_text().strip())
    assert [token["created_by"] for token in listed.json["tokens"]] == ["first start on one"]
    assert make_first_token(server.services.access.tokens, server.directory, host="one") is None


def test_of_two_first_starts_one_makes_the_token(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tokens, faster = server.services.access.tokens, tmp_path / "faster"

    def write_later(path: Path, content: bytes) -> None:
        monkeypatch.setattr(first_token, "write_private", write_private)
        assert make_first_token(tokens, faster, host="one") == faster / "admin.token"
        write_private(path, content)

    monkeypatch.setattr(first_token, "write_private", write_later)
    assert make_first_token(tokens, tmp_path / "slower", host="two") is None
    assert not (tmp_path / "slower" / "admin.token").exists()
    assert "another server made the token of an admin first: first start on one" in caplog.text
    assert [token.name for token in tokens.list_tokens()] == ["admin"]


def make(server: RunningServer, admin: str = "", **fields: object) -> tuple[int, dict[str, object]]:
    answer = server.ask("POST", "/api/v1/tokens", admin, json=fields, headers={"Accept": "application/json"})
    return answer.status_code, answer.json


@pytest.fixture
def admin(server: RunningServer) -> str:
    return server.token("admin")


def test_a_token_is_shown_once(server: RunningServer, admin: str) -> None:
    status, made = make(server, admin, name="anna", role="viewer", projects=["shop", "other", "shop"], ttl_seconds=60)
    assert status == 201
    assert made["projects"] == ["other", "shop"]
    assert made["created_by"] == "admin"
    assert made["expires_utc"] == (server.clock() + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    listed = server.ask("GET", "/api/v1/tokens", admin)
    assert made["last_four"] == str(made["token"])[-4:]
    assert str(made["token"]) not in listed.text
    assert {**made, "token": None} == {**listed.json["tokens"][1], "token": None}


def test_no_secret_is_on_the_disk(server: RunningServer, admin: str) -> None:
    _, made = make(server, admin, name="anna", role="viewer")
    rotated = server.ask("POST", f"/api/v1/tokens/{made['id']}/rotate", admin).json["token"]
    server.ask("POST", "/api/v1/tokens", admin, json={"name": "b", "role": "viewer"}, headers={"Idempotency-Key": "k"})
    stored = server.stored()
    assert b"anna" in stored
    for secret in (admin, made["token"], rotated):
        assert str(secret).encode() not in stored


def test_a_repeat_with_a_key_gets_no_secret_of_the_first(server: RunningServer, admin: str) -> None:
    key = {"Idempotency-Key": "k"}
    first = server.ask("POST", "/api/v1/tokens", admin, json={"name": "b", "role": "viewer"}, headers=key)
    again = server.ask("POST", "/api/v1/tokens", admin, json={"name": "b", "role": "viewer"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 409)


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        pytest.param({"role": "viewer"}, 400, "name must be", id="no name"),
        pytest.param({"name": "a\x07", "role": "viewer"}, 400, "name must be", id="control character"),
        pytest.param({"name": " a", "role": "viewer"}, 400, "name must be", id="blank"),
        pytest.param({"name": "x" * 201, "role": "viewer"}, 400, "name must be", id="long"),
        pytest.param({"name": "12", "role": "viewer"}, 400, "must not be a number", id="number"),
        pytest.param({"name": "a"}, 400, "role must be one of admin", id="no role"),
        pytest.param({"name": "a", "role": "enrolment"}, 400, "role must be one of admin", id="enrolment"),
        pytest.param({"name": "a", "role": "agent"}, 400, "agent_id must be", id="no agent"),
        pytest.param({"name": "a", "role": "viewer", "agent_id": "b"}, 400, "agent_id belongs to", id="agent's id"),
        pytest.param({"name": "a", "role": "admin", "projects": ["s"]}, 400, "projects can't bind", id="bound admin"),
        pytest.param({"name": "a", "role": "viewer", "projects": [""]}, 400, "projects must be", id="empty project"),
        pytest.param({"name": "a", "role": "viewer", "ttl_seconds": -1}, 400, "ttl_seconds must", id="negative"),
        pytest.param({"name": "a", "role": "viewer", "ttl_seconds": 2**62}, 400, "ttl_seconds must", id="too long"),
        pytest.param({"name": "admin", "role": "viewer"}, 409, "there is a token admin already", id="taken"),
    ],
)
def test_a_bad_field_is_named(
    server: RunningServer, admin: str, fields: dict[str, object], status: int, named: str
) -> None:
    found, problem = make(server, admin, **fields)
    assert (found, named in str(problem["title"])) == (status, True), problem


def test_the_first_token_must_be_an_admins(server: RunningServer) -> None:
    status, problem = make(server, name="anna", role="viewer")
    assert (status, problem["code"]) == (409, "conflict")
    assert "the first token must have the role admin" in str(problem["title"])
    assert server.post("/api/v1/agents/enrolments", {}).status_code == 409
    assert make(server, name="anna", role="admin")[0] == 201


def test_the_name_of_a_dead_token_is_free(server: RunningServer, admin: str) -> None:
    _, made = make(server, admin, name="anna", role="viewer", ttl_seconds=60)
    server.clock.step(60)
    _, again = make(server, admin, name="anna", role="viewer")
    assert server.ask("DELETE", f"/api/v1/tokens/{again['id']}", admin).json["revoked_utc"]
    assert make(server, admin, name="anna", role="viewer")[0] == 201
    assert made["id"] != again["id"]


def test_a_rotated_token_has_a_new_secret_and_all_else_as_before(server: RunningServer, admin: str) -> None:
    _, made = make(server, admin, name="anna", role="operator", projects=["shop"], ttl_seconds=60)
    rotated = server.ask("POST", f"/api/v1/tokens/{made['id']}/rotate", admin).json
    assert server.ask("GET", "/api/v1/whoami", str(made["token"])).status_code == 401
    assert server.ask("GET", "/api/v1/whoami", rotated["token"]).json["name"] == "anna"
    changed = ("token", "last_four")
    assert {k: v for k, v in made.items() if k not in changed} == {k: v for k, v in rotated.items() if k not in changed}


def test_what_does_not_count_can_not_be_rotated_but_revoked_again(server: RunningServer, admin: str) -> None:
    _, made = make(server, admin, name="anna", role="viewer")
    first = server.ask("DELETE", f"/api/v1/tokens/{made['id']}", admin)
    server.clock.step(5)
    assert server.ask("DELETE", f"/api/v1/tokens/{made['id']}", admin).json == first.json
    assert server.ask("POST", f"/api/v1/tokens/{made['id']}/rotate", admin).status_code == 409
    assert server.ask("POST", "/api/v1/tokens/99/rotate", admin).status_code == 404
    assert server.ask("DELETE", "/api/v1/tokens/x", admin).status_code == 400


def test_tokens_survive_a_restart(server: RunningServer, admin: str) -> None:
    server.restart()
    assert server.ask("GET", "/api/v1/whoami", admin).json["role"] == "admin"
    assert [t.name for t in TokenList(tokens=server.services.access.tokens.list_tokens()).tokens] == ["admin"]


def test_a_server_that_asks_nobody_makes_no_tokens(server: RunningServer) -> None:
    server.policy = Policy.NEVER
    server.restart()
    status, problem = make(server, name="anna", role="admin")
    assert (status, "--no-auth" in str(problem["title"])) == (409, True)
    assert TokenRequest().ttl_seconds == 0
