"""Large artifacts and logs from end to end: as an agent sends them and as people download them, in turns with nginx on the same bytes.

Target: half the speed of nginx. It is the one that is installed; without it the figures have no ratio.
"""

from __future__ import annotations

import http.client
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from cictl_testing.ports import free_port
from cictl_testing.servers.nginx import PROGRAM, RunningNginx
from figures import Figure, Figures, Untrue, options
from serving import Served, real_disk, serve_trivial, served

from cictl.redaction import Redactor
from cictl.wire.agents import HeartbeatRequest, LeaseRequest, StatusRequest
from cictl_agent.job.artifacts.collection import Found
from cictl_agent.job.artifacts.upload import upload
from cictl_agent.log.file_listing import Listing
from cictl_agent.log.reporter import CHUNK_BYTES
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interruption
from cictl_client import Client

AGENT = "bench"
ROUNDS = 3
_BLOCK = 1 << 20
_HEARTBEAT_SECONDS = 5.0
_LINE = b"a line of output that a compiler might have written, about eighty bytes of it.\n"
_NGINX = """
server {{
    listen 127.0.0.1:{port};
    root {root};
    sendfile on;
    client_max_body_size 0;
    location / {{ dav_methods PUT; }}
}}
"""

Speed = Callable[[], float]


class Bench:
    """A server with a job that an agent runs, and nginx beside it."""

    def __init__(self, server: Served, home: Path, *, nginx: str) -> None:
        self.client = Client(server.url, timeout=600)
        self.client.heartbeat(HeartbeatRequest(agent_id=AGENT))
        self.url, self.nginx, self.home = server.url, nginx, home
        job = self.client.lease(LeaseRequest(agent_id=AGENT)).job_execution
        if job is None:
            raise Untrue("nothing was leased")
        self.job = job.id
        self.report(status="running")

    def report(self, **fields: object) -> int:
        """Report on the job, and return how long its log is then."""
        request = StatusRequest(**{"agent_id": AGENT, **fields})  # type: ignore[arg-type]
        return self.client.report_status(self.job, request, minimal=True).log_size

    def upload(self, file: Path) -> float:
        """Let the agent's own part send a file, and return its bytes a second."""
        begun, size = time.perf_counter(), file.stat().st_size
        with JobLog(self.home / "spool" / "job.log", Redactor([])) as log:
            upload(
                [Found(path=file.name, file=file, size=size)],
                client=self.client,
                job_id=self.job,
                agent_id=AGENT,
                lease_token="",
                scratch_dir=self.home,
                log=log,
                interruption=Interruption(),
                listing=Listing(),
            )
        return size / (time.perf_counter() - begun)

    def put(self, file: Path) -> float:
        """Send a file to nginx, and return its bytes a second."""
        begun, size = time.perf_counter(), file.stat().st_size
        connection = http.client.HTTPConnection(urlsplit(self.nginx).netloc, timeout=600, blocksize=1 << 18)
        with file.open("rb") as body:
            connection.request("PUT", f"/put-{file.name}", body, {"Content-Length": str(size)})
            status = connection.getresponse().status
        connection.close()
        if status not in (201, 204):
            raise Untrue(f"nginx answered {status}")
        return size / (time.perf_counter() - begun)

    def write_log(self, size: int) -> float:
        """Report so many bytes of log, and return the bytes a second."""
        piece = (_LINE * (CHUNK_BYTES // len(_LINE))).decode()
        begun, sent = time.perf_counter(), self.report(status="running")
        end = sent + size
        while sent < end:
            sent += len(piece)
            if self.report(status="running", output_append=piece, output_offset=sent - len(piece)) != sent:
                raise Untrue("the server has another size of the log")
        return size / (time.perf_counter() - begun)


@contextmanager
def beating(bench: Bench) -> Iterator[None]:
    """Let the agent say that it lives, as a real one does while it sends: else the server gives its job up."""
    stopping = threading.Event()

    def beat() -> None:
        with Client(bench.url) as client:
            while not stopping.wait(_HEARTBEAT_SECONDS):
                client.heartbeat(HeartbeatRequest(agent_id=AGENT))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def read_log(url: str, path: str, *, size: int) -> float:
    """Read *size* bytes of a log, request after request on one connection, and return the bytes a second."""
    begun, count = time.perf_counter(), 0
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    while count < size:
        connection.request("GET", f"{path}?offset={count}&limit={size - count}")
        response = connection.getresponse()
        piece = response.read()
        if response.status != 200 or not piece:
            raise Untrue(f"{path}: {response.status} after {count} of {size} bytes")
        count += len(piece)
    connection.close()
    return count / (time.perf_counter() - begun)


def get(url: str, path: str, *, size: int) -> float:
    """Download something of at least *size* bytes, and return the bytes a second."""
    begun, count = time.perf_counter(), 0
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    connection.request("GET", path)
    response = connection.getresponse()
    while block := response.read(_BLOCK):
        count += len(block)
    connection.close()
    if response.status != 200 or count < size:
        raise Untrue(f"{path}: {response.status}, {count} bytes")
    return count / (time.perf_counter() - begun)


@contextmanager
def running_nginx(home: Path) -> Iterator[str]:
    """Yield the URL of an nginx that serves `home / "files"` and takes files there; empty if there is none."""
    (home / "files").mkdir()
    if PROGRAM is None:
        yield ""
        return
    port = free_port()
    nginx = RunningNginx(home / "nginx", _NGINX.format(port=port, root=home / "files"), port=port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        nginx.stop()


def make_noise(file: Path, size: int) -> None:
    """Make a file that no packing makes smaller, as most large artifacts are."""
    with file.open("wb") as out:
        for _ in range(0, size, _BLOCK):
            out.write(os.urandom(_BLOCK))


def add(report: Figures, name: str, ours: Speed, theirs: Speed | None, *, did: str, target: str = ">= 0.5") -> None:
    """Measure in turns with nginx, and add the figure."""
    pairs = [(theirs() if theirs else 0.0, ours()) for _ in range(ROUNDS)]
    value = median(own for _, own in pairs) / 1e6
    if theirs is None:
        report.add(Figure(name=name, value=value, unit="MB/s", did=did))
        return
    ratio = median(own / other for other, own in pairs)
    report.add(Figure(name=name, value=value, unit="MB/s", ratio=ratio, base="nginx", target=target, did=did))


def measure(report: Figures, bench: Bench, *, artifact: int, log: int) -> None:
    file = bench.home / "files" / "artifact.bin"
    make_noise(file, artifact)
    has_nginx, did = bool(bench.nginx), f"{artifact / 1e6:,.0f} MB, compressed already"
    add(
        report,
        "upload of an artifact",
        lambda: bench.upload(file),
        (lambda: bench.put(file)) if has_nginx else None,
        did=did,
    )
    download = (lambda: get(bench.nginx, f"/{file.name}", size=artifact)) if has_nginx else None
    path = f"/artifacts/{bench.job}/{file.name}"
    add(report, "download of an artifact", lambda: get(bench.url, path, size=artifact), download, did=did)
    path = f"/api/v1/jobs/{bench.job}/artifacts/download-all"
    add(report, "download-all of it", lambda: get(bench.url, path, size=artifact), download, did=did, target="")
    did = f"{log / 1e6:,.0f} MB in pieces of {CHUNK_BYTES >> 10} KiB"
    speed = bench.write_log(log) / 1e6
    report.add(Figure(name="a log that an agent sends", value=speed, unit="MB/s", did=did))
    path = f"/api/v1/jobs/{bench.job}/log"
    add(
        report,
        "download of a log",
        lambda: read_log(bench.url, path, size=log),
        download,
        did=f"{log / 1e6:,.0f} MB",
        target="",
    )


def main() -> None:
    arguments, report = options(__doc__)
    scale = 16 if arguments.quick else 1
    with (
        real_disk("bench-bytes-") as home,
        running_nginx(home) as nginx,
        served(serve_trivial, str(home / "data"), 2) as server,
        beating(bench := Bench(server, home, nginx=nginx)),
    ):
        measure(report, bench, artifact=(2 << 30) // scale, log=1_000_000_000 // scale)


if __name__ == "__main__":
    main()
