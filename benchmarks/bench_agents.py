"""Fifty agents as the reference's: whole logs of up to 512 KiB twice a second, polls, a connection for each request.

While they run jobs, `/healthz` is asked twenty times a second. Target: its 99th percentile below 100 ms.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import tempfile
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from bench_http import _serve_cictl, _served

AGENTS = 50
_LINE = "a line of output that a compiler might have written, about eighty bytes of it\n"
_LONGEST = 524_288


def _request(url: str, method: str, path: str, body: bytes | None = None) -> Any:
    """Send one request over a connection of its own, and return its JSON."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _agent(url: str, name: str, stop: float) -> None:
    """Lease jobs and report as a reference agent does, until *stop*."""
    while time.monotonic() < stop:
        body = json.dumps({"agent_id": name, "hostname": "h", "os": "linux", "arch": "amd64"}).encode()
        _request(url, "POST", "/api/v1/heartbeat", body)
        lease = json.dumps({"agent_id": name, "capabilities": {"os": "linux"}}).encode()
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


def _agents(url: str, first: int, count: int, seconds: float) -> None:
    stop = time.monotonic() + seconds
    threads = [threading.Thread(target=_agent, args=(url, f"ref-{n}", stop)) for n in range(first, first + count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _health(url: str, seconds: float) -> list[float]:
    """Return the milliseconds that `/healthz` took, each time over a connection of its own."""
    stop = time.monotonic() + seconds
    times = []
    while time.monotonic() < stop:
        begun = time.perf_counter()
        _request(url, "GET", "/healthz")
        times.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.05)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ten seconds instead of sixty")
    seconds = 10.0 if parser.parse_args().quick else 60.0
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as home, _served(_serve_cictl, f"{home}/data", 2_000, 0) as url:
        workers = [context.Process(target=_agents, args=(url, n * 25, 25, seconds)) for n in range(AGENTS // 25)]
        for worker in workers:
            worker.start()
        times = sorted(_health(url, seconds))
        for worker in workers:
            worker.join()
            if worker.exitcode:
                raise SystemExit("an agent failed")
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"/healthz beside {AGENTS} reference agents: p50 {p50:.1f} ms, p99 {p99:.1f} ms   (target p99 100)")


if __name__ == "__main__":
    main()
