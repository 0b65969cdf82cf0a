"""`Idempotency-Key`: same key, same answer, and the work is done once."""

from __future__ import annotations

import falcon.testing
import pytest
from cictl_testing.server import RunningServer


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
    server.services.core.idempotency.begin("POST", path, "k")
    assert "is being answered" in run(server, pipeline, "k").text
    server.restart()
    answer = run(server, pipeline, "k")
    assert (answer.status_code, answer.text) == (409, "a request with this Idempotency-Key was interrupted\n")
    assert count(server) == 0


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
