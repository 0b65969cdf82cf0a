from __future__ import annotations

import inspect

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, marked, problem, refusal

import cictl_client
from cictl.wire.problems import PROBLEM_JSON, Code
from cictl_client import (
    AgentIdInUse,
    ApiError,
    Client,
    ClientError,
    Conflict,
    DiskLow,
    Forbidden,
    GitFailed,
    GitMissing,
    HostNotAllowed,
    IdempotencyKeyReused,
    InputRefused,
    InvalidProject,
    InvalidRequest,
    LimitReached,
    LogGap,
    MethodNotAllowed,
    NoCapacity,
    NotFound,
    RateLimited,
    ServerError,
    StoreAway,
    StoreFailed,
    StoreFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UpdateFailed,
    UpdateUnavailable,
    errors,
)
from cictl_server import errors as server_errors

BY_CODE: dict[Code, tuple[int, type[ApiError]]] = {
    Code.INVALID_REQUEST: (400, InvalidRequest),
    Code.INVALID_PROJECT_FILE: (400, InvalidProject),
    Code.INPUT_REFUSED: (400, InputRefused),
    Code.UNAUTHENTICATED: (401, Unauthenticated),
    Code.FORBIDDEN: (403, Forbidden),
    Code.HOST_NOT_ALLOWED: (421, HostNotAllowed),
    Code.IDEMPOTENCY_KEY_REUSED: (422, IdempotencyKeyReused),
    Code.NOT_FOUND: (404, NotFound),
    Code.METHOD_NOT_ALLOWED: (405, MethodNotAllowed),
    Code.CONFLICT: (409, Conflict),
    Code.LOG_GAP: (409, LogGap),
    Code.AGENT_ID_IN_USE: (409, AgentIdInUse),
    Code.TOO_LARGE: (413, TooLarge),
    Code.LIMIT_REACHED: (429, LimitReached),
    Code.GIT_FAILED: (400, GitFailed),
    Code.GIT_MISSING: (500, GitMissing),
    Code.NO_CAPACITY: (503, NoCapacity),
    Code.UNAVAILABLE: (503, Unavailable),
    Code.RATE_LIMITED: (429, RateLimited),
    Code.STORE_FAILED: (500, StoreFailed),
    Code.STORE_FULL: (507, StoreFull),
    Code.STORE_AWAY: (503, StoreAway),
    Code.DISK_LOW: (507, DiskLow),
    Code.UPDATE_UNAVAILABLE: (400, UpdateUnavailable),
    Code.UPDATE_FAILED: (500, UpdateFailed),
    Code.INTERNAL: (500, ServerError),
}


def error_for(client: Client, server: AnsweringServer, answer: Reply) -> ApiError:
    server.on("GET /api/v1/agents", answer)
    with pytest.raises(ApiError) as caught:
        client.list_agents()
    return caught.value


@pytest.mark.parametrize("code", [pytest.param(code, id=code.value) for code in Code])
def test_each_code_has_its_class(client: Client, server: AnsweringServer, code: Code) -> None:
    status, kind = BY_CODE[code]
    error = error_for(client, server, problem(status, code, "no", hint="do this"))
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.hint) == (status, code, "no", "do this")


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        pytest.param(400, "agent_id is required", InvalidRequest, id="invalid"),
        pytest.param(400, "job not found", NotFound, id="status-report-of-unknown-job"),
        pytest.param(401, "who are you", Unauthenticated, id="unauthenticated"),
        pytest.param(403, "not you", Forbidden, id="forbidden"),
        pytest.param(404, "agent not found", NotFound, id="not-found"),
        pytest.param(405, "method not allowed", MethodNotAllowed, id="method"),
        pytest.param(409, "job is not active", Conflict, id="conflict"),
        pytest.param(413, "too much", TooLarge, id="too-large"),
        pytest.param(418, "short and stout", InvalidRequest, id="other-4xx"),
        pytest.param(429, "slow down", NoCapacity, id="too-many"),
        pytest.param(500, "database is locked", ServerError, id="internal"),
        pytest.param(502, "bad gateway", ServerError, id="other-5xx"),
        pytest.param(503, "busy", NoCapacity, id="no-capacity"),
        pytest.param(507, "disk full", StoreFull, id="store-full"),
    ],
)
def test_plain_texts_go_by_their_status(
    client: Client, server: AnsweringServer, status: int, text: str, kind: type[ApiError]
) -> None:
    error = error_for(client, server, marked(refusal(status, text)))
    assert type(error) is kind
    assert (error.status, str(error)) == (status, text)


def test_long_plain_text_is_kept_whole(client: Client, server: AnsweringServer) -> None:
    text = "\n".join(f"cictl.yaml:{line}: unknown field" for line in range(200))
    assert error_for(client, server, marked(refusal(400, text))).message == text


def test_empty_answer_names_its_status(client: Client, server: AnsweringServer) -> None:
    assert str(error_for(client, server, marked(refusal(405, "")))) == "the server answered with status 405"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b'{"title":"out of tea","status":409,"code":"no_tea"}', "out of tea", id="code-of-a-newer-server"),
        pytest.param(b'{"detail":"out of tea","hint":null}', "out of tea", id="no-code-and-a-null"),
        pytest.param(b'{"status":409}', "the server answered with status 409", id="nothing-said"),
        pytest.param(b'{"title":5}', '{"title":5}', id="wrong-type"),
        pytest.param(b"[", "[", id="not-json"),
    ],
)
def test_strange_problem_goes_by_its_status(client: Client, server: AnsweringServer, body: bytes, message: str) -> None:
    error = error_for(client, server, marked(Reply((body,), status=409, kind=PROBLEM_JSON)))
    assert type(error) is Conflict
    assert error.message == message


def test_log_gap_tells_the_size(client: Client, server: AnsweringServer) -> None:
    error = error_for(client, server, problem(409, Code.LOG_GAP, "gap", log_size=77))
    assert isinstance(error, LogGap)
    assert error.log_size == 77


def test_classes_are_named_as_on_the_server() -> None:
    names = {
        name
        for name, kind in inspect.getmembers(server_errors, inspect.isclass)
        if issubclass(kind, server_errors.CictlError) and name not in ("CictlError", "StoreError")
    }
    assert names < set(cictl_client.__all__)


def test_tree_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip("│├└─ ").split(" ")[0]
        if name and hasattr(errors, name):
            depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
            path[depth:] = [name]
            drawn[name] = path[depth - 1] if depth else "Exception"
    real = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, ClientError)
    }
    assert drawn == real
