"""Clients that ask for much and read nothing, or slowly, against a real server process."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest
from cictl_testing.ends import other_end_of
from cictl_testing.pressure import MIB, Calm
from cictl_testing.processes import Workplace, eventually

from cictl.wire.agents import HeartbeatRequest, StatusRequest
from cictl_client import Client, NoCapacity, Unreachable
from cictl_server.services import DEFAULT_DOWNLOAD_PLACES

pytestmark = pytest.mark.xdist_group("a server of test_unread_answers")

ATTACKERS = 110
STALLED_SECONDS = 3.0
SIZE = 24 * MIB


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    environment = {"CICTL_STALLED_SECONDS": str(STALLED_SECONDS), "CICTL_TRUSTED_PROXIES": "127.0.0.1"}
    workplace = Workplace(tmp_path_factory.mktemp("place"), environment=environment)
    yield workplace
    workplace.close()


@pytest.fixture(scope="module")
def job_id(place: Workplace) -> str:
    """An execution with an artifact and a log that are too long for the buffers of a connection."""
    job = place.held_job()
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("big.bin", os.urandom(SIZE))
    packed.seek(0)
    with Client(place.url) as client:
        client.report_status(job.id, StatusRequest(agent_id="a", status="running"))
        client.upload_artifacts_zip(job.id, "a", packed)
        block = "x" * MIB
        for number in range(8):
            request = StatusRequest(agent_id="a", status="running", output_append=block, output_offset=number * MIB)
            client.report_status(job.id, request, minimal=True)
    return job.id


def asking(
    stack: ExitStack, place: Workplace, path: str, *, times: int = 1, buffer: int = 4096, client: str = ""
) -> socket.socket:
    """Ask for *path*, and read nothing. Send the request several *times* at once, for a *client* as a proxy does."""
    connection = stack.enter_context(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(60)
    address = urlsplit(place.url)
    connection.connect((address.hostname, address.port))
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n"
    connection.sendall(request.encode() * times)
    return connection


def gets_everything(client: Client, job_id: str) -> bool:
    """Tell whether a download of the artifact and of the log has a place, and both are whole."""
    try:
        with Path(os.devnull).open("wb") as sink:
            size = client.download_artifact(client.list_artifacts(job_id)[0], sink)
        return (size, len(client.read_log(job_id).data)) == (SIZE, 8 * MIB)
    except (NoCapacity, Unreachable):  # the last: this process stood still for longer than a client may take nothing
        return False


PATHS = [
    pytest.param("/artifacts/{job}/big.bin", 1, id="artifact"),
    pytest.param("/api/v1/jobs/{job}/artifacts/download-all", 1, id="zip"),
    pytest.param("/api/v1/jobs/{job}/log", 1, id="log"),
    pytest.param("/api/v1/jobs/{job}/log?follow=1", 1, id="follower"),
    pytest.param("/api/v1/jobs/{job}/log?limit=250000", 30, id="pipelined"),
]


@pytest.mark.parametrize(("path", "times"), PATHS)
def test_who_reads_nothing_holds_up_nobody(place: Workplace, job_id: str, path: str, times: int) -> None:
    """More of them than the server has threads. All are cut off, and then everything works as before."""
    calm = Calm.of(place)
    with ExitStack() as stack, Client(place.url, retries=0) as client:
        for _ in range(ATTACKERS):
            asking(stack, place, path.format(job=job_id), times=times)
        assert calm.is_undisturbed()
        assert client.heartbeat(HeartbeatRequest(agent_id="b")).accepted
        eventually(lambda: gets_everything(client, job_id), what="the end of those that read nothing")


def heads(place: Workplace, path: str, count: int) -> list[bytes]:
    """Ask *count* times at once, and return the heads of the answers in the order of their status."""
    with ExitStack() as stack:
        asked = [asking(stack, place, path) for _ in range(count)]
        return sorted(connection.recv(4096).partition(b"\r\n\r\n")[0] for connection in asked)


def test_past_the_places_of_one_caller_the_answer_is_503(place: Workplace, job_id: str) -> None:
    found: list[bytes] = []
    most = DEFAULT_DOWNLOAD_PLACES // 2

    def are_all_taken() -> bool:
        found[:] = heads(place, f"/artifacts/{job_id}/big.bin", most + 1)
        return [head[9:12] for head in found] == [b"200"] * most + [b"503"]

    eventually(are_all_taken, what="all places, some of which earlier clients may still hold")
    assert b"\r\nretry-after: 2" in found[-1].lower()


def test_the_log_names_who_asked_through_a_proxy(place: Workplace, job_id: str) -> None:
    with ExitStack() as stack:
        asking(stack, place, f"/artifacts/{job_id}/big.bin", client="203.0.113.9")
        place.server.wait_for_line("closed, its client takes nothing peer=203.0.113.9")


def open_files(place: Workplace) -> int:
    return len(list(Path(f"/proc/{place.server.process.pid}/fd").iterdir()))


def downloading(
    stack: ExitStack, place: Workplace, job_id: str, *, count: int, buffer: int = 4096
) -> list[socket.socket] | None:
    """Begin so many downloads, and read nothing; None if earlier clients still hold too many places."""
    asked = [asking(stack, place, f"/artifacts/{job_id}/big.bin", buffer=buffer) for _ in range(count)]
    begun = [connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200" for connection in asked]
    return asked if all(begun) else None


def test_who_reads_nothing_keeps_no_connection(place: Workplace, job_id: str) -> None:
    """The system tells of no room for such a client, so nobody may wait for that to close the connection."""
    with ExitStack() as stack:
        found = eventually(lambda: downloading(stack, place, job_id, count=8), what="eight places")
        ends = [other_end_of(connection) for connection in found]
        eventually(lambda: not any(is_held() for is_held in ends), what="the end of the connections")


def test_who_holds_all_files_locks_nobody_out(place: Workplace) -> None:
    pid, address = place.server.process.pid, urlsplit(place.url)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files(place) + 10, limits[1]))
    try:
        with ExitStack() as stack:
            for _ in range(40):
                connection = stack.enter_context(socket.create_connection((address.hostname, address.port), 60))
                connection.sendall(b"GET /healthz HTTP/1.1\r\n")
            with Client(place.url, retries=0) as client:
                assert client.health().status == "ok"
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def test_who_reads_slowly_gets_everything(place: Workplace, job_id: str) -> None:
    """It takes longer in all than a client may take nothing."""
    eventually(lambda: reads_slowly(place, job_id), what="a machine that lets this process read often enough")


def reads_slowly(place: Workplace, job_id: str) -> bool:
    """Read slowly at first, and then the rest. Tell whether it came; not if this process stood still for too long meanwhile."""
    with ExitStack() as stack:
        connection = asking(stack, place, f"/artifacts/{job_id}/big.bin", buffer=1 << 17)
        begun, got, longest = time.monotonic(), 0, 0.0
        while got < SIZE:
            before = time.monotonic()
            if before - begun < 3 * STALLED_SECONDS:
                Event().wait(STALLED_SECONDS / 10)
            block = connection.recv(1 << 17)
            longest = max(longest, time.monotonic() - before)
            if not block:
                assert longest > STALLED_SECONDS / 2, "the server has closed the connection"
                return False
            got += len(block)
        assert time.monotonic() - begun > 3 * STALLED_SECONDS
    return True


def test_a_server_that_stood_still_goes_on_with_its_answers(place: Workplace, job_id: str) -> None:
    """As after SIGSTOP and SIGCONT: its clients have taken all that there was, but it did not see that."""
    with ExitStack() as stack:
        [connection] = eventually(lambda: downloading(stack, place, job_id, count=1, buffer=1 << 17), what="a place")
        place.server.process.send_signal(signal.SIGSTOP)
        got = 0
        try:
            connection.settimeout(STALLED_SECONDS + 0.5)
            with suppress(TimeoutError):
                while True:
                    got += len(connection.recv(1 << 20))
        finally:
            place.server.process.send_signal(signal.SIGCONT)
        assert got < SIZE
        connection.settimeout(60)
        while got < SIZE:
            block = connection.recv(1 << 20)
            assert block, "the server has closed the connection"
            got += len(block)
