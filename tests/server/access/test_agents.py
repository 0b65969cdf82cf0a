"""What the tokens of agents reach, and how an enrolment token becomes one."""

from __future__ import annotations

from typing import Any

import falcon.testing
import pytest
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.wire.admin.access import EnrolmentRequest
from cictl.wire.words import LEASE_TOKEN
from cictl_server.services.core.ids import job_number
from cictl_server.store.contract import Transaction

JSON = {"Accept": "application/json"}


@pytest.fixture
def admin(server: RunningServer) -> str:
    return server.token("admin")


def enrolment(server: RunningServer, **fields: Any) -> str:
    return server.services.access.tokens.create_enrolment(EnrolmentRequest(**fields), created_by="").token


def enroll(server: RunningServer, secret: str, agent_id: str) -> falcon.testing.Result:
    return server.post("/api/v1/agents/enroll", {"token": secret, "agent_id": agent_id}, headers=JSON)


def uses_left(server: RunningServer) -> int:
    return next(t.uses_left for t in server.services.access.tokens.list_tokens() if t.role == "enrolment")


def test_an_enrolment_token_gives_as_many_tokens_as_it_has_uses(server: RunningServer, admin: str) -> None:
    secret = enrolment(server, uses=2)
    made = [enroll(server, secret, agent_id) for agent_id in ("a", "b", "c")]
    assert [answer.status_code for answer in made] == [201, 201, 403]
    assert made[2].json["title"] == "the enrolment token is wrong, used up or expired"
    who = server.ask("GET", "/api/v1/whoami", made[0].json["token"]).json
    assert (who["role"], who["agent_id"], who["name"]) == ("agent", "a", "a")
    beat = server.ask("POST", "/api/v1/heartbeat", made[1].json["token"], json={"agent_id": "b"})
    assert beat.status_code == 200, admin


def test_a_refused_enrolment_uses_nothing_up(server: RunningServer, admin: str) -> None:
    secret = enrolment(server, uses=2)
    assert enroll(server, secret, "a").status_code == 201
    refused = enroll(server, secret, "a")
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert refused.json["title"] == "the agent a has a token already"
    assert enroll(server, secret, "../x").status_code == 400
    assert enroll(server, secret, "").status_code == 400
    assert uses_left(server) == 1
    [own] = [t.id for t in server.services.access.tokens.list_tokens() if t.agent_id == "a"]
    server.ask("DELETE", f"/api/v1/tokens/{own}", admin)
    assert enroll(server, secret, "a").status_code == 201


def test_an_enrolment_token_ends_after_its_time(server: RunningServer, admin: str) -> None:
    secret = enrolment(server, ttl_seconds=60)
    server.clock.step(60)
    assert enroll(server, secret, "a").status_code == 403, admin
    assert uses_left(server) == 1


@pytest.mark.parametrize("kind", ["admin", "agent", "wrong", ""])
def test_other_tokens_enrol_nobody(server: RunningServer, admin: str, kind: str) -> None:
    secret = {"admin": admin, "agent": server.token("agent", agent_id="z"), "wrong": "x", "": ""}[kind]
    assert enroll(server, secret, "a").status_code == 403


def test_wrong_enrolment_tokens_are_counted_too(server: RunningServer, admin: str) -> None:
    statuses = [enroll(server, "x", "a").status_code for _ in range(10)]
    assert statuses == [403] * 9 + [429]
    assert enroll(server, enrolment(server), "a").status_code == 201, admin


def test_an_id_that_a_name_can_not_be_gets_another_name(server: RunningServer, admin: str) -> None:
    server.token("viewer", name="builder")
    secret = enrolment(server, uses=2)
    names = [enroll(server, secret, agent_id).json["name"] for agent_id in ("builder", "7")]
    assert names == ["agent-4", "agent-5"], admin


class TestReach:
    """The agent a holds a job that needs the artifacts of a finished one of b; another job belongs to b."""

    @pytest.fixture(autouse=True)
    def _jobs(self, server: RunningServer) -> None:
        steps = 'steps: [{run: "true"}]'
        self.server = server
        pipelines = f"""
pipelines:
  - {{id: build, jobs: [{{id: make, artifacts: [out], {steps}}}]}}
  - {{id: deploy, depends_on: [build], jobs: [{{id: ship, {steps}}}]}}
  - {{id: other, jobs: [{{id: j, {steps}}}]}}"""
        ids = server.define_project(pipelines)
        server.heartbeat("a")
        server.heartbeat("b")
        server.run(ids["build"])
        self.needed = server.running("b").id
        upload = {"agent_id": "b", "artifacts": [{"path": "out", "data_base64": "aGk="}]}
        assert server.post(f"/api/v1/jobs/{self.needed}/artifacts", upload).status_code == 200
        server.report(self.needed, "succeeded", "b")
        server.run(ids["deploy"])
        self.held = server.running("a").id
        server.run(ids["other"])
        self.foreign = server.running("b").id
        server.token("admin")
        self.secret = server.token("agent", agent_id="a")

    def status(self, method: str, path: str, **options: Any) -> int:
        return self.server.ask(method, path, self.secret, **options).status_code

    def test_artifacts_that_its_job_needs_and_no_others(self) -> None:
        for tail in ("artifacts", "artifacts/download-all", "artifacts/download?prefix=out"):
            path, _, query = tail.partition("?")
            found = [
                self.status("GET", f"/api/v1/jobs/{job}/{path}", query_string=query)
                for job in (self.needed, self.held, self.foreign, "job-7")
            ]
            assert found[0] == 200, tail
            assert found[2:] == [404, 404], tail
        assert self.status("GET", f"/artifacts/{self.needed}/out") == 200

    def test_of_a_job_that_it_needs_it_reads_artifacts_only(self) -> None:
        for tail in ("", "/log", "/tests", "/steps"):
            assert self.status("GET", f"/api/v1/jobs/{self.needed}{tail}") == 404
            assert self.status("GET", f"/api/v1/jobs/{self.held}{tail}") == 200

    def test_when_its_job_is_over_the_artifacts_are_out_of_reach(self) -> None:
        body = {"agent_id": "a", "status": "succeeded"}
        assert self.status("POST", f"/api/v1/jobs/{self.held}/status", json=body) == 200
        assert self.status("POST", f"/api/v1/jobs/{self.held}/status", json=body) == 200, "a repeat is told the same"
        assert self.status("GET", f"/api/v1/jobs/{self.needed}/artifacts") == 404

    @pytest.mark.parametrize("agent_id", ["b", "", "A"])
    def test_another_id_in_a_body_is_forbidden(self, agent_id: str) -> None:
        body = {"agent_id": agent_id, "status": "running"}
        assert self.status("POST", "/api/v1/heartbeat", json=body) == 403
        assert self.status("POST", "/api/v1/agent/lease", json=body) == 403
        for path in ("status", "tests", "artifacts"):
            assert self.status("POST", f"/api/v1/jobs/{self.held}/{path}", json=body) == 403
        zip_path = f"/api/v1/jobs/{self.held}/artifacts/upload-zip"
        assert self.status("POST", zip_path, headers={"X-CIWI-Agent-ID": agent_id}) == 403
        assert self.status("POST", zip_path, query_string="agent_id=b") == 403

    def test_jobs_of_others_are_not_there(self) -> None:
        body = {"agent_id": "a", "status": "failed"}
        for path in ("status", "tests", "artifacts"):
            assert self.status("POST", f"/api/v1/jobs/{self.foreign}/{path}", json=body) == 404
        assert self.server.services.jobs.jobs.get_state(self.foreign).status == "running"

    def test_a_job_can_not_name_what_another_project_made(self) -> None:
        def change(tx: Transaction) -> None:
            needed = tx.jobs.find(job_number(self.needed))
            assert needed is not None
            tx.jobs.put(replace(needed, metadata={**needed.metadata, "project_id": "2", "project": "other"}))

        self.server.store.write(change)
        assert self.status("GET", f"/api/v1/jobs/{self.needed}/artifacts") == 404


def test_the_agent_whose_lease_ran_out_may_still_begin(server: RunningServer) -> None:
    """Nobody has the execution then; the lease's own token tells whose it was."""
    job_id = server.enqueue()
    server.heartbeat("a")
    server.token("admin")
    secret = server.token("agent", agent_id="a")
    lease = server.ask("POST", "/api/v1/agent/lease", secret, json={"agent_id": "a", "sends_token": True})
    token = lease.json["lease_token"]
    server.clock.step(46)
    server.services.jobs.expiry.run_once()
    path, body = f"/api/v1/jobs/{job_id}/status", {"agent_id": "a", "status": "running"}
    assert server.ask("POST", path, secret, json=body, headers={LEASE_TOKEN: "x"}).status_code == 409
    assert server.ask("POST", path, secret, json=body, headers={LEASE_TOKEN: token}).status_code == 200
