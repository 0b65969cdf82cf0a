"""Fifty reference agents: each sends its log of up to 512 KiB twice a second, polls, and connects for each request.

While they run jobs, `/healthz` is asked twenty times a second. Target: a 99th percentile below 100 ms.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from figures import Figure, Untrue, options
from serving import real_disk, serve_cictl, served

AGENTS = 50
_LINE = "a line of output that a compiler might have written, about eighty bytes of it\n"
_LONGEST = 524_288


def _request(url: str, method: str, path: str, body: bytes | None = None) -> Any:
    """Send one request over a connection of its own, and return the JSON of its answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise Untrue(f"{method} {path} was answered with {response.status}: {answer[:200]!r}")
        return json.loads(answer)
    finally:
        connection.close()


def _agent(url: str, name: str, stop: float) -> None:
    """Lease jobs and report as a reference agent does, until *stop*."""
    while time.monotonic() < stop:
        body = json.dumps({"agent_id": name, "hostname": "h", "os": "linux", "arch": "amd64"}).encode()
        _request(url, "POST", "/api/v1/heartbeat", body)
        offered = {"os": "linux", "arch": "amd64", "tool.python": "3.12.1"}
        lease = json.dumps({"agent_id": name, "capabilities": offered}).encode()
        job = _request(url, "POST", "/api/v1/agent/lease", lease).get("job_execution")
        if job is None:
            time.sleep(3)
            continue
        path = f"/api/v1/jobs/{job['id']}"
        output = ""
        while time.monotonic() < stop and len(output) < 2 * _LONGEST:
            output += _LINE * 400
            report = {"agent_id": name, "status": "running", "output": output[-_LONGEST:], "current_step": "Step 1/1"}
            _request(url, "POST", f"{path}/status", json.dumps(report).encode())
            _request(url, "GET", path)
            time.sleep(0.5)
        final = {"agent_id": name, "status": "succeeded", "exit_code": 0, "output": output[-_LONGEST:]}
        _request(url, "POST", f"{path}/status", json.dumps(final).encode())


def run_agents(url: str, first: int, count: int, seconds: float) -> None:
    """Run *count* agents; raise when one of them fails."""
    stop = time.monotonic() + seconds
    failures: list[BaseException] = []

    def run(name: str) -> None:
        try:
            _agent(url, name, stop)
        except Exception as error:  # noqa: BLE001 raised below, where it ends the process
            failures.append(error)

    threads = [threading.Thread(target=run, args=(f"ref-{n}",)) for n in range(first, first + count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _health(url: str, seconds: float) -> list[float]:
    """Return the milliseconds of each request to `/healthz`, each over a connection of its own."""
    stop = time.monotonic() + seconds
    times = []
    while time.monotonic() < stop:
        begun = time.perf_counter()
        _request(url, "GET", "/healthz")
        times.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.05)
    return times


def main() -> None:
    arguments, report = options(__doc__)
    seconds = 10.0 if arguments.quick else 60.0
    context = multiprocessing.get_context("spawn")
    with real_disk("bench-agents-") as home, served(serve_cictl, str(home), 2_000, 0) as server:
        quiet = sorted(_health(server.url, seconds / 10))
        workers = [
            context.Process(target=run_agents, args=(server.url, n * 25, 25, seconds)) for n in range(AGENTS // 25)
        ]
        for worker in workers:
            worker.start()
        times = sorted(_health(server.url, seconds))
        for worker in workers:
            worker.join()
            if worker.exitcode:
                raise Untrue("an agent failed")
        begun = int(server.metric("cictl_leases_total"))
        finished = int(server.metric("cictl_jobs_finished_total"))
        if begun < AGENTS or not finished:
            raise Untrue(f"{AGENTS} agents began {begun} jobs and finished {finished}")
    name = f"/healthz p99 beside {AGENTS} reference agents"
    p99, alone = times[len(times) * 99 // 100], quiet[len(quiet) * 99 // 100]
    did = f"{finished:,} jobs finished; p50 {times[len(times) // 2]:.1f} ms"
    report.add(
        Figure(name=name, value=p99, unit="ms", ratio=p99 / alone, base="a quiet server", target="<= 100 ms", did=did)
    )


if __name__ == "__main__":
    main()
