"""The pages: how soon and how large each comes at 50,000 jobs, a log of 200 MB opened and scrolled, and 200 viewers of one job.

Targets: the first byte within 50 ms, 50 KB a page with style and script, 15 KB of script, a long log open within 300 ms and scrolled at 60 frames a
second, `/healthz` and leases unharmed by viewers. The part with a browser needs Debian's Chromium.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from cictl_testing.face.browser import CHROMIUM, chromium
from figures import Figure, Figures, Untrue, options
from playwright.sync_api import Page
from serving import Served, real_disk, serve, served

ROWS = 50
RUNS = 1_000
WAITING_RUNS = 40
VIEWERS = 200
AGENTS = 50
LOG_BYTES = 200 << 20

_HTML = {"Accept": "text/html", "Accept-Encoding": "gzip"}
_FILE = f"""
version: 1
project: {{name: shop}}
pipelines:
  - id: build
    jobs: [{{id: compile, runs_on: {{os: linux}}, matrix: {{include: [{", ".join(f"{{name: row{n}}}" for n in range(ROWS))}]}}, steps: [{{name: Make, run: make all}}]}}]
"""


def serve_history(pipe: Any, directory: str, runs: int) -> None:
    """Serve a store with so many runs of `ROWS` jobs, of which the last `WAITING_RUNS` wait and all others are over, and one long log."""
    from datetime import UTC, datetime

    from cictl.project_file import parse
    from cictl.wire.projects import RunRequest
    from cictl_server.serve import Server, ServerConfig
    from cictl_server.store.contract import Transaction
    from cictl_server.store.records.projects import PipelineRecord, ProjectRecord

    server = Server(ServerConfig(data_dir=Path(directory), port=0))
    [pipeline] = parse(_FILE, config_file="cictl.yaml").pipelines

    def define(tx: Transaction) -> None:
        record = ProjectRecord(
            id=1,
            name="shop",
            identity="shop",
            repo_url="https://git.example.test/shop.git",
            repo_ref="main",
            config_file="cictl.yaml",
            loaded_commit="",
            updated=datetime.now(UTC),
        )
        tx.projects.put(record)
        tx.pipelines.put(PipelineRecord(id=1, project_id=1, definition=pipeline))

    services = server.services
    services.core.store.write(define)
    for number in range(1, runs + 1):
        services.pipelines.runs.run_pipeline(1, RunRequest())
        if number <= runs - WAITING_RUNS:
            services.runs.changes.cancel(str(number))
    serve(pipe, server)


def _get(url: str, path: str, headers: dict[str, str] | None = None) -> tuple[float, bytes]:
    """Return the milliseconds to the first byte of an answer of 200, and its body as it was sent."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.connect()
        begun = time.perf_counter()
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        first = (time.perf_counter() - begun) * 1000
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise Untrue(f"GET {path} was answered with {response.status}: {body[:200]!r}")
    return first, body


def _post(url: str, path: str, message: object) -> Any:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("POST", path, json.dumps(message).encode())
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise Untrue(f"POST {path} was answered with {response.status}: {answer[:200]!r}")
    return json.loads(answer)


def _lease(url: str, agent: str) -> str:
    """Return the id of an execution that *agent* has begun."""
    _post(url, "/api/v1/heartbeat", {"agent_id": agent, "hostname": "h", "os": "linux", "arch": "amd64"})
    offered = {"os": "linux", "arch": "amd64", "executor": "script", "shells": "posix"}
    answer = _post(url, "/api/v1/agent/lease", {"agent_id": agent, "capabilities": offered})
    if not answer.get("assigned"):
        raise Untrue(f"{agent} got no job: {answer}")
    job: str = answer["job_execution"]["id"]
    _post(url, f"/api/v1/jobs/{job}/status", {"agent_id": agent, "status": "running"})
    return job


def _append(url: str, agent: str, job: str, text: str, at: int) -> int:
    """Continue a log of ASCII, and return its new size."""
    report = {"agent_id": agent, "status": "running", "output_append": text, "output_offset": at}
    _post(url, f"/api/v1/jobs/{job}/status", report)
    return at + len(text)


def _pages(report: Figures, url: str, job: str, runs: int, *, rounds: int) -> None:
    files = {
        name: len(_get(url, _static(url, name), _HTML)[1])
        for name in ("face.css", "face.js", "icons.svg", "log.css", "log.js", "tail.js")
    }
    common = files["face.css"] + files["face.js"] + files["icons.svg"]
    healthy = median(_get(url, "/healthz")[0] for _ in range(rounds))
    paths = {
        "overview": "/",
        "runs": "/runs",
        "run": f"/runs/{runs}",
        "job": f"/jobs/{job}",
        "log": f"/jobs/{job}/log",
        "queue": "/queue",
        "agents": "/agents",
        "agent": "/agents/watched",
        "project": "/projects/1",
        "insight": "/insight",
        "admin": "/admin",
    }
    own = {"job": files["log.css"] + files["tail.js"], "log": files["log.css"] + files["log.js"]}
    for name, path in paths.items():
        answers = [_get(url, path, _HTML) for _ in range(rounds)]
        first, size = median(time for time, _ in answers), len(answers[-1][1])
        whole = (size + common + own.get(name, 0)) / 1000
        report.add(
            Figure(
                name=f"first byte of the page {name}",
                value=first,
                unit="ms",
                ratio=first / healthy,
                base="/healthz",
                target="<= 50 ms",
                did=f"{size / 1000:.1f} KB, {whole:.1f} KB with style and script (target <= 50)",
            )
        )
    script = files["face.js"] + max(files["log.js"], files["tail.js"])
    report.add(Figure(name="script of the page log", value=script / 1000, unit="KB", target="<= 15 KB"))


def _static(url: str, name: str) -> str:
    """Return the address of a file, as the page of a run tells it."""
    _, page = _get(url, "/", {"Accept": "text/html"})
    at = page.index(b"static/")
    version = page[at:].split(b"/")[1].decode()
    return f"/static/{version}/{name}"


# Counts the frames between two calls, and what part of them showed no line in the middle of the log.
_WATCH = """
() => {
  const log = document.getElementById("log");
  window.frames_ = [];
  let last = performance.now(), blank = 0;
  const box = log.getBoundingClientRect();
  const frame = (now) => {
    window.frames_.push(now - last);
    last = now;
    if (!document.elementFromPoint(box.left + 90, box.top + box.height / 2)?.closest(".row")) blank += 1;
    window.blank_ = blank;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""
_OPENED = """
new Promise((resolve) => {
  const look = () => document.querySelector(".log.live .row") ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look);
  look();
})
"""


def _long_log(report: Figures, url: str, job: str, *, log_bytes: int, seconds: float) -> None:
    first, _ = _get(url, f"/jobs/{job}/log", _HTML)
    report.add(
        Figure(name="first look at a log that nobody marked", value=first, unit="ms", did=f"{log_bytes >> 20} MiB")
    )
    with chromium() as browser:
        page = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900}).new_page()
        opened = []
        for _ in range(5):
            page.goto(f"/jobs/{job}/log", wait_until="commit")
            opened.append(page.evaluate(_OPENED))
        name = f"log of {log_bytes >> 20} MiB open at its end"
        report.add(
            Figure(
                name=name,
                value=median(opened),
                unit="ms",
                target="<= 300 ms",
                did="median of 5, to its rows on the screen",
            )
        )
        _scroll(report, page, seconds=seconds)


def _scroll(report: Figures, page: Page, *, seconds: float) -> None:
    page.evaluate("document.getElementById('log').scrollTop = document.getElementById('log').scrollHeight / 2")
    page.locator("#log").hover()
    page.wait_for_timeout(1000)
    page.evaluate(_WATCH)
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        page.mouse.wheel(0, 200)
        page.wait_for_timeout(16)
    frames, blank = sorted(page.evaluate("window.frames_")), page.evaluate("window.blank_")
    rows = page.locator(".row").count()
    did = f"p95 {frames[len(frames) * 95 // 100]:.0f} ms, {blank} of {len(frames)} frames without a line, {rows} rows in the page"
    report.add(
        Figure(name="frame while a long log is scrolled", value=median(frames), unit="ms", target="<= 17 ms", did=did)
    )


def _agent(url: str, name: str, stop: float) -> None:
    """Run jobs one after the other, as our agent does: each of some seconds, with a piece of its log twice a second."""
    while time.monotonic() < stop:
        job, at = _lease(url, name), 0
        ends = min(stop, time.monotonic() + 8)
        while time.monotonic() < ends:
            at = _append(
                url, name, job, "a line of output that a compiler might have written, of eighty bytes\n" * 30, at
            )
            time.sleep(0.5)
        _post(url, f"/api/v1/jobs/{job}/status", {"agent_id": name, "status": "succeeded", "exit_code": 0})


def _agents(url: str, first: int, count: int, seconds: float) -> None:
    """Run *count* agents; raise when one of them fails."""
    stop = time.monotonic() + seconds
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(_agent, url, f"agent-{number}", stop) for number in range(first, first + count)]:
            done.result()


def _view(url: str, job: str, stop: float, told: dict[str, int]) -> None:
    """Look at a log as the script of its page does: ask each second whether there is more, less often when the server is slow."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    first, tag = 1, ""
    try:
        while time.monotonic() < stop:
            begun = time.monotonic()
            headers = {**_HTML, **({"If-None-Match": tag} if tag else {})}
            connection.request("GET", f"/jobs/{job}/log?rows=&from={first}&count=300", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status not in (200, 304):
                raise Untrue(f"a viewer was answered with {answer.status}: {body[:200]!r}")
            tag = answer.getheader("ETag") or ""
            told[str(answer.status)] = told.get(str(answer.status), 0) + 1
            time.sleep(max(0.0, min(max(1.0, 20 * (time.monotonic() - begun)), stop - time.monotonic())))
    finally:
        connection.close()


def _viewers(pipe: Any, url: str, job: str, count: int, seconds: float) -> None:
    """Let *count* people look, and send how many answers they got, by status; a text where one of them failed."""
    stop = time.monotonic() + seconds
    told: dict[str, int] = {}
    failures: list[str] = []

    def run() -> None:
        try:
            _view(url, job, stop, told)
        except Exception as error:  # noqa: BLE001 sent below
            failures.append(repr(error))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
        time.sleep(1 / count)
    for thread in threads:
        thread.join()
    pipe.send(failures[0] if failures else told)


@contextmanager
def _growing(url: str, job: str) -> Iterator[None]:
    """Let the log of *job* grow by some lines twice a second."""
    stopping = threading.Event()

    def write() -> None:
        at = 0
        while not stopping.wait(0.5):
            at = _append(url, "looked-at", job, "one more line of what somebody looks at\n" * 5, at)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _latencies(url: str, seconds: float) -> tuple[float, float, float]:
    """Return the 99th percentile of `/healthz`, and median and 99th percentile of leases that find nothing, in milliseconds."""
    stop = time.monotonic() + seconds
    health, leases = [], []
    while time.monotonic() < stop:
        health.append(_get(url, "/healthz")[0])
        begun = time.perf_counter()
        answer = _post(url, "/api/v1/agent/lease", {"agent_id": "watched-too", "capabilities": {"os": "plan9"}})
        leases.append((time.perf_counter() - begun) * 1000)
        if answer.get("assigned"):
            raise Untrue(f"a lease that should find nothing found something: {answer}")
        time.sleep(0.05)
    health.sort()
    leases.sort()
    return health[len(health) * 99 // 100], leases[len(leases) // 2], leases[len(leases) * 99 // 100]


def _watched(report: Figures, server: Served, job: str, *, viewers: int, seconds: float) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_agents, args=(server.url, n * 25, 25, 2 * seconds + 8)) for n in range(AGENTS // 25)
    ]
    for worker in workers:
        worker.start()
    time.sleep(3)
    with _growing(server.url, job):
        alone = _latencies(server.url, seconds)
        mine, theirs = context.Pipe()
        looking = context.Process(target=_viewers, args=(theirs, server.url, job, viewers, seconds + 2))
        looking.start()
        time.sleep(2)
        beside = _latencies(server.url, seconds)
        told = mine.recv()
    for process in (*workers, looking):
        process.join()
        if process.exitcode:
            raise Untrue("an agent or a viewer failed")
    if not isinstance(told, dict):
        raise Untrue(f"a viewer failed: {told}")
    did = f"{told.get('200', 0):,} times new lines, {told.get('304', 0):,} times none"
    base = f"{AGENTS} agents alone"
    for position, (name, target) in enumerate((("/healthz p99", "<= 100 ms"), ("lease p50", ""), ("lease p99", ""))):
        value, ratio = beside[position], beside[position] / alone[position]
        report.add(
            Figure(
                name=f"{name} beside {viewers} viewers",
                value=value,
                unit="ms",
                ratio=ratio,
                base=base,
                target=target,
                did=did,
            )
        )


def main() -> None:
    arguments, report = options(__doc__)
    runs = WAITING_RUNS + 20 if arguments.quick else RUNS
    log_bytes = LOG_BYTES // 8 if arguments.quick else LOG_BYTES
    seconds, rounds = (6.0, 5) if arguments.quick else (30.0, 15)
    with real_disk("bench-face-") as home, served(serve_history, str(home), runs) as server:
        job = _lease(server.url, "watched")
        _append(server.url, "watched", job, "".join(f"line {n} of a log\n" for n in range(300)), 0)
        _pages(report, server.url, job, runs, rounds=rounds)
        if CHROMIUM.exists():
            long = _lease(server.url, "writer")
            part, at = (
                "\x1b[32mok\x1b[0m a line of output that a compiler might have written, of about 80 bytes\n" * 10_000,
                0,
            )
            while at < log_bytes:
                at = _append(server.url, "writer", long, part, at)
            _long_log(report, server.url, long, log_bytes=log_bytes, seconds=seconds / 3)
        else:
            print(f"no {CHROMIUM}: no log is opened", flush=True)
        growing = _lease(server.url, "looked-at")
        _watched(report, server, growing, viewers=VIEWERS, seconds=seconds)


if __name__ == "__main__":
    main()
