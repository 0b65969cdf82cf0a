"""The tokens of jobs: who gets one, how long it counts, what it reaches, and that the server hides it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import falcon.testing
import pytest
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.wire import words
from cictl.wire.agents import AgentProcess, LeaseRequest, LeaseResponse, StatusRequest
from cictl.wire.codec import decode, encode

PROCESS = AgentProcess(pid=1, host="h", work_dir_id="w", started_utc=datetime(2026, 3, 1, 11, tzinfo=UTC))
LATER = replace(PROCESS, pid=2)
LEASE_SECONDS = 46
FILES = '{"agent_id":"%s","artifacts":[{"path":"x","data_base64":"eA=="}]}'


@dataclass
class Guarded:
    """A server with tokens, and the agents a and b, which have theirs."""

    server: RunningServer
    root: str = field(init=False)
    agents: dict[str, str] = field(init=False)
    ids: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        steps = "steps: [{run: ls}]"
        self.ids = self.server.define_project(f"""
pipelines:
  - {{id: build, jobs: [{{id: j, artifacts: [x], {steps}}}, {{id: k, {steps}}}]}}
  - {{id: deploy, depends_on: [build], jobs: [{{id: ship, {steps}}}]}}
pipeline_chains: [{{id: all, pipelines: [build, deploy]}}]""")
        self.root = self.server.token("admin")
        self.agents = {name: self.server.token("agent", name=name, agent_id=name) for name in ("a", "b")}

    def run(self, pipeline: str = "build") -> None:
        self._start(f"pipelines/{self.ids[pipeline]}/run-selection")

    def run_chain(self) -> None:
        self._start(f"pipeline-chains/{self.ids['all']}/run")

    def _start(self, path: str) -> None:
        answer = self.server.ask("POST", f"/api/v1/{path}", self.root, body=b"{}")
        assert answer.status_code == 201, answer.text

    def finished(self) -> LeaseResponse:
        """Lease the next job, send a file, and end it."""
        lease = self.lease()
        self.report(lease, "running")
        assert self.send(lease, lease.job_token).status_code == 200
        self.report(lease, "succeeded")
        return lease

    def lease(
        self, agent_id: str = "a", *, sends_token: bool = True, process: AgentProcess = PROCESS, request_id: str = "r"
    ) -> LeaseResponse:
        request = LeaseRequest(agent_id=agent_id, sends_token=sends_token, process=process, request_id=request_id)
        answer = self.server.ask("POST", "/api/v1/agent/lease", self.agents[agent_id], body=encode(request))
        assert answer.json["assigned"], answer.text
        return decode(answer.content, LeaseResponse)

    def report(self, lease: LeaseResponse, status: str, agent_id: str = "a", **fields: str) -> None:
        body = encode(StatusRequest(agent_id=agent_id, status=status, **fields))  # type: ignore[arg-type]
        headers = {words.LEASE_TOKEN: lease.lease_token}
        answer = self.server.ask("POST", f"{path_of(lease)}/status", self.agents[agent_id], headers=headers, body=body)
        assert answer.status_code == 200, answer.text

    def counts(self, secret: str) -> bool:
        return self.server.ask("GET", "/api/v1/whoami", secret).status_code == 200

    def send(self, lease: LeaseResponse, secret: str, agent_id: str = "a") -> falcon.testing.Result:
        return self.server.ask("POST", f"{path_of(lease)}/artifacts", secret, body=(FILES % agent_id).encode())


def path_of(lease: LeaseResponse) -> str:
    assert lease.job_execution is not None
    return f"/api/v1/jobs/{lease.job_execution.id}"


@pytest.fixture
def guarded(server: RunningServer) -> Guarded:
    return Guarded(server)


def test_a_server_that_asks_nobody_gives_none(server: RunningServer) -> None:
    server.enqueue()
    answer = server.lease(sends_token=True)
    assert (answer.assigned, answer.job_token) == (True, "")


def test_an_agent_of_another_make_gets_none(guarded: Guarded) -> None:
    guarded.run()
    assert guarded.lease(sends_token=False).job_token == ""


def test_it_says_whose_it_is(guarded: Guarded) -> None:
    guarded.run()
    lease = guarded.lease()
    found = guarded.server.ask("GET", "/api/v1/whoami", lease.job_token).json
    job_id = path_of(lease).rpartition("/")[2]
    assert found == {
        "authentication": True,
        "role": "job",
        "name": "1/j",
        "agent_id": "a",
        "job_execution_id": job_id,
    }


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_it_is_dead_when_the_job_is_over(guarded: Guarded, status: str) -> None:
    guarded.run()
    lease = guarded.lease()
    guarded.report(lease, "running")
    assert guarded.counts(lease.job_token)
    guarded.report(lease, status)
    refused = guarded.server.ask("GET", "/api/v1/whoami", lease.job_token)
    assert (refused.status_code, "the token of a job counts only while the job runs" in refused.text) == (401, True)


def test_it_is_dead_when_the_job_is_cancelled(guarded: Guarded) -> None:
    guarded.run()
    lease = guarded.lease()
    assert guarded.server.ask("POST", f"{path_of(lease)}/cancel", guarded.root).status_code == 200
    assert not guarded.counts(lease.job_token)


def test_it_is_dead_when_the_job_is_requeued_and_the_next_attempt_has_another(guarded: Guarded) -> None:
    guarded.run()
    first = guarded.lease()
    guarded.server.clock.step(LEASE_SECONDS)
    guarded.server.services.jobs.expiry.run_once()
    assert not guarded.counts(first.job_token)
    second = guarded.lease("b")
    assert path_of(second) == path_of(first)
    assert (guarded.counts(first.job_token), guarded.counts(second.job_token)) == (False, True)


def test_a_lease_that_is_given_again_has_the_same_and_that_of_a_later_process_another(guarded: Guarded) -> None:
    guarded.run()
    first = guarded.lease()
    assert guarded.lease().job_token == first.job_token
    later = guarded.lease(process=LATER)
    assert path_of(later) == path_of(first)
    assert (guarded.counts(first.job_token), guarded.counts(later.job_token)) == (False, True)


def test_it_outlives_a_restart_of_the_server(guarded: Guarded) -> None:
    guarded.run()
    lease = guarded.lease()
    guarded.report(lease, "running")
    guarded.server.restart()
    assert guarded.counts(lease.job_token)


def test_a_step_sends_files_of_its_own_job_without_the_token_of_the_lease(guarded: Guarded) -> None:
    guarded.run()
    lease = guarded.lease()
    guarded.report(lease, "running")
    assert guarded.send(lease, lease.job_token).status_code == 200
    assert guarded.send(lease, lease.job_token, "b").status_code == 403
    guarded.report(lease, "succeeded")
    assert guarded.send(lease, lease.job_token).status_code == 401


def test_what_it_is_refused_is_recorded_as_the_job_s(guarded: Guarded) -> None:
    guarded.run()
    lease = guarded.lease()
    assert guarded.server.ask("POST", f"{path_of(lease)}/cancel", lease.job_token).status_code == 403
    [record] = guarded.server.ask("GET", "/api/v1/audit?action=auth.refused", guarded.root).json["records"]
    job_id = path_of(lease).rpartition("/")[2]
    assert record["actor"] == {"kind": "job", "id": job_id, "name": "1/j", "role": "job"}


def test_it_sees_its_own_run_in_lists(guarded: Guarded) -> None:
    guarded.run()
    guarded.run()
    lease = guarded.lease()
    listed = guarded.server.ask("GET", "/api/v1/jobs", lease.job_token).json["job_executions"]
    assert sorted(job["metadata"]["pipeline_job_id"] for job in listed) == ["j", "k"]
    assert len({job["metadata"]["pipeline_run_id"] for job in listed}) == 1


def test_it_gets_the_artifacts_that_its_job_depends_on_and_no_more_of_that_run(guarded: Guarded) -> None:
    guarded.run()
    needed = [guarded.finished(), guarded.finished()][0]
    guarded.run("deploy")
    secret = guarded.lease().job_token
    assert guarded.server.ask("GET", f"{path_of(needed)}/artifacts", secret).json["artifacts"][0]["path"] == "x"
    statuses = [guarded.server.ask("GET", f"{path_of(needed)}{tail}", secret).status_code for tail in ("", "/log")]
    assert statuses == [404, 404]


def test_it_reads_the_other_pipelines_of_its_chain_run(guarded: Guarded) -> None:
    guarded.run_chain()
    first = [guarded.finished(), guarded.finished()][0]
    secret = guarded.lease().job_token
    assert guarded.server.ask("GET", f"{path_of(first)}/log", secret).status_code == 200


def test_the_server_hides_it_in_what_an_agent_sends_that_does_not(guarded: Guarded) -> None:
    guarded.run()
    lease = guarded.lease()
    secret = lease.job_token
    guarded.report(lease, "running", output=f"see {secret}", current_step=secret)
    files = FILES.replace('"x"', f'"{secret}"') % "a"
    sent = guarded.server.ask("POST", f"{path_of(lease)}/artifacts", secret, body=files.encode())
    assert [artifact["path"] for artifact in sent.json["artifacts"]] == ["___"]
    guarded.report(lease, "failed", error=f"bad {secret}", output=f"see {secret}")
    assert guarded.server.ask("GET", f"{path_of(lease)}/log", guarded.root).text == f"see {'*' * len(secret)}"
    assert guarded.server.ask("GET", path_of(lease), guarded.root).json["job_execution"]["error"] == "bad ***"
    assert not [p for p in guarded.server.directory.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
