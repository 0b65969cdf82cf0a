"""A server that forgot the secrets of a running job, or never had them, reads them again before it stores a byte of the job's agent."""

from __future__ import annotations

import base64
from typing import Any

import falcon.testing
import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import OpenBao
from cictl_testing.servers.vault_jobs import connect, enqueue, secret, step
from msgspec.structs import replace

from cictl.wire.agents import StatusRequest
from cictl.wire.jobs import Source, Step, StepEvent
from cictl.wire.problems import Code
from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload
from cictl.wire.results.reports import TestCase, TestReport, TestReportUpload, TestSuite
from cictl_server.services.history.lookup import get_job
from cictl_server.services.secrets import recall
from cictl_server.services.secrets.lease_secrets import needs_secrets
from cictl_server.store.records.jobs import JobRecord

VALUE = "s3cr3t-hunter2-value"
HIDDEN = "*" * len(VALUE)
USES = '[{id: make, steps: [{run: x, env: {TOKEN: "a {{ secret.deploy }} b"}}]}]'


def put(server: RunningServer, value: str = VALUE) -> str:
    """Set the secret, and return its id."""
    answer = server.post("/api/v1/secrets", {"name": "deploy", "value": value})
    assert answer.status_code == 201, answer.text
    return str(answer.json["secret"]["id"])


@pytest.fixture
def job_id(server: RunningServer) -> str:
    """A running job with a secret of the server's own, after a restart of the server."""
    put(server)
    server.run(server.define(USES))
    job_id = server.running().id
    server.restart()
    return job_id


def say(server: RunningServer, job_id: str, text: str, *, offset: int = 0, **fields: Any) -> falcon.testing.Result:
    """Send output of an agent that masks nothing."""
    return server.report(job_id, fields.pop("status", "running"), output_append=text, output_offset=offset, **fields)


def assert_unknown(answer: falcon.testing.Result, reason: str) -> None:
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert reason in answer.text
    assert VALUE not in answer.text


def test_output_after_a_restart_is_masked(server: RunningServer, job_id: str) -> None:
    assert say(server, job_id, f"say {VALUE}\n").status_code == 200
    assert server.log(job_id).decode() == f"say {HIDDEN}\n"
    assert VALUE.encode() not in server.stored()


def test_a_snapshot_after_a_restart_is_masked(server: RunningServer, job_id: str) -> None:
    assert server.report(job_id, "running", output=f"say {VALUE}\n", error=VALUE).status_code == 200
    assert server.log(job_id).decode() == f"say {HIDDEN}\n"
    assert VALUE.encode() not in server.stored()


def test_a_secret_over_a_restart_is_masked(server: RunningServer, job_id: str) -> None:
    assert say(server, job_id, f"say {VALUE[:5]}").status_code == 200
    server.restart()
    assert server.log(job_id) == b"say ", "its beginning is not shown"
    assert say(server, job_id, f"{VALUE[5:]}\n", offset=9).status_code == 200
    assert server.log(job_id).decode() == f"say {HIDDEN}\n"


def test_everything_else_of_a_report_is_masked_too(server: RunningServer, job_id: str) -> None:
    event = StepEvent(type="step.started", step=Step(index=1, total=1, name=VALUE), log_offset=0)
    assert server.report(job_id, "running", current_step=VALUE, events=[event]).status_code == 200
    assert server.report(job_id, "failed", error=f"no {VALUE}", warnings=[VALUE]).status_code == 200
    assert VALUE.encode() not in server.stored()


def test_reports_and_names_of_artifacts_are_masked(server: RunningServer, job_id: str) -> None:
    suite = TestSuite(name=VALUE, format="junit-xml", cases=[TestCase(status="pass", package="p", name=VALUE)])
    upload = TestReportUpload(agent_id="a", report=TestReport(total=1, passed=1, suites=[suite]))
    assert server.post(f"/api/v1/jobs/{job_id}/tests", upload).status_code == 200
    server.restart()
    file = ArtifactData(path=f"out/{VALUE}.txt", data_base64=base64.b64encode(b"x").decode())
    assert (
        server.post(f"/api/v1/jobs/{job_id}/artifacts", ArtifactUpload(agent_id="a", artifacts=[file])).status_code
        == 200
    )
    assert server.get(f"/artifacts/{job_id}/out/___.txt").content == b"x"
    assert VALUE.encode() not in server.stored()


@pytest.mark.parametrize("status", ["running", "failed"])
def test_nothing_is_stored_before_the_secret_can_be_read(server: RunningServer, job_id: str, status: str) -> None:
    [record] = server.get("/api/v1/secrets").json["secrets"]
    server.http.simulate_delete(f"/api/v1/secrets/{record['id']}")
    for _ in range(2):
        refused = say(server, job_id, f"say {VALUE}\n", status=status, error=VALUE)
        assert_unknown(refused, 'secret "deploy" is not set')
    assert (server.job(job_id).status, server.log(job_id)) == ("running", b"")
    assert VALUE.encode() not in server.stored()
    put(server)
    assert say(server, job_id, f"say {VALUE}\n", status=status).status_code == 200
    assert (server.job(job_id).status, server.log(job_id).decode()) == (status, f"say {HIDDEN}\n")


def test_programs_are_told_by_a_code(server: RunningServer, job_id: str) -> None:
    server.http.simulate_delete("/api/v1/secrets/1")
    request = StatusRequest(agent_id="a", status="running")
    answer = server.post(f"/api/v1/jobs/{job_id}/status", request, headers={"Accept": "application/json"})
    assert (answer.json["code"], "jobs cancel" in answer.json["hint"]) == (Code.UNAVAILABLE, True)


def test_a_job_whose_secret_is_gone_can_be_cancelled(server: RunningServer, job_id: str) -> None:
    server.http.simulate_delete("/api/v1/secrets/1")
    assert server.cancel(job_id).status_code == 200
    assert say(server, job_id, VALUE).json["job_execution"]["status"] == "failed", "its agent is told"
    assert VALUE.encode() not in server.stored()


def test_who_does_not_hold_the_job_is_refused_first(server: RunningServer, job_id: str) -> None:
    server.http.simulate_delete("/api/v1/secrets/1")
    assert server.report(job_id, "running", "b", output=VALUE).status_code == 409


def test_a_job_without_secrets_needs_none(server: RunningServer, job_id: str) -> None:
    server.http.simulate_delete("/api/v1/secrets/1")
    server.enqueue()
    other = server.running("b")
    server.restart()
    assert server.report(other.id, "running", "b", output_append="x", output_offset=0).status_code == 200
    assert (server.log(other.id), server.job(job_id).status) == (b"x", "running")


def test_an_agent_that_is_late_after_a_restart(server: RunningServer) -> None:
    """Its lease ran out, and it takes the job again by its report: that is another attempt, with the same secrets."""
    put(server)
    server.run(server.define(USES))
    job = server.lease()
    assert job.job_execution is not None
    job_id = job.job_execution.id
    server.restart()
    server.clock.step(45)
    server.services.jobs.expiry.run_once()
    assert say(server, job_id, f"{VALUE}\n", lease_token=job.lease_token).status_code == 200
    assert server.log(job_id).decode() == f"{HIDDEN}\n"


class TestVault:
    @pytest.fixture
    def vault(self, server: RunningServer, own_openbao: OpenBao, secret_id: None) -> OpenBao:
        connect(server, own_openbao)
        own_openbao.put("recalled", k=VALUE)
        return own_openbao

    def test_the_vault_is_asked_once_more_and_then_no_more(
        self, server: RunningServer, vault: OpenBao, caplog: pytest.LogCaptureFixture
    ) -> None:
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("recalled")))
        server.running()
        server.restart()
        caplog.set_level("INFO")
        for offset in (0, 30):
            assert say(server, job_id, f"{VALUE:>30}"[:30], offset=offset).status_code == 200
        assert server.log(job_id).decode() == f"{HIDDEN:>30}" * 2
        assert caplog.text.count("secrets read again") == 1

    def test_while_it_is_sealed_nothing_is_stored(self, server: RunningServer, vault: OpenBao) -> None:
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("recalled")))
        server.running()
        server.restart()
        vault.seal()
        for _ in range(3):
            assert_unknown(say(server, job_id, f"{VALUE}\n"), "ealed")
        assert server.log(job_id) == b""
        assert VALUE.encode() not in server.stored()
        vault.unseal()
        server.clock.step(5)
        assert say(server, job_id, f"{VALUE}\n").status_code == 200
        assert server.log(job_id).decode() == f"{HIDDEN}\n"


def test_credentials_in_the_record_are_masked_after_a_restart(server: RunningServer) -> None:
    job_id = server.enqueue()
    source = Source(repo="https://u:hunter22@git.example.test/shop.git")
    server.store.write(lambda tx: tx.jobs.put(replace(get_job(tx, job_id), source=source)))
    server.running()
    server.restart()
    assert say(server, job_id, "fetch https://u:hunter22@git\n").status_code == 200
    assert server.log(job_id) == b"fetch https://" + b"*" * len("u:hunter22@") + b"git\n"


def test_a_job_without_secrets_is_not_looked_through_again_with_each_report(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counted(job: JobRecord) -> bool:
        looked.append(job.id)
        return needs_secrets(job)

    monkeypatch.setattr(recall, "needs_secrets", counted)
    server.enqueue()
    job_id = server.running().id
    for number in range(3):
        assert say(server, job_id, "x", offset=number).status_code == 200
    assert looked == [job_id]
