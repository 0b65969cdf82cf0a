"""What passes through the server does not stay in its memory."""

from __future__ import annotations

import base64
import http.client
import os
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cictl_testing.pressure import MIB, peak, resident
from cictl_testing.processes import Workplace

from cictl.wire.agents import StatusRequest
from cictl.wire.jobs import JobExecution
from cictl_client import Client

LIMIT = 64 << 20


@pytest.fixture
def job(workplace: Workplace) -> JobExecution:
    """An execution that the test itself runs, as agent `a`."""
    return workplace.held_job()


def report(client: Client, job: JobExecution, text: str, offset: int, status: str = "running") -> None:
    request = StatusRequest(agent_id="a", status=status, output_append=text, output_offset=offset)
    client.report_status(job.id, request, minimal=True)


@pytest.mark.slow
def test_a_log_of_200_mb(workplace: Workplace, job: JobExecution) -> None:
    block = ("x" * 99 + "\n") * 10_000
    with Client(workplace.url) as client:
        report(client, job, "begin\n", 0)
        before = resident(workplace)
        offset = 6
        for _ in range(200):
            report(client, job, block, offset)
            offset += len(block)
        report(client, job, "", offset, status="succeeded")
        followed = sum(len(chunk.data) for chunk in client.follow_log(job.id))
        assert len(client.get_job(job.id).output) <= MIB
    assert followed == offset == 200 * len(block) + 6
    assert peak(workplace) - before < LIMIT


@pytest.mark.weakness("A1.6")
@pytest.mark.slow
def test_an_artifact_of_2_gb(workplace: Workplace, job: JobExecution) -> None:
    size = 2048 * MIB
    with Client(workplace.url, timeout=300) as client, tempfile.TemporaryFile(dir=workplace.directory) as body:
        report(client, job, "begin\n", 0)
        before = resident(workplace)
        with (
            zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("big.bin", "w", force_zip64=True) as entry,
        ):
            # A zip that unpacks to more than 200 times its size is refused.
            block = (os.urandom(16 << 10) + bytes(48 << 10)) * (MIB >> 16)
            for _ in range(size // MIB):
                entry.write(block)
        body.seek(0)
        [stored] = client.upload_artifacts_zip(job.id, "a", body)
        assert stored.size_bytes == size
        with Path("/dev/null").open("wb") as sink:
            assert client.download_artifact(client.list_artifacts(job.id)[0], sink) == size
    assert peak(workplace) - before < LIMIT


def post(url: str, path: str, body: bytes) -> int:
    """Send *body* as it is, and return the status of the answer, also if it comes before the body was taken."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", path, body)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@pytest.mark.weakness("A1.6")
@pytest.mark.slow
def test_many_large_bodies_at_once(workplace: Workplace, job: JobExecution) -> None:
    """Eight of 60 MiB, which would take 1,000 MiB together, and as much again for those that are refused."""
    data = base64.b64encode(bytes(45 * MIB))
    artifacts = b'{"agent_id":"a","artifacts":[{"path":"big.bin","data_base64":"%s"}]}' % data
    bodies = [(f"/api/v1/jobs/{job.id}/artifacts", artifacts)] * 8 + [("/api/v1/heartbeat", artifacts)] * 4
    before = resident(workplace)
    with ThreadPoolExecutor(max_workers=len(bodies)) as pool:
        statuses = list(pool.map(lambda each: post(workplace.url, *each), bodies))
    assert statuses == [200] * 8 + [413] * 4
    assert peak(workplace) - before < 8 * LIMIT
