"""The whole of a CI: from the submission of jobs until they are over, and until one begins. Beside other CIs where these are at hand.

`python benchmarks/bench_ci.py --server COMMAND` measures in turns with another server of the same API, be it another version of
cictl or the server that agents of this API come from. COMMAND has `{port}` and `{data}`, the latter a directory that is not there yet.

`--submit COMMAND --marks FILE` measures in turns with any other CI. COMMAND queues `$COUNT` jobs of which each appends a line to
FILE with what `date +%s%N` prints, as it is: for Laminar `laminarc queue $(yes trivial | head -n $COUNT)`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from cictl_testing.files import make_repository
from cictl_testing.ports import free_port
from figures import Figure, Figures, Untrue, in_turns, options
from load import Connection
from programs import serving, working_agent
from serving import real_disk

FILE = "ciwi-project.yaml"
JOBS = 200
"""Jobs of the pipeline, and so of one submission."""

_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.002


def call(url: str, path: str, message: object = None) -> dict[str, object]:
    """Return the answer to a GET, or to a POST where there is a message."""
    body = None if message is None else json.dumps(message).encode()
    with urlopen(Request(url + path, data=body, headers={"Content-Type": "application/json"})) as answer:
        return dict(json.load(answer))


def define(url: str, repository: Path) -> None:
    """Import the project, whose pipelines `many` and `one` then have the numbers 1 and 2."""
    call(url, "/api/v1/projects/import", {"repo_url": repository.as_uri(), "config_file": FILE})


def make_project(home: Path, *, marks: Path) -> Path:
    """Return a repository with a pipeline of `JOBS` jobs that do nothing, and one of a job that tells when it began."""
    many = [{"id": f"job-{number}", "timeout_seconds": 60, "steps": [{"run": "true"}]} for number in range(JOBS)]
    one = [{"id": "tell", "timeout_seconds": 60, "steps": [{"run": f"date +%s%N >> {marks}"}]}]
    pipelines = [{"id": "many", "jobs": many}, {"id": "one", "jobs": one}]
    project = {"version": 1, "project": {"name": "bench"}, "pipelines": pipelines}
    make_repository(home / "project", {FILE: json.dumps(project)})
    return home / "project"


@contextmanager
def other_server(command: str, data: Path) -> Iterator[str]:
    """Run another server of the same API, and yield its URL once it answers."""
    port = free_port()
    shown = command.format(port=port, data=data)
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec {shown}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or is_answered(url), what=f"the answer of {shown}")
            yield url
        finally:
            process.terminate()


def is_answered(url: str) -> bool:
    try:
        with urlopen(url + "/healthz"):
            return True
    except OSError:
        return False


def wait_until(is_so: Callable[[], bool], *, what: str) -> None:
    """Wait for something.

    Raises:
        Untrue: It has not come within two minutes.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise Untrue(f"{what} has not come")
        time.sleep(_LOOK_SECONDS)


def work_off(url: str, *, agents: int, jobs: int) -> float:
    """Return the jobs a second of so many agents that lease, begin and finish what is queued, as any agent of this API does.

    Raises:
        Untrue: They got another number of jobs.
    """
    for _ in range(jobs // JOBS):
        call(url, "/api/v1/pipelines/1/run-selection", {})
    done = [0] * agents
    workers = [threading.Thread(target=_work, args=(url, index, done)) for index in range(agents)]
    begun = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if sum(done) != jobs:
        raise Untrue(f"{sum(done)} of {jobs} jobs were done")
    return jobs / (time.monotonic() - begun)


def _work(url: str, index: int, done: list[int]) -> None:
    agent = {"agent_id": f"agent-{index}"}
    about = {"hostname": "h", "os": "linux", "arch": "amd64", "capabilities": {"executor": "script", "shells": "posix"}}
    connection = Connection(url)

    def post(path: str, **message: object) -> dict[str, object]:
        return dict(json.loads(connection.send("POST", f"/api/v1{path}", json.dumps({**agent, **message}).encode())[1]))

    post("/heartbeat", **about)
    while job := post("/agent/lease", capabilities=about["capabilities"]).get("job_execution"):
        assert isinstance(job, dict)
        for state in ({"status": "running"}, {"status": "succeeded", "exit_code": 0}):
            post(f"/jobs/{job['id']}/status", **state)
        done[index] += 1
    connection.close()


def measure_servers(report: Figures, urls: Sequence[str], *, quick: bool) -> None:
    """Measure this server, the last of *urls*, in turns with another one where there are two."""
    for agents, jobs in ((16, 2_000), (1, 200)):
        count = JOBS if quick else jobs
        name, did = f"{agents} agent{'s' * (agents > 1)}, {count:,} queued", "lease, begin and finish of each"
        if len(urls) == 1:
            value = median(work_off(urls[0], agents=agents, jobs=count) for _ in range(3))
            report.add(Figure(name=name, value=value, unit="jobs/s", did=did))
            continue
        works = [lambda url=url, agents=agents, count=count: work_off(url, agents=agents, jobs=count) for url in urls]
        _, value, ratio = in_turns(*works, rounds=3)
        report.add(Figure(name=name, value=value, unit="jobs/s", ratio=ratio, base="the other server", did=did))


class Marks:
    """The file in which each job tells when it began, in nanoseconds."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> list[int]:
        lines = self._file.read_text().splitlines(keepends=True) if self._file.exists() else []
        return [int(line) for line in lines if line.endswith("\n")]

    def milliseconds(self, submit: Callable[[], object]) -> float:
        """Return how long after its submission one job began."""
        before = len(self.read())
        begun = time.time_ns()
        submit()
        wait_until(lambda: len(self.read()) > before, what="the start of a job")
        return (self.read()[-1] - begun) / 1e6


class OtherCI:
    """A CI that takes jobs by a command."""

    def __init__(self, command: str, marks: Path) -> None:
        self._command = command
        self._marks = Marks(marks)

    def rate(self) -> float:
        """Return the jobs a second of `JOBS` that are queued together."""
        before, begun = len(self._marks.read()), time.monotonic()
        self._submit(JOBS)
        wait_until(lambda: len(self._marks.read()) >= before + JOBS, what=f"the end of {JOBS} jobs")
        return JOBS / (time.monotonic() - begun)

    def start_milliseconds(self) -> float:
        return self._marks.milliseconds(lambda: self._submit(1))

    def _submit(self, count: int) -> None:
        subprocess.run(
            self._command, shell=True, check=True, env={**os.environ, "COUNT": str(count)}, capture_output=True
        )


class OurCI:
    """A server and agents of this tree."""

    def __init__(self, url: str, marks: Path) -> None:
        self._url = url
        self._marks = Marks(marks)
        self._connection = Connection(url)

    def rate(self) -> float:
        before, begun = self._finished(), time.monotonic()
        call(self._url, "/api/v1/pipelines/1/run-selection", {})
        wait_until(lambda: self._finished() == before + JOBS, what=f"the end of {JOBS} jobs")
        return JOBS / (time.monotonic() - begun)

    def start_milliseconds(self) -> float:
        return self._marks.milliseconds(lambda: call(self._url, "/api/v1/pipelines/2/run-selection", {}))

    def _finished(self) -> int:
        time.sleep(0.02)  # so seldom that looking costs the server little
        _, body = self._connection.send("GET", "/metrics")
        row = next(line for line in body.decode().splitlines() if line.startswith('cictl_jobs{status="succeeded"}'))
        return int(float(row.split()[-1]))


def measure_whole(report: Figures, ours: OurCI, other: OtherCI | None, *, quick: bool) -> None:
    rounds, starts = (1, 5) if quick else (3, 15)
    for name, unit, own, others, times in (
        (f"{JOBS} trivial jobs, two agents, whole CI", "jobs/s", ours.rate, other.rate if other else None, rounds),
        ("submit to start, idle", "ms", ours.start_milliseconds, other.start_milliseconds if other else None, starts),
    ):
        if others is None:
            report.add(Figure(name=name, value=median(own() for _ in range(times)), unit=unit))
            continue
        _, value, ratio = in_turns(others, own, rounds=times)
        report.add(Figure(name=name, value=value, unit=unit, ratio=ratio, base="the other CI"))


def main() -> None:
    further = {
        "--server": "command of another server of the same API",
        "--submit": "command that queues $COUNT jobs in another CI",
        "--marks": "file to which each of those jobs appends a line",
    }
    arguments, report = options(__doc__, further=further)
    with real_disk("bench-ci-") as home, ExitStack() as running:
        repository = make_project(home, marks=home / "marks")
        urls = [running.enter_context(other_server(arguments.server, home / "other"))] if arguments.server else []
        urls.append(running.enter_context(serving(home / "data")).url)
        for url in urls:
            define(url, repository)
        measure_servers(report, urls, quick=arguments.quick)
        for name in ("one", "two"):
            running.enter_context(working_agent(urls[-1], home, name=name))
        other = OtherCI(arguments.submit, Path(arguments.marks)) if arguments.submit else None
        measure_whole(report, OurCI(urls[-1], home / "marks"), other, quick=arguments.quick)


if __name__ == "__main__":
    main()
