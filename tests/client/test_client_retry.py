"""What changes something is done once, however often its answer is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.answers import AnsweringServer, Reply, problem, refusal, reply
from cictl_testing.servers.samples import JOB, RESTARTING, UPDATED
from cictl_testing.servers.threads import LocalServer, WsgiApp

from cictl.wire.admin.server import ServerInfo
from cictl.wire.jobs import JobResponse, JobStatus
from cictl.wire.problems import BEING_ANSWERED, Code
from cictl.wire.projects import ImportRequest, RunRequest
from cictl_client import Client, ClientError, Conflict, ForeignAnswer, Unreachable, retry
from cictl_client.retry import Pause
from cictl_server.app import create_app

CANCEL = "POST /api/v1/jobs/job-1/cancel"
INFO = "GET /api/v1/server-info"
KNOWS = reply(ServerInfo(name="cictl", api_version=1, version="1", features=["idempotency-key"]))
KNOWS_NOT = reply(ServerInfo(name="ciwi", api_version=1, version="1"))
LOST = refusal(502, "the proxy lost it")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pause, "wait", lambda _: None)


@pytest.fixture
def patient(server: AnsweringServer) -> Iterator[Client]:
    with Client(server.url, retries=1) as connected:
        yield connected


def done() -> Reply:
    return reply(JobResponse(job_execution=JOB))


def keys(server: AnsweringServer) -> list[str]:
    return [seen.headers.get("idempotency-key", "") for seen in server.seen if seen.method == "POST"]


def test_a_lost_answer_is_asked_for_with_the_same_key(patient: Client, server: AnsweringServer) -> None:
    server.on(CANCEL, LOST, LOST, done())
    server.on(INFO, KNOWS)
    patient.cancel_job("job-1")
    assert len(keys(server)) == 3
    assert len(set(keys(server))) == 1
    assert len(keys(server)[0]) == 32


@pytest.mark.parametrize(
    ("request_", "answer", "call"),
    [
        ("POST /api/v1/server/restart", RESTARTING, Client.restart_server),
        ("POST /api/v1/update/apply", UPDATED, Client.apply_update),
        ("POST /api/v1/update/rollback", UPDATED, lambda c: c.rollback_update("v1")),
    ],
    ids=["restart", "apply", "rollback"],
)
def test_the_server_is_replaced_once_however_often_its_answer_is_lost(
    patient: Client, server: AnsweringServer, request_: str, answer: object, call: Callable[[Client], object]
) -> None:
    server.on(request_, LOST, reply(answer))
    server.on(INFO, KNOWS)
    assert call(patient) == answer
    assert [len(key) for key in keys(server)] == [32, 32]
    assert len(set(keys(server))) == 1


def test_each_request_has_a_key_of_its_own(patient: Client, server: AnsweringServer) -> None:
    server.on(CANCEL, done())
    patient.cancel_job("job-1")
    patient.cancel_job("job-1")
    assert len(set(keys(server))) == 2


def test_a_server_that_knows_no_keys_is_asked_once(patient: Client, server: AnsweringServer) -> None:
    server.on(CANCEL, LOST, done())
    server.on(INFO, KNOWS_NOT)
    with pytest.raises(ForeignAnswer):
        patient.cancel_job("job-1")
    assert len(keys(server)) == 1


def test_a_server_that_is_still_working_on_it_is_waited_for(patient: Client, server: AnsweringServer) -> None:
    server.on(CANCEL, LOST, problem(409, Code.CONFLICT, BEING_ANSWERED), done())
    server.on(INFO, KNOWS)
    patient.cancel_job("job-1")
    assert len(keys(server)) == 3


def test_another_conflict_is_the_answer(patient: Client, server: AnsweringServer) -> None:
    server.on(CANCEL, LOST, problem(409, Code.CONFLICT, "job is not active"))
    server.on(INFO, KNOWS)
    with pytest.raises(Conflict, match="not active"):
        patient.cancel_job("job-1")
    assert len(keys(server)) == 2


def test_it_gives_up_in_the_end(patient: Client, server: AnsweringServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "PATIENCE_SECONDS", 0.0)
    server.on(CANCEL, LOST)
    server.on(INFO, KNOWS)
    with pytest.raises(ForeignAnswer):
        patient.cancel_job("job-1")
    assert len(keys(server)) == 2


@pytest.mark.parametrize("status", [500, 503, 507])
def test_a_refusal_is_no_lost_answer(patient: Client, server: AnsweringServer, status: int) -> None:
    server.on(CANCEL, refusal(status, "no"))
    with pytest.raises(ClientError):
        patient.cancel_job("job-1")
    assert len(keys(server)) == 1


def test_a_request_that_never_went_out_fails_at_once(dead_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.Mutations, "_knows_keys", lambda *_: pytest.fail("asked again"))
    with Client(dead_url) as client, pytest.raises(Unreachable):
        client.cancel_job("job-1")


def test_a_client_that_repeats_nothing(client: Client, server: AnsweringServer) -> None:
    server.on(CANCEL, LOST, done())
    with pytest.raises(ForeignAnswer):
        client.cancel_job("job-1")
    assert len(keys(server)) == 1


MUTATIONS: list[tuple[str, Callable[[Client], object]]] = [
    ("agents/a/actions", lambda c: c.agent_action("a", "restart")),
    ("agents/a/actions", lambda c: c.run_script("a", "id", shell="posix")),
    ("projects/import", lambda c: c.import_project(ImportRequest(repo_url="u"))),
    ("projects/3/reload", lambda c: c.reload_project(3)),
    ("pipelines/7/run-selection", lambda c: c.run_pipeline(7, RunRequest())),
    ("pipeline-chains/2/run", lambda c: c.run_chain(2, RunRequest())),
    ("jobs/job-1/cancel", lambda c: c.cancel_job("job-1")),
    ("jobs/job-1/rerun", lambda c: c.rerun_job("job-1")),
    ("jobs/clear-queue", lambda c: c.clear_queue()),
    ("jobs/flush-history", lambda c: c.flush_history()),
    ("jobs/job-1", lambda c: c.delete_job("job-1")),
    ("projects/3", lambda c: c.delete_project(3)),
]


@pytest.mark.parametrize(("path", "call"), [pytest.param(*row, id=f"{n} {row[0]}") for n, row in enumerate(MUTATIONS)])
def test_all_that_changes_something_has_a_key(
    client: Client, server: AnsweringServer, path: str, call: Callable[[Client], object]
) -> None:
    with pytest.raises(ClientError):
        call(client)
    [seen] = server.seen
    assert seen.path == f"/api/v1/{path}"
    assert len(seen.headers["idempotency-key"]) == 32


class Loser:
    """A proxy that loses the answer to the next request that changes something."""

    def __init__(self, rules: RunningServer) -> None:
        self._app: WsgiApp = create_app(rules.services)
        self.loses = True

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["REQUEST_METHOD"] == "GET" or not self.loses:
            return self._app(environ, start_response)
        self.loses = False
        for _ in self._app(environ, lambda *_: None):
            pass
        start_response("502 Bad Gateway", [("Content-Type", "text/plain")])
        return [b"lost"]


def test_a_run_whose_answer_is_lost_is_one_run(tmp_path: Path) -> None:
    rules = RunningServer(tmp_path / "data")
    pipeline = rules.define('[{id: work, steps: [{run: "true"}]}]')
    http = LocalServer(Loser(rules))
    http.start()
    with Client(http.url) as client:
        answer = client.run_pipeline(pipeline, RunRequest())
        [found] = client.list_jobs().job_executions
    assert answer.job_execution_ids == [found.id]
    assert found.status is JobStatus.QUEUED
    http.close()
    rules.close()


def test_a_deletion_whose_answer_is_lost_is_a_success(tmp_path: Path) -> None:
    rules = RunningServer(tmp_path / "data")
    job_id = rules.enqueue()
    http = LocalServer(Loser(rules))
    http.start()
    with Client(http.url) as client:
        client.delete_job(job_id)
        assert client.list_jobs().job_executions == []
    http.close()
    rules.close()
