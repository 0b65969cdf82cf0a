"""The id of each request: in the answer, in the error, in the log."""

from __future__ import annotations

import logging
import re

import pytest
from cictl_testing.server import RunningServer

from cictl.base.request_ids import name_request

HEADER = "X-Request-Id"
JSON = {"Accept": "application/json"}


@pytest.mark.parametrize("given", ["a", "A-1._:z", "x" * 64])
def test_a_callers_id_is_taken_over(server: RunningServer, given: str) -> None:
    assert server.get("/healthz", headers={HEADER: given}).headers[HEADER] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a,b", "ä", "<script>"])
def test_another_one_is_made_for_an_id_that_is_not_well_formed(server: RunningServer, given: str) -> None:
    found = server.get("/healthz", headers={HEADER: given}).headers[HEADER]
    assert re.fullmatch("[0-9a-f]{16}", found)


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/nowhere", 404), ("/api/v1/jobs/job-1", 404), ("/api/v1/tokens", 405)]
)
def test_every_answer_has_one_and_every_error_names_it(server: RunningServer, path: str, status: int) -> None:
    method = "GET" if status != 405 else "PUT"
    answer = server.ask(method, path, headers={**JSON, HEADER: "mine"})
    assert (answer.status_code, answer.headers[HEADER]) == (status, "mine")
    assert status == 200 or answer.json["request_id"] == "mine"


def test_each_request_has_its_own(server: RunningServer) -> None:
    assert server.get("/healthz").headers[HEADER] != server.get("/healthz").headers[HEADER]


def test_the_lines_of_the_log_name_the_request(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("cictl_server.services.jobs.endings.removal.RemovalService.clear_queue", fail)
    caplog.handler.addFilter(name_request)
    answer = server.post("/api/v1/jobs/clear-queue", headers={**JSON, HEADER: "mine"})
    caplog.handler.removeFilter(name_request)
    assert answer.json["request_id"] == "mine"
    [line] = [record for record in caplog.records if record.getMessage().startswith("request failed")]
    assert line.__dict__["request"] == " request=mine"


def test_a_line_of_no_request_names_none() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "", (), None)
    assert name_request(record)
    assert record.__dict__["request"] == ""
