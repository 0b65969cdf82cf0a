"""Tokens that end and Vaults that are away, hang or lack a certificate, by a real OpenBao; the clock is stepped."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import OpenBao
from cictl_testing.servers.vault_jobs import CONNECTIONS, FAILED, connect, enqueue, env_of, secret, step

from cictl.wire.agents import LeaseResponse
from cictl_server.services.secrets import lease_secrets

TOO_LATE = ("send vault request: no answer in time", "send vault request: the time for this is over")

pytestmark = pytest.mark.usefixtures("secret_id")


class TestTokens:
    def lease_one(self, server: RunningServer, path: str) -> LeaseResponse:
        """Let an agent of its own lease a job that reads this."""
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret(path)))
        return server.lease(f"agent-of-{job_id}")

    def test_one_login_serves_many_jobs(self, server: RunningServer, own_openbao: OpenBao) -> None:
        connect(server, own_openbao)
        own_openbao.put("p", k="v")
        for _ in range(3):
            assert self.lease_one(server, "p").assigned
        assert own_openbao.logins() == 1

    def test_a_token_is_used_for_most_of_its_life(self, server: RunningServer, own_openbao: OpenBao) -> None:
        connect(server, own_openbao)
        own_openbao.put("p", k="v")
        for seconds, logins in ((0, 1), (2879, 1), (1, 2)):
            server.clock.step(seconds)
            assert self.lease_one(server, "p").assigned
            assert own_openbao.logins() == logins

    @pytest.mark.weakness("V2")
    def test_a_revoked_one_costs_one_more_login(self, server: RunningServer, own_openbao: OpenBao) -> None:
        connect(server, own_openbao)
        own_openbao.put("p", k="v")
        assert self.lease_one(server, "p").assigned
        own_openbao.revoke_tokens()
        assert env_of(self.lease_one(server, "p").job_execution) == {"A": "v"}
        assert own_openbao.logins() == 1

    @pytest.mark.weakness("V2")
    def test_a_changed_role_is_used_at_once(self, server: RunningServer, own_openbao: OpenBao) -> None:
        connect(server, own_openbao)
        own_openbao.put("p", k="v")
        assert self.lease_one(server, "p").assigned
        connect(server, own_openbao, role_id="nobody")
        assert "vault login failed: status=400" in self.lease_one(server, "p").message

    def test_a_role_that_lost_its_rights(self, server: RunningServer, own_openbao: OpenBao) -> None:
        """The old token still has them, unless it is revoked; a new one has not, and then it is final."""
        connect(server, own_openbao)
        own_openbao.put("p", k="v")
        assert self.lease_one(server, "p").assigned
        own_openbao.allow(policies="default")
        own_openbao.revoke_tokens()
        assert "vault read failed: status=403" in self.lease_one(server, "p").message

    @pytest.mark.weakness("V2")
    def test_a_deleted_connection_is_not_used_from_memory(self, server: RunningServer, own_openbao: OpenBao) -> None:
        connect(server, own_openbao)
        own_openbao.put("p", k="v")
        assert self.lease_one(server, "p").assigned
        server.http.simulate_delete(f"{CONNECTIONS}/1")
        assert "vault connection not found" in self.lease_one(server, "p").message


class TestOutages:
    @pytest.fixture
    def vault(self, server: RunningServer, own_openbao: OpenBao) -> OpenBao:
        connect(server, own_openbao)
        own_openbao.put("p", k="value")
        return own_openbao

    def enqueue(self, server: RunningServer) -> str:
        return enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))

    @pytest.mark.weakness("A6.1e", "V6")
    def test_a_job_waits_while_the_vault_is_gone_and_runs_when_it_is_back(
        self, server: RunningServer, vault: OpenBao
    ) -> None:
        job_id = self.enqueue(server)
        vault.stop()
        assert server.lease() == LeaseResponse(assigned=False, message="no matching queued job")
        waiting = server.job(job_id)
        assert (waiting.status, waiting.leased_by_agent_id, waiting.error) == ("queued", "", "")
        assert waiting.waiting_reason == 'resolve step 1 secret "t": send vault request: Connection refused'
        assert waiting.not_before_utc is not None
        assert (waiting.not_before_utc - server.clock()).total_seconds() == 1
        vault.start()
        vault.put("p", k="value")
        assert not server.lease().assigned, "not before its time"
        server.clock.step(1)
        job = server.leased()
        assert (env_of(job), job.waiting_reason, job.not_before_utc) == ({"A": "value"}, "", None)

    def test_pauses_grow_and_other_jobs_go_on(self, server: RunningServer, vault: OpenBao) -> None:
        job_id = self.enqueue(server)
        vault.stop()
        pauses = []
        for number in range(7):
            other = enqueue(server, {"run": "true"})
            assert server.leased(f"agent-{number}").id == other
            due = server.job(job_id).not_before_utc
            assert due is not None
            pauses.append((due - server.clock()).total_seconds())
            server.clock.now = due
        assert pauses == [1, 2, 4, 8, 16, 30, 30]

    def test_a_sealed_vault_is_an_outage_too(self, server: RunningServer, vault: OpenBao) -> None:
        job_id = self.enqueue(server)
        vault.seal()
        assert not server.lease().assigned
        reason = 'resolve step 1 secret "t": vault login failed: status=503 body={"errors":["Vault is sealed"]}'
        assert server.job(job_id).waiting_reason == reason
        vault.unseal()
        server.clock.step(1)
        assert env_of(server.leased()) == {"A": "value"}

    @pytest.mark.weakness("V6")
    def test_after_a_quarter_of_an_hour_it_fails(self, server: RunningServer, vault: OpenBao) -> None:
        job_id, after = server.run(
            server.define(
                json.dumps(
                    [
                        {"id": "j", "steps": [step({"A": "{{ secret.t }}"}, secret("p"))]},
                        {"id": "after", "needs": ["j"], "steps": [{"run": "true"}]},
                    ]
                )
            )
        )
        vault.stop()
        assert not server.lease().assigned
        server.clock.step(15 * 60 - 1)
        assert not server.lease().assigned
        assert server.job(job_id).status == "queued"
        server.clock.step(30)
        text = f'{FAILED}resolve step 1 secret "t": send vault request: Connection refused (tried for 15 minutes)'
        assert server.lease().message == text
        failed = server.job(job_id)
        assert (failed.status, failed.error, failed.waiting_reason) == ("failed", text, "")
        assert server.job(after).error == "cancelled: required job j failed"

    def test_a_waiting_agent_gets_it_when_its_time_has_come(
        self, server: RunningServer, vault: OpenBao, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing wakes the waiting request but its own look at the clock."""
        monkeypatch.setattr(
            "cictl_server.services.jobs.leasing.WAIT_LIMIT_SECONDS", 600
        )  # a Vault may take long to start
        self.enqueue(server)
        vault.stop()
        assert not server.lease("first").assigned
        answers: list[LeaseResponse] = []
        waiting = threading.Thread(target=lambda: answers.append(server.lease(wait_seconds=600)), daemon=True)
        waiting.start()
        eventually(lambda: server.services.core.hub.waiting == 1, what="the waiting lease")
        vault.start()
        vault.put("p", k="value")
        server.clock.step(1)
        waiting.join(timeout=60)
        assert [answer.assigned for answer in answers] == [True]

    def test_it_is_explained(self, server: RunningServer, vault: OpenBao) -> None:
        server.heartbeat()
        job_id = self.enqueue(server)
        vault.stop()
        server.lease()
        told = server.get(f"/api/v1/jobs/{job_id}/explain").json
        assert told["reason"] == "secrets"
        assert "it waits for its secrets, which could not be had: resolve step 1" in told["summary"]
        assert told["retry_utc"] == "2026-03-01T12:00:01.001000Z"
        assert told["fixes"] == [{"text": "see whether pantry answers", "command": "cictl vault test pantry"}]
        server.clock.step(1)
        assert server.get(f"/api/v1/jobs/{job_id}/explain").json["reason"] == "ready"

    def test_the_end_of_one_is_explained(self, server: RunningServer, vault: OpenBao) -> None:
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("nowhere")))
        message = server.lease().message
        told = server.get(f"/api/v1/jobs/{job_id}/explain").json
        assert told["summary"] == f"it never ran: {message}", "on no agent, although one asked for it"
        assert [fix["command"] for fix in told["fixes"]] == ["cictl vault test pantry", "cictl jobs rerun 1/j"]

    def test_a_queue_full_of_them_costs_one_attempt(self, server: RunningServer, vault: OpenBao) -> None:
        """The others learn from the first that the Vault is out."""
        vault.stop()
        ids = [self.enqueue(server) for _ in range(5)]
        other = enqueue(server, {"run": "true"})
        assert server.leased().id == other
        first, *rest = [server.job(job_id).waiting_reason for job_id in ids]
        assert first == 'resolve step 1 secret "t": send vault request: Connection refused'
        assert set(rest) == {'vault connection "pantry": send vault request: Connection refused'}

    def test_one_tries_it_while_the_others_wait(self, server: RunningServer, vault: OpenBao) -> None:
        vault.stop()
        ids = [self.enqueue(server) for _ in range(2)]
        assert not server.lease("a").assigned
        vault.start()
        vault.put("p", k="value")
        vault.freeze()
        server.clock.step(1)
        answers: list[LeaseResponse] = []
        trying = threading.Thread(target=lambda: answers.append(server.lease("a")))
        trying.start()
        eventually(lambda: server.job(ids[0]).status == "leased", what="the attempt")
        assert not server.lease("b").assigned, "at once"
        assert trying.is_alive()
        vault.thaw()
        trying.join(timeout=60)
        assert [answer.assigned for answer in answers] == [True]
        server.clock.step(5)
        assert server.leased("b").id == ids[1]

    def test_it_waits_on_through_a_restart(self, server: RunningServer, vault: OpenBao) -> None:
        job_id = self.enqueue(server)
        vault.stop()
        server.lease()
        server.restart()
        assert server.job(job_id).waiting_reason
        vault.start()
        vault.put("p", k="value")
        server.clock.step(1)
        assert server.leased().id == job_id


class TestAVaultThatHangs:
    @pytest.fixture
    def frozen(self, server: RunningServer, own_openbao: OpenBao) -> Iterator[OpenBao]:
        connect(server, own_openbao)
        own_openbao.put("p", k="value")
        own_openbao.freeze()
        yield own_openbao
        own_openbao.thaw()

    @pytest.mark.weakness("A6.1e", "V6")
    def test_other_agents_lease_while_one_waits_for_it(self, server: RunningServer, frozen: OpenBao) -> None:
        slow = enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        answers: list[LeaseResponse] = []
        waiting = threading.Thread(target=lambda: answers.append(server.lease("a")))
        waiting.start()
        eventually(lambda: server.job(slow).status == "leased", what="the claim")
        other = enqueue(server, {"run": "true"})
        assert server.leased("b").id == other
        assert waiting.is_alive(), "the answer to b did not wait for that to a"
        assert server.lease("a").message == "agent already has an active job", "a repeat does not ask twice"
        frozen.thaw()
        waiting.join(timeout=60)
        assert [answer.assigned for answer in answers] == [True]

    def test_it_is_not_waited_for_longer_than_an_agent_waits(
        self, server: RunningServer, frozen: OpenBao, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lease_secrets, "LEASE_SECONDS", 1.0)
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        assert not server.lease("a").assigned
        assert server.job(job_id).waiting_reason.endswith(TOO_LATE)

    def test_it_holds_few_threads_and_whoever_needs_it_has_a_turn_later(
        self, server: RunningServer, frozen: OpenBao
    ) -> None:
        slow = enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        other = enqueue(server, {"run": "true"})
        places = server.services.secrets.lease_secrets.places
        for number in range(places.places):
            places.take_place(f"job-of-others-{number}")
        assert server.leased("b").id == other
        assert server.job(slow).waiting_reason == "Vault is asked for 24 other jobs just now, as many as may be at once"
        server.clock.step(3600)
        assert not server.lease("a").assigned
        assert server.job(slow).status == "queued", "it is not given up: nothing is known against its Vault"
        places.leave_place("job-of-others-0")
        frozen.thaw()
        server.clock.step(1)
        assert env_of(server.leased("a")) == {"A": "value"}

    def test_what_is_cancelled_meanwhile_stays_cancelled(self, server: RunningServer, frozen: OpenBao) -> None:
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        answers: list[LeaseResponse] = []
        waiting = threading.Thread(target=lambda: answers.append(server.lease("a")))
        waiting.start()
        eventually(lambda: server.job(job_id).status == "leased", what="the claim")
        assert server.cancel(job_id).status_code == 200
        frozen.thaw()
        waiting.join(timeout=60)
        assert [answer.assigned for answer in answers] == [False]
        assert server.job(job_id).error == "cancelled by user"


def test_many_leases_at_once_log_in_once(server: RunningServer, own_openbao: OpenBao) -> None:
    connect(server, own_openbao)
    own_openbao.put("p", k="v")
    for _ in range(6):
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
    answers: list[LeaseResponse] = []
    leases = [
        threading.Thread(target=lambda name=f"agent-{number}": answers.append(server.lease(name)))
        for number in range(6)
    ]
    for lease in leases:
        lease.start()
    deadline = time.monotonic() + 60
    for lease in leases:
        lease.join(timeout=deadline - time.monotonic())
    assert [answer.assigned for answer in answers] == [True] * 6
    assert own_openbao.logins() == 1


class TestHttps:
    @pytest.fixture
    def vault(self, tmp_path: Path) -> Iterator[OpenBao]:
        home = tmp_path / "openbao"
        home.mkdir()
        running = OpenBao(home, is_tls=True)
        running.put("p", k="by https")
        yield running
        running.stop()

    def test_with_the_file_of_its_authority(self, server: RunningServer, vault: OpenBao) -> None:
        connect(server, vault, ca_file=str(vault.ca_file))
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        assert env_of(server.leased()) == {"A": "by https"}

    def test_a_certificate_that_nobody_vouches_for_is_no_outage(self, server: RunningServer, vault: OpenBao) -> None:
        connect(server, vault)
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        message = server.lease().message
        assert message.startswith(f'{FAILED}resolve step 1 secret "t": send vault request: ')
        assert "certificate" in message
