"""A log ends at the server's limit, says so in its last line, and its agent goes on as if nothing were."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.jobs import JobExecution, JobStateResponse

LIMIT = 1024
LINE = b"[control] log limit of 1KiB reached; the rest is not kept"


@pytest.fixture
def job(server: RunningServer) -> JobExecution:
    server.restart_with(max_log_bytes=LIMIT)
    server.enqueue()
    return server.running()


def append(server: RunningServer, job_id: str, text: str, *, offset: int, status: str = "running") -> int:
    """Add to the log, and return its size as the agent is told."""
    answer = server.report(job_id, status, output_append=text, output_offset=offset)
    assert answer.status_code == 200, answer.text
    return int(answer.json["job_execution"]["log_size"])


def test_a_log_up_to_the_limit_is_kept_whole(server: RunningServer, job: JobExecution) -> None:
    append(server, job.id, "x" * LIMIT, offset=0)
    assert server.log(job.id) == b"x" * LIMIT


def test_a_log_past_the_limit_is_cut_and_says_so(server: RunningServer, job: JobExecution) -> None:
    append(server, job.id, "x" * LIMIT, offset=0)
    assert append(server, job.id, "y", offset=LIMIT) >= LIMIT + 1
    for offset in (LIMIT + 1, 10 * LIMIT):
        assert append(server, job.id, "z" * LIMIT, offset=offset) >= offset + LIMIT
    assert server.log(job.id) == b"x" * LIMIT + b"\n" + LINE
    assert server.log_writer.size(job.id) == LIMIT


def test_the_end_of_a_job_whose_log_was_cut_is_accepted(server: RunningServer, job: JobExecution) -> None:
    """Neither size nor digest of the agent's own log can be those of the stored one."""
    text = "x" * (3 * LIMIT)
    append(server, job.id, text, offset=0)
    answer = server.report(
        job.id, "succeeded", output_size=len(text), output_sha256=hashlib.sha256(text.encode()).hexdigest()
    )
    assert answer.status_code == 200
    assert server.job(job.id).output.endswith(LINE.decode())
    assert server.job(job.id).log_size == LIMIT + 1 + len(LINE)


def test_a_log_that_passes_the_limit_with_the_last_report_is_cut_too(server: RunningServer, job: JobExecution) -> None:
    append(server, job.id, "x" * (3 * LIMIT), offset=0, status="failed")
    assert server.log(job.id) == b"x" * LIMIT + b"\n" + LINE


def test_our_agents_are_told_to_send_no_more(server: RunningServer, job: JobExecution) -> None:
    append(server, job.id, "x" * (LIMIT + 1), offset=0)
    state = decode(server.get(f"/api/v1/jobs/{job.id}?view=state").content, JobStateResponse).job_execution
    assert state.log_is_full


def test_who_follows_sees_the_line(server: RunningServer, job: JobExecution) -> None:
    append(server, job.id, "x" * (2 * LIMIT), offset=0)
    server.report(job.id, "succeeded")
    events = server.get(f"/api/v1/jobs/{job.id}/log", query_string="follow=1").text
    pieces = [json.loads(line[6:]) for line in events.splitlines() if line.startswith("data: ")]
    followed = b"".join(base64.b64decode(piece["data_base64"]) for piece in pieces[:-1])
    assert followed == server.log(job.id)
    assert followed.endswith(LINE)


def test_the_line_of_a_cancel_follows(server: RunningServer, job: JobExecution) -> None:
    append(server, job.id, "x" * (2 * LIMIT), offset=0)
    server.cancel(job.id)
    assert server.log(job.id).splitlines()[1:] == [LINE, b"[control] job cancelled by user"]


def test_a_cut_log_stays_as_it_is_under_another_limit(server: RunningServer, job: JobExecution) -> None:
    append(server, job.id, "x" * (2 * LIMIT), offset=0)
    before = server.log(job.id)
    server.restart_with(max_log_bytes=0)
    append(server, job.id, "y" * LIMIT, offset=2 * LIMIT)
    assert server.log(job.id) == before


def test_a_cut_makes_no_half_character(server: RunningServer, job: JobExecution) -> None:
    append(server, job.id, "x" + "€" * LIMIT, offset=0)
    kept = server.log(job.id).decode()
    assert kept == "x" + "€" * ((LIMIT - 1) // 3) + "\n" + LINE.decode()


@pytest.mark.parametrize("text", [pytest.param("x" * LIMIT + "y", id="whole"), pytest.param("z" * 600_000, id="tail")])
def test_snapshots_of_reference_agents_end_at_the_limit(server: RunningServer, job: JobExecution, text: str) -> None:
    server.report(job.id, "running", output="x" * 100)
    for _ in range(2):
        assert server.report(job.id, "running", output=text).status_code == 200
    assert server.report(job.id, "succeeded", output=text).status_code == 200
    assert server.log(job.id) == text[:LIMIT].encode() + b"\n" + LINE


def test_a_cut_shows_no_beginning_of_a_secret(server: RunningServer) -> None:
    secret = "s3cr3t-value"
    server.restart_with(max_log_bytes=LIMIT)
    job_id = server.enqueue()
    server.services.secrets.sensitive.remember(job_id, [secret])
    server.running()
    append(server, job_id, "x" * (LIMIT - 4) + secret, offset=0)
    assert server.log(job_id) == b"x" * (LIMIT - 4) + b"\n" + LINE


def test_0_keeps_logs_of_any_size(server: RunningServer) -> None:
    server.restart_with(max_log_bytes=0)
    server.enqueue()
    job_id = server.running().id
    append(server, job_id, "x" * (5 * LIMIT), offset=0)
    assert server.log(job_id) == b"x" * (5 * LIMIT)
