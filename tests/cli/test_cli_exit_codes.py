"""The exit-code table: one test a row, and the same refusals from every command that calls the server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.fake_server import FakeServer, job

import cictl_client
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import EXIT_CODES, Failure, failure_of
from cictl.wire.jobs import CANCELLED_BY_USER, JobStatus
from cictl.wire.problems import Code, Outcome
from cictl.wire.vault import VaultTestResponse
from tests.cli.conftest import EAGER, Run

READS = [
    ("info",),
    ("agents", "list"),
    ("agents", "show", "build-1"),
    ("projects", "list"),
    ("projects", "show", "shop"),
    ("pipelines", "list"),
    ("pipelines", "show", "shop/build"),
    ("jobs", "list"),
    ("jobs", "show", "job-1"),
    ("jobs", "logs", "job-1"),
    ("jobs", "artifacts", "job-1"),
    ("jobs", "download", "job-1"),
    ("jobs", "tests", "job-1"),
    ("jobs", "watch", "job-1"),
    ("vault", "list"),
    ("vault", "test", "pantry"),
    ("update", "check"),
    ("update", "tags"),
    ("update", "status"),
    ("api", "GET", "agents"),
]
WRITES = [
    ("agents", "activate", "mac"),
    ("agents", "deactivate", "build-1"),
    ("agents", "refresh-tools", "build-1"),
    ("agents", "restart", "build-1"),
    ("agents", "wipe-cache", "build-1", "--yes"),
    ("agents", "flush-history", "build-1", "--yes"),
    ("agents", "update", "build-1"),
    ("agents", "exec", "build-1", "id"),
    ("projects", "import", "https://example.com/shop.git"),
    ("projects", "reload", "shop"),
    ("projects", "delete", "shop", "--yes"),
    ("pipelines", "run", "shop/build"),
    ("run", "shop/build"),
    ("jobs", "cancel", "job-1"),
    ("update", "apply", "--yes"),
    ("update", "rollback", "--yes"),
    ("server", "restart", "--yes"),
    ("vault", "add", "pantry", "--namespace", "x"),
    ("vault", "remove", "pantry", "--yes"),
    ("api", "POST", "agents/build-1/actions", "-f", "action=activate"),
]
EVERY = [pytest.param(argv, id=" ".join(argv[:2])) for argv in READS + WRITES]


def failed_run(fake: FakeServer, error: str) -> None:
    fake.enqueue = [job("job-1")]
    fake.on_state = lambda job_id: fake.finish(job_id, JobStatus.FAILED, error=error)


def prepare_failure(fake: FakeServer) -> None:
    failed_run(fake, "exit status 1")


def prepare_cancellation(fake: FakeServer) -> None:
    failed_run(fake, CANCELLED_BY_USER)


def prepare_endless(fake: FakeServer) -> None:
    fake.enqueue = [job("job-1")]


def prepare_unfit(fake: FakeServer) -> None:
    fake.enqueue = [job("job-1", unmet_requirements=["no agents connected"])]


def prepare_interrupt(fake: FakeServer) -> None:
    fake.enqueue = [job("job-1")]
    fake.on_state = lambda _: os.kill(os.getpid(), 2)


def prepare_sealed(fake: FakeServer) -> None:
    fake.vault_answer = VaultTestResponse(ok=False, message='vault login failed: status=503 body={"errors":["sealed"]}')


def refusal(request: str, status: int, code: Code) -> Callable[[FakeServer], None]:
    return lambda fake: fake.refuse(request, status, code, "refused")


IMPORT = ("projects", "import", "https://example.com/x.git")
POST_IMPORT = "POST /api/v1/projects/import"
APPLY = ("update", "apply", "--yes")
POST_APPLY = "POST /api/v1/update/apply"
WAIT = ("run", "build", "--wait")
LIMITED = (*WAIT, "--timeout", "0.3")
ROWS: list[tuple[ExitCode, tuple[str, ...], Callable[[FakeServer], None]]] = [
    (ExitCode.OK, ("agents", "list"), lambda _: None),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 400, Code.GIT_FAILED)),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 400, Code.INVALID_PROJECT_FILE)),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 400, Code.INVALID_REQUEST)),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 413, Code.TOO_LARGE)),
    (ExitCode.ERROR, ("vault", "test", "pantry"), prepare_sealed),
    (ExitCode.USAGE, ("agents", "lst"), lambda _: None),
    (ExitCode.FAILED, WAIT, prepare_failure),
    (ExitCode.CANCELLED, WAIT, prepare_cancellation),
    (ExitCode.NOT_FOUND, ("agents", "show", "nobody"), lambda _: None),
    (ExitCode.NOT_ALLOWED, IMPORT, refusal(POST_IMPORT, 401, Code.UNAUTHENTICATED)),
    (ExitCode.NOT_ALLOWED, IMPORT, refusal(POST_IMPORT, 403, Code.FORBIDDEN)),
    (ExitCode.CONFLICT, IMPORT, refusal(POST_IMPORT, 409, Code.CONFLICT)),
    (ExitCode.TIMED_OUT, LIMITED, prepare_endless),
    (ExitCode.CONFLICT, APPLY, refusal(POST_APPLY, 400, Code.UPDATE_UNAVAILABLE)),
    (ExitCode.ERROR, APPLY, refusal(POST_APPLY, 500, Code.UPDATE_FAILED)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 500, Code.INTERNAL)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 500, Code.STORE_FAILED)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 507, Code.STORE_FULL)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 503, Code.NO_CAPACITY)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 405, Code.METHOD_NOT_ALLOWED)),
    (ExitCode.NO_AGENT, LIMITED, prepare_unfit),
    (ExitCode.INTERRUPTED, WAIT, prepare_interrupt),
]


@pytest.mark.parametrize("patience", [EAGER], ids=["eager"])
@pytest.mark.parametrize(("code", "argv", "prepare"), ROWS)
def test_row(
    faked: Run,
    fake: FakeServer,
    code: ExitCode,
    argv: tuple[str, ...],
    prepare: Callable[[FakeServer], None],
) -> None:
    prepare(fake)
    assert faked(*argv).code == code


def test_every_code_has_a_row() -> None:
    tested_apart = {ExitCode.UNREACHABLE, ExitCode.BROKEN_PIPE}
    assert {code for code, _, _ in ROWS} | tested_apart == set(ExitCode)


def test_every_code_has_a_meaning() -> None:
    assert all(code.meaning for code in ExitCode)


def test_every_error_of_the_client_has_a_code() -> None:
    kinds = [getattr(cictl_client, name) for name in cictl_client.__all__]
    errors = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, cictl_client.ClientError)]
    assert len(errors) > 10
    for kind in errors:
        assert isinstance(getattr(kind, "code", None), Code) or kind.__name__ in EXIT_CODES
    assert {outcome.name for outcome in Outcome} <= set(ExitCode.__members__)


def test_table_names_classes_that_the_client_has() -> None:
    assert set(EXIT_CODES) <= set(cictl_client.__all__)


@pytest.mark.parametrize("argv", EVERY)
def test_unreachable_is_9_from_every_command(run: Run, dead_url: str, argv: tuple[str, ...]) -> None:
    ran = run(*argv, "--server", dead_url)
    assert (ran.code, ran.out) == (ExitCode.UNREACHABLE, "")
    lines = ran.err.splitlines()
    assert dead_url in lines[0]
    assert lines[1].startswith("try: ")


@pytest.mark.parametrize("argv", EVERY)
def test_unreachable_as_json(run: Run, dead_url: str, argv: tuple[str, ...]) -> None:
    ran = run(*argv, "--server", dead_url, "-o", "json")
    assert (ran.code, ran.out) == (ExitCode.UNREACHABLE, "")
    assert ran.error()["code"] == "unreachable"


@pytest.mark.parametrize("argv", [pytest.param(argv, id=" ".join(argv[:2])) for argv in WRITES])
def test_readonly_refuses_every_write(
    faked: Run, fake: FakeServer, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    ran = faked(*argv)
    assert (ran.code, ran.out) == (ExitCode.NOT_ALLOWED, "")
    assert "CICTL_READONLY is set" in ran.err
    assert fake.requests == []


@pytest.mark.parametrize("argv", [pytest.param(argv, id=" ".join(argv[:2])) for argv in READS])
def test_readonly_allows_every_read(
    faked: Run, fake: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    monkeypatch.chdir(tmp_path)
    fake.jobs["job-1"] = job("job-1", JobStatus.SUCCEEDED)
    fake.artifacts["job-1"] = {"a": b"b"}
    assert faked(*argv).code == 0


@pytest.mark.parametrize("argv", EVERY)
def test_stdout_is_json_or_empty(
    faked: Run, fake: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    fake.jobs["job-1"] = job("job-1", JobStatus.SUCCEEDED)
    fake.artifacts["job-1"] = {"a": b"b"}
    ran = faked(*argv, "-o", "json")
    assert ran.code == 0
    if argv[:2] != ("jobs", "logs"):
        assert isinstance(ran.json(), dict)


def test_server_error_as_json_carries_its_code_and_status(faked: Run, fake: FakeServer) -> None:
    fake.refuse(POST_IMPORT, 409, Code.CONFLICT, "busy")
    error = faked(*IMPORT, "-o", "json").error()
    assert (error["code"], error["status"]) == ("conflict", 409)
    assert error["message"].startswith("busy")


def test_token_goes_out_and_never_shows(faked: Run, fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_TOKEN", "s3cret-token")
    ran = faked("agents", "list", "--debug")
    assert fake.authorization == "Bearer s3cret-token"
    assert "GET" in ran.err
    assert "s3cret" not in ran.out + ran.err


def test_user_info_of_the_url_never_shows(run: Run, dead_url: str) -> None:
    ran = run("info", "--debug", "--server", dead_url.replace("//", "//me:s3cret@"))
    assert ran.code == ExitCode.UNREACHABLE
    assert "s3cret" not in ran.err.split("Traceback")[-1].splitlines()[-1]


def test_broken_pipe_is_silent(fake: FakeServer, home: Path) -> None:
    fake.jobs["job-1"] = job("job-1", JobStatus.SUCCEEDED)
    fake.logs["job-1"] = b"line\n" * 2_000_000
    argv = [sys.executable, "-m", "cictl.cli.app.main", "jobs", "logs", "job-1", "--server", fake.url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == ExitCode.BROKEN_PIPE


def test_failure_keeps_the_servers_hint() -> None:
    error = cictl_client.ClientError("no")
    error.hint = "do that"  # type: ignore[attr-defined]
    failure = failure_of(error, server="http://x")
    assert isinstance(failure, Failure)
    assert failure.as_text() == "error: no (server http://x)\ntry: do that\n"
