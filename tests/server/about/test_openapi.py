"""The API's description of itself: valid, whole, and true of a real server under fuzzing."""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cictl_testing.fuzz.described_api import Seeds, fuzz, sow
from cictl_testing.server import RunningServer

from cictl_server.apidoc.openapi import document
from cictl_server.apidoc.operations import attributes, operations, wire_types
from cictl_server.app import ROUTES
from cictl_server.http.routes import Route
from cictl_server.serve import Server, ServerConfig

OPERATIONS = list(operations(ROUTES))

DESTRUCTIVE = ("post_clear_queue", "post_flush_history", "delete_project")
"""Fuzzed apart from the others, which would find nothing any more."""

ENDLESS = ("get_events", "get_audit")
"""Not fuzzed: the answer has no end, with `follow` that of the audit, and no request that ends it; `test_events.py` and
`audit/test_search.py` have their tests."""


ENDING = ("post_restart",)
"""Not fuzzed: it ends the server that is being fuzzed; `test_restart_route.py` has its tests."""

ENDING_TOKENS = ("delete_token", "post_token_rotate")
"""Not fuzzed with a token, which they may end."""

OF_TOKENS = {"post_tokens", "delete_token", "post_token_rotate", "post_enrolments", "post_enroll"}
"""Fuzzed, but never with success: the server that is fuzzed has no tokens, and makes none."""

OFFLINE = {"CICTL_UPDATE_SOURCE": "simple", "CICTL_UPDATE_INDEX_URL": "none"}
"""Settings of a server that asks nobody for releases."""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(ROUTES)


def test_the_document_is_valid(described: dict[str, Any]) -> None:
    from openapi_spec_validator import validate  # takes a third of a second, in every run that selects by -k

    validate(described)


def test_the_server_tells_it(server: RunningServer, described: dict[str, Any]) -> None:
    answer = server.get("/api/v1/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == described


def test_operations_have_names_of_their_own() -> None:
    names = [operation.id for operation in OPERATIONS]
    assert set(names) >= OF_TOKENS
    assert len(set(names)) == len(names)
    assert {"get_job", "post_job_cancel", "get_job_artifacts_archive_all"} <= set(names)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: str(operation.id))
def test_every_operation_says_what_it_is_and_how_it_succeeds(operation: Any) -> None:
    assert operation.summary
    assert any(status < 400 for status in operation.answers)
    assert {403, 500} <= set(operation.answers)


def test_a_responder_without_description_is_named() -> None:
    with pytest.raises(
        LookupError, match=r"StaticResource\.on_get lacks @api\(\.\.\.\): see cictl_server/apidoc/describe\.py"
    ):
        list(operations([Route("/bare", "face.assets.StaticResource")]))


@pytest.mark.parametrize("struct", wire_types().values(), ids=lambda struct: str(struct.__name__))
def test_docstrings_explain_only_keys_that_exist(struct: Any) -> None:
    assert set(attributes(struct)[1]) <= {field.encode_name for field in msgspec.structs.fields(struct)}


class TestSchemas:
    @pytest.fixture
    def schemas(self, described: dict[str, Any]) -> dict[str, Any]:
        return dict(described["components"]["schemas"])

    def test_answers_require_what_they_always_hold(self, schemas: dict[str, Any]) -> None:
        always = {"id", "script", "required_capabilities", "timeout_seconds", "status", "created_utc"}
        assert set(schemas["JobExecution"]["required"]) == always
        assert schemas["TestReport"]["required"] == ["total", "passed", "failed", "skipped"]

    @pytest.mark.parametrize(
        "name", ["HeartbeatRequest", "LeaseRequest", "StatusRequest", "RunRequest", "TestReportInput"]
    )
    def test_requests_require_nothing(self, schemas: dict[str, Any], name: str) -> None:
        assert "required" not in schemas[name]

    def test_requests_lead_to_the_forms_that_requests_have(self, schemas: dict[str, Any]) -> None:
        upload = schemas["TestReportUpload"]["properties"]["report"]
        assert upload["$ref"] == "#/components/schemas/TestReportInput"
        assert schemas["TestReportInput"]["properties"]["suites"]["items"]["$ref"].endswith("/TestSuiteInput")
        assert schemas["TestReport"]["properties"]["suites"]["items"]["$ref"].endswith("/TestSuite")

    def test_null_is_told_only_where_it_is_sent(self, schemas: dict[str, Any]) -> None:
        execution = schemas["JobExecution"]["properties"]
        assert {"type": "null"} in execution["required_capabilities"]["anyOf"]
        assert execution["started_utc"] == {"type": "string", "format": "date-time"}

    def test_keys_are_explained(self, schemas: dict[str, Any]) -> None:
        assert schemas["JobExecution"]["description"] == "One job execution as every endpoint shows it."
        assert schemas["StatusRequest"]["properties"]["output_sha256"]["description"].startswith("In a terminal report")


def test_what_every_operation_shares_is_added(described: dict[str, Any]) -> None:
    run = described["paths"]["/api/v1/pipelines/{pipeline_id}/run-selection"]["post"]
    shared = {"401", "403", "413", "421", "422", "429", "500", "507"}
    assert set(run["responses"]) == {"201", "400", "404", "409", "503", *shared}
    assert run["x-role"] == "operator"
    assert "; an id is not a positive number; " in run["responses"]["400"]["description"]
    assert set(run["responses"]["404"]["content"]) == {"text/plain", "application/problem+json"}
    number, key = run["parameters"]
    assert (key["name"], key["in"]) == ("Idempotency-Key", "header")
    assert (number["in"], number["required"], number["schema"]["minimum"]) == ("path", True, 1)


def test_bodies_that_are_no_json_are_told_by_their_types(described: dict[str, Any]) -> None:
    log = described["paths"]["/api/v1/jobs/{job_id}/log"]["get"]["responses"]["200"]
    assert set(log["content"]) == {"text/plain", "text/event-stream"}
    assert set(log["headers"]) == {"X-Log-Offset", "X-Log-Size", "X-Log-Complete"}
    upload = described["paths"]["/api/v1/jobs/{job_id}/artifacts/upload-zip"]["post"]
    assert set(upload["requestBody"]["content"]) == {"application/zip"}


class TestFuzzing:
    """No 5xx, and no status, content type, header or shape that the document does not tell. `tests/fuzz` tries each kind of token."""

    @pytest.fixture
    def seeds(self, tmp_path: Path) -> Seeds:
        return sow(tmp_path / "data", tmp_path / "repository")

    @pytest.fixture
    def secret(self, request: pytest.FixtureRequest, tmp_path: Path, seeds: Seeds) -> str:
        """The secret of a token of the role that the test names; empty without one, and then the server asks for none."""
        role = getattr(request, "param", "")
        if not role:
            return ""
        server = RunningServer(tmp_path / "data")
        server.token("admin", name="first")
        secret = server.token(role)
        server.close()
        return secret

    @pytest.fixture
    def url(self, tmp_path: Path, seeds: Seeds, secret: str, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
        """Serve the seeds; afterwards nothing may have been logged as an error, nor may maintenance stumble."""
        # Without `no_auth` the first token that is made would close the server to all further requests.
        running = Server(ServerConfig(data_dir=tmp_path / "data", port=0, no_auth=not secret, environ=OFFLINE))
        thread = threading.Thread(target=running.run)
        thread.start()
        try:
            yield running.url
            running.services.jobs.expiry.run_once()
        finally:
            running.stop()
            thread.join(timeout=60)
        assert not thread.is_alive()
        assert not [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.ERROR]

    @pytest.mark.slow
    def test_what_keeps_the_data(self, url: str, seeds: Seeds, tmp_path: Path) -> None:
        excluded = [text for name in (*DESTRUCTIVE, *ENDLESS, *ENDING) for text in ("--exclude-operation-id", name)]
        done = fuzz(url, seeds, tmp_path, options=["--max-examples", "7", *excluded])
        assert done.exit_code == 0, done.output
        reached = [o.id for o in OPERATIONS if any(_is_answer_of(o, answer) for answer in done.answers)]
        assert len(reached) > (len(OPERATIONS) - len(OF_TOKENS)) * 0.7, sorted(reached)

    def test_what_destroys_it(self, url: str, seeds: Seeds, tmp_path: Path) -> None:
        included = [text for name in DESTRUCTIVE for text in ("--include-operation-id", name)]
        done = fuzz(url, seeds, tmp_path, options=["--max-examples", "5", *included])
        assert done.exit_code == 0, done.output
        assert "Tested: 3" in done.output

    @pytest.mark.parametrize("secret", ["admin", "operator", "viewer"], indirect=True)
    def test_with_a_token(self, url: str, secret: str, seeds: Seeds, tmp_path: Path) -> None:
        excluded = [
            text
            for name in (*DESTRUCTIVE, *ENDLESS, *ENDING, *ENDING_TOKENS)
            for text in ("--exclude-operation-id", name)
        ]
        token = ["--header", f"Authorization: Bearer {secret}"]
        done = fuzz(url, seeds, tmp_path, options=["--phases", "fuzzing", "--max-examples", "2", *token, *excluded])
        assert done.exit_code == 0, done.output
        statuses = Counter(status for _, _, status in done.answers)
        assert statuses[200] > statuses[401], "the token counts to the end"


def _is_answer_of(operation: Any, answer: tuple[str, str, int]) -> bool:
    """Whether *answer* is a success of *operation*."""
    method, path, status = answer
    pattern = re.sub(r"\{\w+\}", "[^/]+", operation.path.replace("{path}", ".+")).replace(".+", "(.+)")
    return method == operation.method.upper() and status < 300 and re.fullmatch(pattern, path) is not None
