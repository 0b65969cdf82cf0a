"""The client against the server it is made for."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import zipped
from cictl_testing.processes import DEADLINE_SECONDS
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import LocalServer

from cictl.wire.agents import HeartbeatRequest, LeaseRequest, StatusRequest
from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.results.reports import TestReport, TestReportUpload
from cictl_client import Client, Conflict, InvalidRequest, LogGap, MethodNotAllowed, NotFound
from cictl_server.app import create_app


class Duo:
    """A server and its client."""

    def __init__(self, directory: Path) -> None:
        self.rules = RunningServer(directory)
        self.http = LocalServer(create_app(self.rules.services))
        self.http.start()
        self.client = Client(self.http.url)

    def close(self) -> None:
        self.client.close()
        self.rules.services.core.hub.close()
        self.http.close()
        self.rules.close()

    def leased(self) -> str:
        """Enqueue an execution, lease it, and return its id."""
        job_id = self.rules.enqueue()
        leased = self.client.lease(LeaseRequest(agent_id="a")).job_execution
        assert leased is not None
        assert leased.id == job_id
        return job_id

    def append(self, job_id: str, text: str, *, at: int, status: str = "running") -> int:
        """Report more output, and return the size of the log."""
        request = StatusRequest(agent_id="a", status=status, output_append=text, output_offset=at)
        return self.client.report_status(job_id, request, minimal=True).log_size


@pytest.fixture
def duo(tmp_path: Path) -> Iterator[Duo]:
    both = Duo(tmp_path / "data")
    assert both.client.heartbeat(HeartbeatRequest(agent_id="a", os="linux", arch="amd64")).accepted
    yield both
    both.close()


def test_log_is_followed_while_it_grows(duo: Duo) -> None:
    job_id = duo.leased()
    duo.append(job_id, "one\n", at=0)
    chunks = duo.client.follow_log(job_id)
    assert next(chunks).data == b"one\n"
    agent = threading.Thread(target=duo.append, args=(job_id, "zwölf\n"), kwargs={"at": 4, "status": "succeeded"})
    agent.start()
    assert b"".join(chunk.data for chunk in chunks) == "zwölf\n".encode()
    agent.join(DEADLINE_SECONDS)
    assert duo.client.wait_for_job(job_id).status is JobStatus.SUCCEEDED


def test_a_wait_ends_when_the_job_does(duo: Duo) -> None:
    """The server's events end it, long before the next look."""
    job_id = duo.leased()
    agent = threading.Thread(target=duo.append, args=(job_id, "done\n"), kwargs={"at": 0, "status": "succeeded"})
    final = duo.client.wait_for_job(
        job_id, timeout=DEADLINE_SECONDS, poll=DEADLINE_SECONDS, on_state=lambda _: _started(agent)
    )
    agent.join(DEADLINE_SECONDS)
    assert final.status is JobStatus.SUCCEEDED


def _started(thread: threading.Thread) -> None:
    if thread.ident is None:
        thread.start()


def test_cancelled_log_is_followed_to_its_last_line(duo: Duo) -> None:
    job_id = duo.leased()
    duo.append(job_id, "one\n", at=0)
    assert duo.client.cancel_job(job_id).cause is Cause.CANCELLED
    text = b"".join(chunk.data for chunk in duo.client.follow_log(job_id))
    assert text.startswith(b"one\n")
    assert text.rstrip().endswith(b"[control] job cancelled by user")
    assert duo.client.read_log(job_id).data == text
    assert duo.client.read_log(job_id).complete


def test_gap_in_a_log_is_refused_with_its_size(duo: Duo) -> None:
    job_id = duo.leased()
    duo.append(job_id, "one\n", at=0)
    with pytest.raises(LogGap) as caught:
        duo.append(job_id, "three\n", at=9)
    assert caught.value.log_size == 4


def test_artifacts_go_up_and_come_down(duo: Duo) -> None:
    job_id = duo.leased()
    data = hashlib.sha256(b"seed").digest() * 50_000
    body = io.BytesIO(zipped({"out/a b#%.bin": data}))
    duo.client.upload_artifacts_zip(job_id, "a", body)
    [stored] = duo.client.list_artifacts(job_id)
    sink, archive = io.BytesIO(), io.BytesIO()
    assert duo.client.download_artifact(stored, sink) == len(data) == stored.size_bytes
    assert sink.getvalue() == data
    duo.client.download_all(job_id, archive)
    with zipfile.ZipFile(archive) as unpacked:
        assert unpacked.read("out/a b#%.bin") == data


def test_test_report_goes_up_and_comes_down(duo: Duo) -> None:
    job_id = duo.leased()
    report = TestReport(total=2, passed=1, failed=1)
    assert duo.client.upload_tests(job_id, TestReportUpload(agent_id="a", report=report)) == report
    assert duo.client.get_test_report(job_id) == report


@pytest.mark.parametrize("minimal", [False, True])
def test_report_about_an_unknown_job_is_not_found(duo: Duo, minimal: bool) -> None:
    with pytest.raises(NotFound) as caught:
        duo.client.report_status("job-1", StatusRequest(agent_id="a", status="running"), minimal=minimal)
    assert caught.value.status == 400


def test_refusals_have_their_class(duo: Duo) -> None:
    job_id = duo.leased()
    duo.client.cancel_job(job_id)
    with pytest.raises(Conflict, match="job is not active"):
        duo.client.cancel_job(job_id)
    with pytest.raises(NotFound, match="job not found"):
        list(duo.client.follow_log("job-1"))
    with pytest.raises(InvalidRequest, match="agent_id is required"):
        duo.client.heartbeat(HeartbeatRequest())
    with pytest.raises(MethodNotAllowed):
        duo.client.request("PATCH", "/api/v1/jobs")


def test_lists_page_through_their_cursor(duo: Duo) -> None:
    ids = [duo.rules.enqueue() for _ in range(3)]
    first = duo.client.list_jobs(max_jobs=2, status="queued")
    rest = duo.client.list_jobs(max_jobs=2, status="queued", cursor=first.next_cursor)
    assert [job.id for job in (*first.job_executions, *rest.job_executions)] == ids[::-1]
    assert rest.next_cursor == ""
