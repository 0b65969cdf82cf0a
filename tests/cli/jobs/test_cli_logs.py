"""`cictl jobs logs`."""

from __future__ import annotations

import threading

import pytest
from cictl_testing.shop import Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.jobs import CANCELLED_BY_USER, JobStatus
from tests.cli.conftest import Run

LOG = b"".join(b"line %d\n" % number for number in range(1, 20_001))


@pytest.fixture
def logged(shop: Shop) -> Shop:
    """A job that is over, with a log longer than one window."""
    shop.put(job("job-1", JobStatus.SUCCEEDED), log=LOG)
    return shop


def test_whole_log(cli: Run, logged: Shop) -> None:
    ran = cli("jobs", "logs", "job-1")
    assert (ran.code, ran.out, ran.err) == (0, LOG.decode(), "")


@pytest.mark.parametrize("lines", [0, 1, 3, 9_000, 20_000, 50_000])
def test_tail(cli: Run, logged: Shop, lines: int) -> None:
    wanted = LOG.splitlines(keepends=True)[-lines:] if lines else []
    assert cli("jobs", "logs", "job-1", "--tail", str(lines)).out == b"".join(wanted).decode()


def test_tail_of_a_log_without_last_newline(cli: Run, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED), log=b"one\ntwo\nthree")
    assert cli("jobs", "logs", "job-1", "--tail", "2").out == "two\nthree"


def test_tail_of_an_empty_log(cli: Run, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED), log=b"")
    assert cli("jobs", "logs", "job-1", "--tail", "2").out == ""


def test_offset(cli: Run, logged: Shop) -> None:
    assert cli("jobs", "logs", "job-1", "--offset", str(len(LOG) - 6)).out == LOG.decode()[-6:]


@pytest.mark.parametrize(("options", "shown"), [((), LOG), (("--tail", "2"), b"line 19999\nline 20000\n")])
def test_server_without_logs_by_offset_has_the_output(
    cli: Run, logged: Shop, options: tuple[str, ...], shown: bytes
) -> None:
    logged.gate.refuse_plainly("GET /api/v1/jobs/job-1/log", 404, "404 page not found")
    ran = cli("jobs", "logs", "job-1", *options)
    assert (ran.code, ran.out) == (0, shown.decode())


def test_control_sequences_are_stripped(cli: Run, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED), log=b"\x1b[31mred\x1b[0m\x1b[2J\n")
    assert cli("jobs", "logs", "job-1").out == "red\n"


def test_raw_leaves_the_bytes_alone(cli: Run, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED), log=b"\x1b[31mred\x1b[0m\r\n")
    assert cli("jobs", "logs", "job-1", "--raw").out.encode() == b"\x1b[31mred\x1b[0m\r\n"


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        pytest.param(JobStatus.SUCCEEDED, "", ExitCode.OK, id="succeeded"),
        pytest.param(JobStatus.FAILED, "exit status 1", ExitCode.FAILED, id="failed"),
        pytest.param(JobStatus.FAILED, CANCELLED_BY_USER, ExitCode.CANCELLED, id="cancelled"),
    ],
)
def test_follow_ends_with_the_result(cli: Run, logged: Shop, status: JobStatus, error: str, code: ExitCode) -> None:
    logged.finish("job-1", status, error=error)
    ran = cli("jobs", "logs", "-f", "job-1")
    assert (ran.code, ran.out) == (code, LOG.decode())


def test_follow_shows_what_comes_later(cli: Run, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.RUNNING), log=b"first\n")

    def go_on() -> None:
        while not any("log" in request for request in list(shop.gate.requests)):
            threading.Event().wait(0.01)
        shop.append("job-1", b"second\n")
        shop.finish("job-1")

    thread = threading.Thread(target=go_on)
    thread.start()
    ran = cli("jobs", "logs", "-f", "job-1")
    thread.join()
    assert (ran.code, ran.out) == (0, "first\nsecond\n")
