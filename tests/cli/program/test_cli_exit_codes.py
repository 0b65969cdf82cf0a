"""The exit-code table: one test a row, and what never shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.shop import UPDATES, Shop, job

import cictl_client
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import EXIT_CODES, Failure, failure_of
from cictl.wire.admin.vault import VaultTestResponse
from cictl.wire.jobs import CANCELLED_BY_USER, JobStatus
from cictl.wire.problems import Code, Outcome
from tests.cli.conftest import EAGER, Run

PROGRAM = [sys.executable, "-m", "cictl"]
SEALED = VaultTestResponse(ok=False, message='vault login failed: status=503 body={"errors":["sealed"]}')


def failing(error: str) -> Callable[[Shop], None]:
    return lambda shop: shop.when_asked(lambda job_id: shop.finish(job_id, JobStatus.FAILED, error=error))


def interrupt(shop: Shop) -> None:
    shop.when_asked(lambda _: os.kill(os.getpid(), signal.SIGINT))


def refusal(request: str, status: int, code: Code) -> Callable[[Shop], None]:
    return lambda shop: shop.gate.refuse(request, status, code, "refused")


IMPORT = ("projects", "import", "https://example.com/x.git")
POST_IMPORT = "POST /api/v1/projects/import"
APPLY = ("update", "apply", "--yes")
POST_APPLY = "POST /api/v1/update/apply"
WAIT = ("run", "shop/build/compile", "--wait")
LIMITED = (*WAIT, "--timeout", "0.3")
Rows = list[tuple[ExitCode, tuple[str, ...], Callable[[Shop], None]]]
SHOWN: Rows = [
    (ExitCode.OK, ("agents", "list"), lambda _: None),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 400, Code.GIT_FAILED)),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 400, Code.INVALID_PROJECT_FILE)),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 400, Code.INVALID_REQUEST)),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 413, Code.TOO_LARGE)),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 422, Code.IDEMPOTENCY_KEY_REUSED)),
    (ExitCode.ERROR, IMPORT, refusal(POST_IMPORT, 429, Code.LIMIT_REACHED)),
    (
        ExitCode.ERROR,
        ("vault", "test", "pantry"),
        lambda shop: shop.gate.answer("POST /api/v1/vault/connections/3/test", SEALED),
    ),
    (ExitCode.USAGE, ("agents", "lst"), lambda _: None),
    (ExitCode.USAGE, IMPORT, refusal(POST_IMPORT, 400, Code.INPUT_REFUSED)),
    (ExitCode.NOT_FOUND, ("agents", "show", "nobody"), lambda _: None),
    (ExitCode.NOT_ALLOWED, IMPORT, refusal(POST_IMPORT, 401, Code.UNAUTHENTICATED)),
    (ExitCode.NOT_ALLOWED, IMPORT, refusal(POST_IMPORT, 403, Code.FORBIDDEN)),
    (ExitCode.NOT_ALLOWED, IMPORT, refusal(POST_IMPORT, 421, Code.HOST_NOT_ALLOWED)),
    (ExitCode.NOT_ALLOWED, IMPORT, refusal(POST_IMPORT, 429, Code.RATE_LIMITED)),
    (ExitCode.CONFLICT, IMPORT, refusal(POST_IMPORT, 409, Code.CONFLICT)),
    (ExitCode.CONFLICT, IMPORT, refusal(POST_IMPORT, 409, Code.AGENT_ID_IN_USE)),
    (ExitCode.CONFLICT, APPLY, refusal(POST_APPLY, 400, Code.UPDATE_UNAVAILABLE)),
    (ExitCode.ERROR, APPLY, refusal(POST_APPLY, 500, Code.UPDATE_FAILED)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 500, Code.INTERNAL)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 500, Code.STORE_FAILED)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 507, Code.STORE_FULL)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 503, Code.STORE_AWAY)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 507, Code.DISK_LOW)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 503, Code.NO_CAPACITY)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 503, Code.UNAVAILABLE)),
    (ExitCode.SERVER_ERROR, IMPORT, refusal(POST_IMPORT, 405, Code.METHOD_NOT_ALLOWED)),
]
"""What changes nothing."""

WAITS: Rows = [
    (ExitCode.FAILED, WAIT, failing("exit status 1")),
    (ExitCode.CANCELLED, WAIT, failing(CANCELLED_BY_USER)),
    (ExitCode.TIMED_OUT, LIMITED, lambda _: None),
    (ExitCode.NO_AGENT, LIMITED, lambda shop: shop.forget_agents()),
    (ExitCode.INTERRUPTED, WAIT, interrupt),
]


@pytest.mark.parametrize(("code", "argv", "prepare"), SHOWN)
def test_row(
    shown: Run, showcase: Shop, code: ExitCode, argv: tuple[str, ...], prepare: Callable[[Shop], None]
) -> None:
    showcase.gate.answers(UPDATES)
    prepare(showcase)
    assert shown(*argv).code == code


@pytest.mark.parametrize("patience", [EAGER], ids=["eager"])
@pytest.mark.parametrize(("code", "argv", "prepare"), WAITS)
def test_row_of_a_wait(
    cli: Run, shop: Shop, code: ExitCode, argv: tuple[str, ...], prepare: Callable[[Shop], None]
) -> None:
    prepare(shop)
    assert cli(*argv).code == code


def test_every_code_has_a_row() -> None:
    tested_apart = {ExitCode.UNREACHABLE, ExitCode.BROKEN_PIPE}
    assert {code for code, _, _ in SHOWN + WAITS} | tested_apart == set(ExitCode)


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


def test_server_error_as_json_carries_its_code_and_status(shown: Run, showcase: Shop) -> None:
    showcase.gate.refuse(POST_IMPORT, 409, Code.CONFLICT, "busy")
    error = shown(*IMPORT, "-o", "json").error()
    assert (error["code"], error["status"]) == ("conflict", 409)
    assert error["message"].startswith("busy")


def test_token_goes_out_and_never_shows(shown: Run, showcase: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_TOKEN", "s3cret-token")
    ran = shown("agents", "list", "--debug")
    assert showcase.gate.authorization == "Bearer s3cret-token"
    assert "GET" in ran.err
    assert "s3cret" not in ran.out + ran.err


def test_user_info_of_the_url_never_shows(run: Run, dead_url: str) -> None:
    ran = run("info", "--debug", "--server", dead_url.replace("//", "//me:s3cret@"))
    assert ran.code == ExitCode.UNREACHABLE
    assert "s3cret" not in ran.err.split("Traceback")[-1].splitlines()[-1]


def test_broken_pipe_is_silent(shop: Shop, home: Path) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED), log=b"line\n" * 2_000_000)
    argv = [*PROGRAM, "jobs", "logs", "job-1", "--server", shop.url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == ExitCode.BROKEN_PIPE


STDOUTS = [
    pytest.param(">&-", "", id="closed"),
    pytest.param("<&- >&- 2>/dev/null", "", id="all closed"),
    pytest.param("> /dev/full", "error: the output is incomplete: No space left on device\n", id="full"),
]


@pytest.mark.parametrize(("redirection", "said"), STDOUTS)
def test_the_result_stands_whatever_becomes_of_the_output(shop: Shop, redirection: str, said: str) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED), log=b"line\n" * 100)
    shop.put(job("job-2", JobStatus.FAILED), log=b"line\n" * 100)
    lost = ExitCode.ERROR if said else ExitCode.OK
    for job_id, unbuffered, code in (("job-1", "", lost), ("job-1", "1", lost), ("job-2", "", ExitCode.FAILED)):
        argv = [*PROGRAM, "jobs", "logs", job_id, "--follow", "--server", shop.url]
        done = subprocess.run(
            ["sh", "-c", f'"$@" {redirection}', "sh", *argv],
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_no_file_of_the_server_becomes_its_stdout(tmp_path: Path) -> None:
    script = (
        "import os; from cictl.cli.output.device import open_standard_streams as begin; begin();"
        "print(os.open('lock', os.O_CREAT) > 2, file=open('said', 'w'))"
    )
    subprocess.run(
        ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-c", script], cwd=tmp_path, timeout=60, check=True
    )
    assert (tmp_path / "said").read_text() == "True\n"


def test_failure_keeps_the_servers_hint() -> None:
    error = cictl_client.ClientError("no")
    error.hint = "do that"  # type: ignore[attr-defined]
    failure = failure_of(error, server="http://x")
    assert isinstance(failure, Failure)
    assert failure.as_text() == "error: no (server http://x)\ntry: do that\n"
