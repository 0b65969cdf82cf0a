"""Vaults that answer strangely: redirects, walls of text, things that are no JSON; and what they are sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.dripping import DrippingServer
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE
from cictl_testing.servers.scripted_vault import TOKEN, Said, ScriptedVault, kv2
from hypothesis import given
from hypothesis import strategies as st

from cictl_server.services.secrets.vault.client import VaultClient
from cictl_server.services.secrets.vault.errors import VaultRefused, VaultUnavailable
from cictl_server.services.secrets.vault.reading import within
from cictl_server.services.secrets.vault.rendering import render
from cictl_server.store.records.secrets import VaultConnectionRecord

JOB = """[{id: s, steps: [{run: "true", env: {T: "{{ secret.t }}", U: "{{ secret.u }}"}, vault: {connection: pantry,
            secrets: [{name: t, path: a b/c?d, key: k}, {name: u, path: a b/c?d, key: l}]}}]}]"""
RESOLVE = 'secret resolution failed before execution: resolve step 1 secret "t": '


@pytest.fixture
def vault(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedVault]:
    monkeypatch.setenv(VARIABLE, SECRET_ID)
    scripted = ScriptedVault(kv2(k="value", l="other"))
    connect(server, scripted.url)
    yield scripted
    scripted.stop()


def connect(server: RunningServer, url: str, **fields: Any) -> None:
    body = {"name": "pantry", "url": url, "role_id": "role", "secret_id_env": VARIABLE, **fields}
    assert server.post("/api/v1/vault/connections", body).status_code == 201


def lease(server: RunningServer, agent: str = "a") -> str:
    """Lease a job that needs two keys of one place; return the message, or what its step got."""
    server.run(server.define(JOB))
    answer = server.lease(agent)
    return answer.job_execution.step_plan[0].env["T"] if answer.job_execution else answer.message


def reason(server: RunningServer) -> str:
    """Return why the newest job waits."""
    return str(server.get("/api/v1/jobs").json["job_executions"][0].get("waiting_reason", ""))


@pytest.mark.weakness("V6")
def test_what_a_vault_is_sent(server: RunningServer, vault: ScriptedVault) -> None:
    connect(server, f"{vault.url}/", namespace="team/a", approle_mount="/ci/")
    assert lease(server) == "value"
    login, read = vault.asked
    assert (login.method, login.path) == ("POST", "/v1/auth/ci/login")
    assert json.loads(login.body) == {"role_id": "role", "secret_id": SECRET_ID}
    assert login.headers["x-vault-namespace"] == read.headers["x-vault-namespace"] == "team/a"
    assert "x-vault-token" not in login.headers
    assert (read.method, read.path) == ("GET", "/v1/kv/data/a b/c?d"), "one read for both keys; the name is encoded"
    assert read.headers["x-vault-token"] == TOKEN
    assert "authorization" not in read.headers


def test_no_password_of_a_netrc_is_sent(
    server: RunningServer, vault: ScriptedVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert lease(server) == "value"
    assert not [one for one in vault.asked if "authorization" in one.headers]


@pytest.mark.weakness("V11")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirected_login_takes_the_secret_id_nowhere(
    server: RunningServer, vault: ScriptedVault, status: int
) -> None:
    elsewhere = ScriptedVault(kv2(k="stolen"))
    vault.login = Said(status=status, headers={"Location": f"{elsewhere.url}/v1/auth/approle/login"})
    message = lease(server)
    elsewhere.stop()
    assert message == f"{RESOLVE}vault login failed: status={status} body="
    assert elsewhere.asked == []


@pytest.mark.weakness("V11")
def test_a_redirected_read_takes_the_token_nowhere(server: RunningServer, vault: ScriptedVault) -> None:
    elsewhere = ScriptedVault(kv2(k="stolen"))
    vault.said = [Said(status=307, headers={"Location": elsewhere.url})]
    message = lease(server)
    elsewhere.stop()
    assert message == f"{RESOLVE}vault read failed: status=307 body="
    assert elsewhere.asked == []


@pytest.mark.weakness("V2")
def test_a_refused_token_is_renewed_exactly_once(server: RunningServer, vault: ScriptedVault) -> None:
    assert lease(server, "first") == "value"
    vault.said = [Said(status=403, body=b"no")]
    assert lease(server, "second") == f"{RESOLVE}vault read failed: status=403 body=no"
    assert [one.path.rpartition("/")[2] for one in vault.asked] == ["login", "c?d", "c?d", "login", "c?d"]


def test_a_fresh_token_that_is_refused_is_final(server: RunningServer, vault: ScriptedVault) -> None:
    vault.said = [Said(status=403, body=b"no")]
    assert lease(server) == f"{RESOLVE}vault read failed: status=403 body=no"
    assert len(vault.asked_for("/login")) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 412])
def test_what_may_pass_is_waited_for(server: RunningServer, vault: ScriptedVault, status: int) -> None:
    vault.said = [Said(status=status, body=b"busy"), kv2(k="value", l="other")]
    assert lease(server) == "no matching queued job"
    assert reason(server) == f'resolve step 1 secret "t": vault read failed: status={status} body=busy'
    server.clock.step(1)
    assert server.leased().step_plan[0].env["T"] == "value"


LOGINS = {
    "no JSON": (b"<html>", "decode vault login response: JSON is malformed: invalid character (byte 0)"),
    "no object": (b"[]", "decode vault login response: Expected `object`, got `array`"),
    "no auth": (b"{}", "vault login response has no auth block"),
    "null auth": (b'{"auth":null}', "vault login response has no auth block"),
    "no token": (b'{"auth":{"lease_duration":5}}', "vault login response missing client_token"),
    "strange token": (
        b'{"auth":{"client_token":"s.a\\nb"}}',
        "decode vault login response: the token has characters that no header can",
    ),
    "blank token": (b'{"auth":{"client_token":" "}}', "vault login response missing client_token"),
}


@pytest.mark.parametrize(("body", "text"), LOGINS.values(), ids=LOGINS)
def test_logins_that_are_none(server: RunningServer, vault: ScriptedVault, body: bytes, text: str) -> None:
    vault.login = Said(body=body)
    assert lease(server) == RESOLVE + text


READS = {
    "no JSON": (b"", "decode vault read response: Input data was truncated"),
    "no data": (b"{}", "vault read response has no data"),
    "no inner data": (b'{"data":{}}', "vault read response has no data"),
    "deleted": (b'{"data":{"data":null}}', "vault read response has no data"),
    "data of another kind": (b'{"data":{"data":[]}}', "decode vault read response: Expected `object`, got `array`"),
    "no key": (b'{"data":{"data":{"x":"y"}}}', 'key "k" not found at a b/c?d'),
    "half a character": (b'{"data":{"data":{"k":"\\ud800"}}}', "decode vault read response: Input data was truncated"),
    "too long": (
        json.dumps({"data": {"data": {"k": "v" * (256 << 10)}}}).encode(),
        "decode vault response: it has more than the 256 KiB that are read",
    ),
}


@pytest.mark.parametrize(("body", "text"), READS.values(), ids=READS)
def test_reads_that_are_none(server: RunningServer, vault: ScriptedVault, body: bytes, text: str) -> None:
    vault.said = [Said(body=body)]
    assert lease(server) == RESOLVE + text


@pytest.mark.parametrize("lasts", ['"soon"', "0", "-5", "null", "true", "1e300"])
def test_strange_lifetimes_of_tokens_are_borne(server: RunningServer, vault: ScriptedVault, lasts: str) -> None:
    vault.login = Said(body=f'{{"auth":{{"client_token":"{TOKEN}","lease_duration":{lasts}}}}}'.encode())
    assert [lease(server, agent) for agent in ("first", "second")] == ["value", "value"]
    assert len(vault.asked_for("/login")) == 1


@pytest.mark.weakness("V13")
def test_errors_show_no_more_than_the_beginning_of_an_answer(server: RunningServer, vault: ScriptedVault) -> None:
    vault.said = [Said(status=400, body=b"<p>\n" + b"x" * 100_000)]
    assert lease(server) == f"{RESOLVE}vault read failed: status=400 body=<p> {'x' * 496}…"


def test_errors_do_not_repeat_what_was_sent(server: RunningServer, vault: ScriptedVault) -> None:
    vault.login = Said(status=400, body=f"you sent {SECRET_ID}".encode())
    assert lease(server, "first") == f"{RESOLVE}vault login failed: status=400 body=you sent ***"
    vault.login = ScriptedVault.login_of(TOKEN)
    vault.said = [Said(status=404, body=f"you sent {TOKEN}".encode())]
    assert lease(server, "second") == f"{RESOLVE}vault read failed: status=404 body=you sent ***"
    stored = b"".join(path.read_bytes() for path in server.directory.rglob("*") if path.is_file())
    assert TOKEN.encode() not in stored


def test_nobody_listens(server: RunningServer, vault: ScriptedVault) -> None:
    vault.stop()
    assert lease(server) == "no matching queued job"
    assert reason(server) == 'resolve step 1 secret "t": send vault request: Connection refused'


def test_a_name_that_nobody_has(server: RunningServer, vault: ScriptedVault) -> None:
    connect(server, "http://vault.invalid:8200")
    assert lease(server) == "no matching queued job"
    assert reason(server).startswith('resolve step 1 secret "t": send vault request: ')


def test_a_ca_file_that_is_not_there_is_no_outage(server: RunningServer, vault: ScriptedVault) -> None:
    connect(server, "https://127.0.0.1:1", ca_file="/nowhere/ca.pem")
    message = lease(server)
    assert message.startswith(f"{RESOLVE}create vault request: ")
    assert "/nowhere/ca.pem" in message


def test_a_long_wait_ends_although_the_work_does_not() -> None:
    ends = threading.Event()
    with pytest.raises(VaultUnavailable, match="no answer in time"):
        within(0.01, ends.wait)
    ends.set()


@pytest.mark.weakness("V5")
@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"12345678901234567890123", "12345678901234567890123"),
        (b"1.10", "1.10"),
        (b'{"a": 12345678901234567890123}', '{"a":12345678901234567890123}'),
        (b'"\\u003c"', "<"),
    ],
)
def test_numbers_are_never_rounded(written: bytes, text: str) -> None:
    assert render(msgspec.Raw(written), key="k") == text


def test_a_number_that_is_too_long_to_read_is_refused() -> None:
    with pytest.raises(VaultRefused, match="no text that can be passed on"):
        render(msgspec.Raw(b"[" + b"1" * 10_000 + b"]"), key="k")


def test_a_vault_that_answers_something_is_not_out(server: RunningServer, vault: ScriptedVault) -> None:
    """Only the execution that asks for too much waits; the next one is not put off for it."""
    places = "[{name: t, path: one, key: k}, {name: u, path: two, key: k}]"
    two = f'[{{id: s, steps: [{{run: x, env: {{T: "{{{{secret.t}}}}{{{{secret.u}}}}"}}, vault: {{connection: pantry, secrets: {places}}}}}]}}]'
    vault.said = [kv2(k="first"), Said(status=503, body=b"busy"), kv2(k="value", l="other")]
    [greedy] = server.run(server.define(two))
    assert lease(server) == "value"
    waiting = server.job(greedy)
    assert waiting.waiting_reason == 'resolve step 1 secret "u": vault read failed: status=503 body=busy'
    server.clock.step(1)
    assert server.leased("b").step_plan[0].env["T"] == "valuevalue"


def test_an_attempt_that_is_refused_ends_the_outage(server: RunningServer, vault: ScriptedVault) -> None:
    vault.said = [Said(status=503), Said(status=404, body=b"no"), kv2(k="value", l="other")]
    assert lease(server) == "no matching queued job"
    server.clock.step(1)
    assert server.lease().message == f"{RESOLVE}vault read failed: status=404 body=no"
    assert lease(server) == "value"


def test_what_is_broken_for_one_job_does_not_hold_up_the_next(server: RunningServer, vault: ScriptedVault) -> None:
    """The one that failed is the older one, and would always be first to try."""
    vault.said = [Said(status=500, body=b"broken mount"), kv2(k="value", l="other")]
    assert lease(server) == "no matching queued job"
    [healthy] = server.run(server.define(JOB))
    assert not server.lease().assigned
    server.clock.step(0.5)
    assert server.leased().id == healthy


@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")), is_escaped=st.booleans()
)
def test_any_text_arrives_as_it_is(text: str, is_escaped: bool) -> None:
    assert render(msgspec.Raw(json.dumps(text, ensure_ascii=is_escaped).encode()), key="k") == text


@given(number=st.integers())
def test_any_whole_number_arrives_with_all_its_digits(number: int) -> None:
    assert render(msgspec.Raw(str(number).encode()), key="k") == str(number)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX-Header: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_vault_that_drips_is_left_when_the_time_is_over(beginning: bytes) -> None:
    now = datetime.now(UTC)
    with DrippingServer(beginning) as vault:
        connection = VaultConnectionRecord(id=1, name="pantry", url=vault.url, created=now, updated=now)
        client = VaultClient(connection, ends_at=time.monotonic() + 60)

        def let_the_time_be_over() -> None:
            vault.found.wait(60)
            client._transport._cutoff.move(0)

        threading.Thread(target=let_the_time_be_over).start()
        with pytest.raises(VaultUnavailable, match=r"^send vault request: no answer in time$"):
            client.login(SECRET_ID)
        client.close()
        assert vault.lost.wait(timeout=60)
