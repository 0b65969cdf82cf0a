"""`Idempotency-Key`: same key, same answer, and the work is done once."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import falcon.testing
import pytest
from cictl_testing.server import RunningServer, SteppedClock

from cictl.wire.codec import encode
from cictl_server.errors import Conflict
from cictl_server.services.core.idempotency import LONGEST_BODY, KeyedRequest
from cictl_server.services.core.kept_answers import OF_ALL, OF_CALLER, KeptAnswers
from cictl_server.store.contract import StoreFailed, Transaction
from cictl_server.store.records.settings import AnswerRecord


def run(server: RunningServer, pipeline: int, key: str, body: object = None) -> falcon.testing.Result:
    path = f"/api/v1/pipelines/{pipeline}/run-selection"
    return server.post(path, {} if body is None else body, headers={"Idempotency-Key": key})


@pytest.fixture
def pipeline(server: RunningServer) -> int:
    return server.define('[{id: j, steps: [{run: "true"}]}]')


def count(server: RunningServer) -> int:
    return len(server.get("/api/v1/jobs").json["job_executions"])


def test_a_repeat_gets_the_same_answer(server: RunningServer, pipeline: int) -> None:
    first, again = run(server, pipeline, "k"), run(server, pipeline, "k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(server) == 1


def test_it_holds_over_a_restart(server: RunningServer, pipeline: int) -> None:
    first = run(server, pipeline, "k")
    server.restart()
    assert run(server, pipeline, "k").content == first.content


def test_another_key_and_no_key_do_it_again(server: RunningServer, pipeline: int) -> None:
    run(server, pipeline, "k")
    run(server, pipeline, "l")
    server.run(pipeline)
    assert count(server) == 3


def test_a_key_belongs_to_one_address(server: RunningServer, pipeline: int) -> None:
    run(server, pipeline, "k")
    other = server.define('[{id: j, steps: [{run: "true"}]}]')
    run(server, other, "k")
    assert count(server) == 2


def test_refusals_are_kept_too(server: RunningServer, pipeline: int) -> None:
    for _ in range(2):
        assert run(server, pipeline, "k", {"pipeline_job_id": "no"}).status_code == 400


def test_a_day_later_it_is_forgotten(server: RunningServer, pipeline: int) -> None:
    run(server, pipeline, "k")
    server.clock.step(24 * 3600 + 1)
    server.services.jobs.expiry.run_once()
    run(server, pipeline, "k")
    assert count(server) == 2


def test_an_interrupted_request_is_not_repeated(server: RunningServer, pipeline: int) -> None:
    """The key is stored before the work: after a kill nobody can tell whether it was done."""
    path = f"/api/v1/pipelines/{pipeline}/run-selection"
    body = hashlib.sha256(encode({})).hexdigest()
    server.services.core.idempotency.begin(
        KeyedRequest(caller="127.0.0.1", method="POST", path=path, key="k", body_digest=body)
    )
    assert "is being answered" in run(server, pipeline, "k").text
    server.restart()
    answer = run(server, pipeline, "k")
    assert (answer.status_code, answer.text) == (409, "a request with this Idempotency-Key was interrupted\n")
    assert count(server) == 0


def test_a_request_whose_answer_could_not_be_stored_was_interrupted(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise StoreFailed("disk on fire")

    service = server.services.core.idempotency
    request = KeyedRequest(caller="c", method="POST", path="/p", key="k")
    answer_id = service.begin(request)
    assert isinstance(answer_id, str)
    with monkeypatch.context() as broken:
        broken.setattr(server.store, "write", fail)
        with pytest.raises(StoreFailed):
            service.finish(answer_id, status=201, content_type="", body="")
    with pytest.raises(Conflict, match="was interrupted"):
        service.begin(request)


def test_a_fault_may_be_tried_again(server: RunningServer, pipeline: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(type(server.services.pipelines.runs), "run_pipeline", explode)
        assert run(server, pipeline, "k").status_code == 500
    assert run(server, pipeline, "k").status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
def test_odd_keys_are_refused(server: RunningServer, pipeline: int, key: str) -> None:
    assert run(server, pipeline, key).status_code == 400


def kept(server: RunningServer) -> list[AnswerRecord]:
    with server.store.read() as view:
        return list(view.answers.iter_all())


def fill(server: RunningServer, *, callers: int, each: int, size: int) -> None:
    """Store answers of *size* bytes, *each* of as many *callers*, as requests of the last minutes, and restart."""

    def change(tx: Transaction) -> None:
        for number in range(callers * each):
            created = server.clock() - timedelta(minutes=5) + timedelta(microseconds=number)
            caller = f"10.0.0.{number % callers}"
            tx.answers.put(AnswerRecord(key=str(number), created=created, caller=caller, status=200, body="x" * size))

    server.store.write(change)
    server.restart()


@pytest.mark.parametrize("body", [{"pipeline_job_id": "j"}, {"source_ref": "main"}])
def test_another_body_is_no_repeat(server: RunningServer, pipeline: int, body: object) -> None:
    first = run(server, pipeline, "k")
    refused = server.post(
        f"/api/v1/pipelines/{pipeline}/run-selection",
        body,
        headers={"Idempotency-Key": "k", "Accept": "application/json"},
    )
    assert (refused.status_code, refused.json["code"]) == (422, "idempotency_key_reused")
    assert run(server, pipeline, "k").content == first.content
    assert count(server) == 1


def test_another_query_is_no_repeat(server: RunningServer, pipeline: int) -> None:
    run(server, pipeline, "k")
    path, key = f"/api/v1/pipelines/{pipeline}/run-selection", {"Idempotency-Key": "k"}
    assert server.post(path, {}, headers=key, query_string="a=1").status_code == 422
    assert count(server) == 1


def test_each_caller_has_keys_of_its_own(server: RunningServer, pipeline: int) -> None:
    run(server, pipeline, "k")
    path, key = f"/api/v1/pipelines/{pipeline}/run-selection", {"Idempotency-Key": "k"}
    assert server.post(path, {}, headers=key, extras={"REMOTE_ADDR": "10.0.0.2"}).status_code == 201
    assert (
        server.post(path, {"pipeline_job_id": "j"}, headers=key, extras={"REMOTE_ADDR": "10.0.0.3"}).status_code == 201
    )
    assert count(server) == 3


def test_a_blank_in_the_key_moves_nothing_into_the_path(server: RunningServer) -> None:
    """The id was made of "DELETE /api/v1/jobs/ID y z" for both of these."""
    job_id = server.enqueue()
    deleted = server.http.simulate_delete(f"/api/v1/jobs/{job_id}", headers={"Idempotency-Key": "y z"})
    other = server.http.simulate_delete(f"/api/v1/jobs/{job_id}%20y", headers={"Idempotency-Key": "z"})
    assert (deleted.status_code, other.status_code) == (200, 404)
    ids = [
        KeyedRequest(caller="c", method="POST", path=path, key=key).answer_id
        for path, key in (("/x", "y z"), ("/x y", "z"), ('/x","y', "z"), ("/x", 'y","z'))
    ]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "/nope", id="no route"),
        pytest.param("GET", "/api/v1/jobs", id="read"),
        pytest.param("POST", "/api/v1/jobs", id="no such method"),
        pytest.param("POST", "/api/v1/pipelines/99/run-selection", id="unknown pipeline"),
        pytest.param("POST", "/api/v1/jobs/job-1/cancel", id="unknown job"),
        pytest.param("POST", "/api/v1/pipelines/1/dry-run-preview", id="preview"),
        pytest.param("POST", "/api/v1/pipelines/1/eligible-agents", id="agents"),
        pytest.param("POST", "/api/v1/projects/1/inspect", id="inspect"),
        pytest.param("POST", "/api/v1/update/check", id="check"),
        pytest.param("POST", "/api/v1/agent/lease", id="secrets in the answer"),
        pytest.param("POST", "/api/v1/jobs/job-1/artifacts/upload-zip", id="upload"),
        pytest.param("POST", "/api/v1/secrets", id="secret in the body"),
    ],
)
def test_answers_of_what_changed_nothing_are_not_kept(
    server: RunningServer, pipeline: int, method: str, path: str
) -> None:
    body = '{"agent_id": "a"}'
    for _ in range(2):
        answer = server.http.simulate_request(method, path, body=body, headers={"Idempotency-Key": "k"})
        assert "idempotency-replayed" not in answer.headers
    assert kept(server) == []


def test_of_a_large_answer_it_is_kept_that_it_was_given(server: RunningServer) -> None:
    [job_id] = server.run(server.define(f"[{{id: j, steps: [{{run: '{'x' * LONGEST_BODY}'}}]}}]"))
    path, key = f"/api/v1/jobs/{job_id}/cancel", {"Idempotency-Key": "k"}
    first, again = (server.post(path, {}, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 409)
    assert f"the {len(first.content)} bytes of that answer" in again.text
    assert [(answer.status, answer.body) for answer in kept(server)] == [(200, "")]


def test_a_caller_has_room_for_so_many(server: RunningServer, pipeline: int) -> None:
    """Those of others stay, and the newest of its own."""
    fill(server, callers=1, each=OF_CALLER.answers, size=1)
    run(server, pipeline, "k")
    assert len(kept(server)) == OF_CALLER.answers + 1
    path, key = f"/api/v1/pipelines/{pipeline}/run-selection", {"Idempotency-Key": "k"}
    server.post(path, {}, headers=key, extras={"REMOTE_ADDR": "10.0.0.0"})
    left = kept(server)
    assert len(left) == OF_CALLER.answers * 9 // 10 + 2
    assert {"0", "499"}.isdisjoint(answer.key for answer in left)
    assert {"500", "4999"} <= {answer.key for answer in left}


def test_requests_that_are_being_answered_need_their_place() -> None:
    kept_answers, now = KeptAnswers(), SteppedClock()()
    for number in range(OF_CALLER.answers):
        kept_answers.add(str(number), caller="c", created=now, size=1)
    leaving = kept_answers.too_many("c", needed={"0", "2"})
    assert leaving[:3] == ["1", "3", "4"]
    assert kept_answers.too_many("d", needed=()) == []
    kept_answers.remove(leaving)
    assert kept_answers.too_many("c", needed={"0", "2"}) == []


def test_all_callers_have_room_for_so_much(server: RunningServer, pipeline: int) -> None:
    fill(server, callers=10, each=52, size=LONGEST_BODY)
    assert sum(len(answer.body) for answer in kept(server)) > OF_ALL.bytes
    run(server, pipeline, "k")
    assert sum(len(answer.body) for answer in kept(server)) < OF_ALL.bytes
    assert run(server, pipeline, "k").headers["Idempotency-Replayed"] == "true"


def test_a_kept_refusal_shows_no_user_info(server: RunningServer) -> None:
    request = KeyedRequest(caller="c", method="POST", path="/x", key="k")
    answer_id = server.services.core.idempotency.begin(request)
    assert isinstance(answer_id, str)
    told = "git fetch failed: https://me:s3cret@git.example.test/x.git"
    server.services.core.idempotency.finish(answer_id, status=400, content_type="text/plain", body=told)
    assert [answer.body for answer in kept(server)] == ["git fetch failed: https://git.example.test/x.git"]


@pytest.mark.tinydb
def test_answers_of_before_callers_were_told_are_kept_and_forgotten(server: RunningServer) -> None:
    server.tiny.compact()
    server.close()
    state = Path(server.directory / "state.json")
    tables = json.loads(state.read_text())
    before = {"key": "0" * 64, "created": "2026-03-01T11:00:00Z", "status": 201, "content_type": "", "body": "{}"}
    tables["answers"] = {"1": before}
    state.write_text(json.dumps(tables))
    server.start()
    assert [(answer.caller, answer.body) for answer in kept(server)] == [("", "{}")]
    server.clock.step(24 * 3600)
    server.services.jobs.expiry.run_once()
    assert kept(server) == []
