"""What the audit tells of each request that changes something, or is refused."""

from __future__ import annotations

import threading

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.admin.access import EnrollRequest, EnrolmentRequest
from cictl.wire.admin.retention import RetentionChange
from cictl.wire.admin.secrets import SecretRequest
from cictl.wire.admin.vault import VaultConnectionRequest
from cictl.wire.audit.records import AuditRecord, AuditTarget
from cictl.wire.codec import encode


@pytest.fixture
def admin(server: RunningServer) -> str:
    return server.token("admin", name="root")


@pytest.fixture
def olga(server: RunningServer, admin: str) -> str:
    assert admin
    return server.token("operator", name="olga")


def last(server: RunningServer) -> AuditRecord:
    return server.audit()[-1]


def kinds(record: AuditRecord) -> list[tuple[str, str]]:
    return [(target.kind, target.name) for target in record.targets]


def test_a_cancel_tells_who_cancelled_what_and_from_where(server: RunningServer, olga: str) -> None:
    job_id = _enqueued(server, olga)
    headers = {"User-Agent": "cictl", "X-Request-Id": "r-1"}
    assert server.ask("POST", f"/api/v1/jobs/{job_id}/cancel", olga, headers=headers).status_code == 200
    record = last(server)
    assert (record.action, record.outcome) == ("job.cancelled", "success")
    assert (record.actor.kind, record.actor.name, record.actor.role) == ("user", "olga", "operator")
    assert record.targets == [AuditTarget(kind="job", id=job_id, name="shop/build/work")]
    assert (record.origin.client, record.origin.user_agent, record.origin.address) == ("cli", "cictl", "127.0.0.1")
    assert (record.method, record.path, record.request_id) == ("POST", f"/api/v1/jobs/{job_id}/cancel", "r-1")
    assert record.time_utc == server.clock.now


def test_a_job_tells_who_started_and_who_cancelled_it(server: RunningServer, admin: str, olga: str) -> None:
    job_id = _enqueued(server, olga)
    server.ask("POST", f"/api/v1/jobs/{job_id}/cancel", admin)
    job = server.ask("GET", f"/api/v1/jobs/{job_id}", admin).json["job_execution"]
    assert (job["started_by"], job["cancelled_by"]) == ("olga", "root")
    again = server.ask("POST", f"/api/v1/jobs/{job_id}/rerun", admin).json["job_execution"]
    assert (again["started_by"], again.get("cancelled_by")) == ("root", None)
    summary = server.ask("GET", "/api/v1/jobs", admin, query_string="view=summary").json
    assert {group["started_by"] for group in summary["history_groups"]} == {"olga"}


def test_a_run_is_told_with_its_id_and_the_pipeline(server: RunningServer, olga: str) -> None:
    _enqueued(server, olga)
    record = last(server)
    assert record.action == "run.started"
    assert kinds(record) == [("pipeline", "shop/build"), ("run", "shop/build")]
    assert record.details == {"run_number": "1", "jobs": "1"}


def test_a_dry_run_is_told_as_one(server: RunningServer) -> None:
    server.enqueue(dry_run=True)
    assert last(server).details == {"run_number": "1", "jobs": "1", "dry_run": "true"}


def test_a_change_and_its_record_are_one_transaction(server: RunningServer, olga: str) -> None:
    job_id = _enqueued(server, olga)
    before = server.store.figures().commits
    server.ask("POST", f"/api/v1/jobs/{job_id}/cancel", olga)
    assert last(server).action == "job.cancelled"
    assert server.store.figures().commits == before + 1


def test_what_did_not_work_is_told_as_failed(server: RunningServer, olga: str) -> None:
    job_id = _enqueued(server, olga)
    server.ask("POST", f"/api/v1/jobs/{job_id}/cancel", olga)
    assert server.ask("POST", f"/api/v1/jobs/{job_id}/cancel", olga).status_code == 409
    assert (last(server).action, last(server).outcome) == ("job.cancelled", "failed")
    assert last(server).details == {"status": "409", "code": "conflict"}


def test_a_role_that_is_too_weak_is_told_with_what_was_wanted(server: RunningServer, admin: str, olga: str) -> None:
    viewer = server.token("viewer", name="vera")
    job_id = _enqueued(server, olga)
    assert server.ask("POST", f"/api/v1/jobs/{job_id}/cancel", viewer).status_code == 403, admin
    record = last(server)
    assert (record.action, record.outcome, record.actor.name) == ("auth.refused", "refused", "vera")
    assert record.details["wanted"] == "job.cancelled"
    assert record.details["reason"] == "this needs the role operator; the token vera has the role viewer"
    assert kinds(record) == [("job", "shop/build/work")]


def test_another_agents_id_is_told(server: RunningServer, admin: str) -> None:
    mine = server.token("agent", name="a", agent_id="a")
    assert server.ask("POST", "/api/v1/heartbeat", mine, body=b'{"agent_id":"b"}').status_code == 403, admin
    assert (last(server).action, last(server).actor.kind, last(server).origin.client) == (
        "auth.refused",
        "agent",
        "agent",
    )


def test_a_page_of_another_origin_is_told(server: RunningServer) -> None:
    headers = {"Origin": "http://evil.example", "User-Agent": "Mozilla/5.0"}
    assert server.ask("POST", "/api/v1/jobs/clear-queue", headers=headers).status_code == 403
    assert (last(server).action, last(server).origin.client) == ("auth.refused", "web")


def test_agents_daily_work_is_not_told(server: RunningServer, admin: str, olga: str) -> None:
    mine = server.token("agent", name="a", agent_id="a")
    job_id = _enqueued(server, olga)
    before = server.audit()
    as_agent = {"agent_id": "a", "status": "running", "output_append": "x", "output_offset": 0}
    for path in ("heartbeat", "agent/lease", f"jobs/{job_id}/status"):
        assert server.ask("POST", f"/api/v1/{path}", mine, body=encode(as_agent)).status_code == 200, admin
    done = encode({"agent_id": "a", "status": "succeeded"})
    assert server.ask("POST", f"/api/v1/jobs/{job_id}/status", mine, body=done).status_code == 200
    assert server.audit() == before


def test_a_repeated_request_is_told_once(server: RunningServer, olga: str) -> None:
    job_id = _enqueued(server, olga)
    headers = {"Idempotency-Key": "k"}
    answers = [server.ask("POST", f"/api/v1/jobs/{job_id}/cancel", olga, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [record.outcome for record in server.audit(action="job.cancelled")] == ["success"]


def test_what_is_made_is_told_with_its_id(server: RunningServer, admin: str) -> None:
    made = server.ask("POST", "/api/v1/tokens", admin, body=b'{"name":"ben","role":"viewer","projects":["shop"]}').json
    record = last(server)
    assert (record.action, record.targets) == (
        "token.created",
        [AuditTarget(kind="token", id=str(made["id"]), name="ben")],
    )
    assert record.details == {"role": "viewer", "projects": "shop"}
    server.ask("POST", f"/api/v1/tokens/{made['id']}/rotate", admin)
    server.ask("DELETE", f"/api/v1/tokens/{made['id']}", admin)
    assert [(r.action, kinds(r)) for r in server.audit(target="ben")] == [
        (action, [("token", "ben")]) for action in ("token.created", "token.rotated", "token.revoked")
    ]


def test_an_agent_is_enrolled_by_the_enrolment(server: RunningServer, admin: str) -> None:
    enrolment = server.ask("POST", "/api/v1/agents/enrolments", admin, body=encode(EnrolmentRequest())).json
    request = EnrollRequest(token=enrolment["token"], agent_id="a")
    assert server.post("/api/v1/agents/enroll", request).status_code == 201
    record = last(server)
    assert (record.action, record.actor.kind, record.actor.name) == (
        "agent.enrolled",
        "enrolment",
        enrolment["name"],
    )
    assert kinds(record) == [("token", "a")]


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("activate", "agent.activated"),
        ("deactivate", "agent.deactivated"),
        ("refresh-tools", "agent.tools_refreshed"),
        ("restart", "agent.restarted"),
        ("wipe-cache", "agent.cache_wiped"),
        ("flush-job-history", "agent.history_flushed"),
    ],
)
def test_each_action_on_an_agent_has_its_own_name(server: RunningServer, action: str, told: str) -> None:
    server.heartbeat("a")
    assert server.act(action).status_code == 200
    assert [(r.action, r.outcome, kinds(r)) for r in server.audit()] == [(told, "success", [("agent", "")])]


def test_agents_that_are_removed_are_told_whoever_removed_them(server: RunningServer) -> None:
    for agent_id in ("a", "b"):
        server.heartbeat(agent_id)
    server.clock.step(3600)
    assert server.http.simulate_delete("/api/v1/agents/a").status_code == 200
    server.clock.step(31 * 86_400)
    server.services.agents.removal.forget_silent()
    assert [(r.action, r.actor.kind, r.targets) for r in server.audit()] == [
        ("agent.removed", "anonymous", [AuditTarget(kind="agent", id="a")]),
        ("agent.removed", "system", [AuditTarget(kind="agent", id="b")]),
    ]


def test_what_retention_removes_is_told(server: RunningServer) -> None:
    server.enqueue()
    server.finish("failed")
    assert server.post("/api/v1/retention", RetentionChange(keep_days=1)).status_code == 200
    assert last(server).details == {"keep_days": "1"}
    server.clock.step(2 * 86_400)
    server.services.retention.retention.run_in_background(threading.Event())
    record = last(server)
    assert (record.action, record.actor.kind, record.details["runs"]) == ("retention.run", "system", "1")
    assert server.post("/api/v1/retention/run").status_code == 200
    assert (last(server).action, last(server).actor.kind, last(server).details["runs"]) == (
        "retention.run",
        "anonymous",
        "0",
    )


def test_a_secret_is_told_without_its_value(server: RunningServer) -> None:
    made = server.post("/api/v1/secrets", SecretRequest(name="deploy", value="hunter2", branches=["main"])).json
    assert last(server).details == {"branches": "main"}
    server.http.simulate_delete(f"/api/v1/secrets/{made['secret']['id']}")
    assert [(r.action, kinds(r)) for r in server.audit(target="deploy")] == [
        ("secret.set", [("secret", "deploy")]),
        ("secret.removed", [("secret", "deploy")]),
    ]
    assert "hunter2" not in encode(server.audit()).decode()


def test_a_pinned_run_is_told(server: RunningServer) -> None:
    server.enqueue()
    server.post("/api/v1/runs/1/pin")
    assert (last(server).action, last(server).targets) == ("run.pinned", [AuditTarget(kind="run", id="1")])


def test_an_unknown_order_is_told_as_failed(server: RunningServer) -> None:
    server.heartbeat("a")
    assert server.act("explode").status_code == 400
    assert [(r.action, r.outcome) for r in server.audit()] == [("agent.ordered", "failed")]


def test_whoever_is_deactivated_loses_jobs_to_the_one_who_did_it(server: RunningServer, admin: str, olga: str) -> None:
    mine = server.token("agent", name="a", agent_id="a")
    job_id = _enqueued(server, olga)
    server.ask("POST", "/api/v1/heartbeat", mine, body=b'{"agent_id":"a"}')
    server.ask("POST", "/api/v1/agent/lease", mine, body=b'{"agent_id":"a"}')
    server.ask("POST", "/api/v1/agents/a/actions", admin, body=b'{"action":"deactivate"}')
    assert last(server).details == {"cancelled_jobs": "1"}
    assert server.ask("GET", f"/api/v1/jobs/{job_id}", admin).json["job_execution"]["cancelled_by"] == "root"


def test_no_secret_gets_into_a_record(server: RunningServer, admin: str) -> None:
    headers = {"User-Agent": f"curl {admin}", "Cookie": f"cictl={admin}"}
    server.ask("GET", f"/api/v1/jobs/{admin}", headers=headers, query_string=f"token={admin}")
    request = VaultConnectionRequest(
        name="v", url="http://anna:pw-of-anna@127.0.0.1:1", role_id="r", secret_id_env="CICTL_VAULT_V"
    )
    server.ask("POST", "/api/v1/vault/connections", admin, body=encode(request))
    server.ask("POST", "/api/v1/tokens", admin, body=b'{"name":"\\u0000","role":"viewer"}')
    assert admin.encode() not in server.stored()
    told = encode(server.audit()).decode()
    assert "token=" not in told
    assert "pw-of-anna" not in told
    assert last(server).path == "/api/v1/tokens"
    assert server.audit(action="auth")[0].path == "/api/v1/jobs/***"
    assert server.audit(action="auth")[0].origin.user_agent == "curl ***"


def test_a_flood_of_refusals_is_told_in_part(server: RunningServer, admin: str) -> None:
    for _ in range(100):
        assert server.ask("GET", "/api/v1/jobs").status_code == 401, admin
    told = [record.action for record in server.audit(actor="anonymous")]
    assert told == ["auth.refused"] * 30 + ["auth.limited"]
    server.clock.step(60)
    server.ask("GET", "/api/v1/jobs")
    assert [record.action for record in server.audit(actor="anonymous")] == [*told, "auth.refused"]


def test_a_flood_of_failures_is_told_in_part(server: RunningServer, admin: str) -> None:
    for _ in range(50):
        assert server.ask("DELETE", "/api/v1/tokens/9", admin).status_code == 404
    assert [record.outcome for record in server.audit(action="token.revoked")] == ["failed"] * 30
    assert server.ask("DELETE", "/api/v1/tokens/1").status_code == 401
    assert last(server).action == "auth.refused"


def test_an_address_with_too_many_wrong_tokens_is_told_once_a_minute(server: RunningServer, admin: str) -> None:
    for _ in range(20):
        server.ask("GET", "/api/v1/jobs", "wrong")
    assert [record.action for record in server.audit(actor="anonymous")] == ["auth.refused"] * 9 + ["auth.limited"], (
        admin
    )


def test_what_a_full_disk_keeps_from_being_told_is_answered_all_the_same(
    server: RunningServer, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cictl_server.store.tiny.journal.write_all", fail)
    assert server.ask("GET", "/api/v1/tokens").status_code == 401, admin


def _enqueued(server: RunningServer, secret: str) -> str:
    """Run a pipeline with one job as the holder of *secret*, and return the job's id."""
    pipeline = server.define('[{id: work, steps: [{run: "true"}]}]')
    server.clock.step(0.001)
    answer = server.ask("POST", f"/api/v1/pipelines/{pipeline}/run-selection", secret, body=b"{}")
    assert answer.status_code == 201, answer.text
    [job_id] = answer.json["job_execution_ids"]
    return str(job_id)
