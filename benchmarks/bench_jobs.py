"""What a trivial job costs, with a whole server and a whole agent: requests, and time of a processor on both sides.

Targets: two requests, 2 ms of the server and 4 ms of the agent. What the job's own processes take, a shell that ends at once, is told apart.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import psutil
from cictl_testing.files import git, make_repository
from executions import BASE
from figures import Figure, Figures, Untrue, in_turns, options
from load import Connection
from programs import working_agent
from serving import Served, real_disk, serve_trivial, served

from cictl.redaction import Redactor
from cictl.wire.jobs import Source
from cictl_agent.job.checkout import Checkout
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import JobProcesses

WARM = 20
"""So many jobs run before anything is counted."""

_PATIENCE_SECONDS = 120


class Costs(NamedTuple):
    """What was spent until now, in requests and in seconds of a processor."""

    finished: float
    requests: float
    server: float
    agent: float
    children: float
    at: float

    def less(self, earlier: Costs) -> Costs:
        return Costs(*(now - then for now, then in zip(self, earlier, strict=True)))


def spent(server: Served, agent: psutil.Process) -> Costs:
    """Return the costs so far. Asking for them is a request itself, which does not count."""
    requests = server.metric("cictl_http_request_seconds_count", route="/api/v1/jobs/{job_id}/status")
    requests += server.metric("cictl_http_request_seconds_count", route="/api/v1/agent/lease")
    own, of_server = agent.cpu_times(), psutil.Process(server.pid).cpu_times()
    return Costs(
        finished=server.metric("cictl_jobs", status="succeeded"),
        requests=requests,
        server=of_server.user + of_server.system,
        agent=own.user + own.system,
        children=own.children_user + own.children_system,
        at=time.monotonic(),
    )


def wait_for(server: Served, agent: psutil.Process, jobs: int) -> Costs:
    """Return the costs once so many jobs are over. They run one after the other, so the last of them is asked for.

    Raises:
        Untrue: They are not within two minutes, or one of them failed.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    connection = Connection(server.url)
    try:
        while not is_over(connection, BASE + jobs - 1):
            if time.monotonic() > deadline or not agent.is_running():
                raise Untrue(f"{jobs} jobs were not run in time")
            time.sleep(0.1)
    finally:
        connection.close()
    costs = spent(server, agent)
    if costs.finished < jobs:
        raise Untrue(f"{costs.finished} of {jobs} jobs succeeded")
    return costs


def is_over(connection: Connection, number: int) -> bool:
    _, answer = connection.send("GET", f"/api/v1/jobs/job-{number}?view=state")
    return json.loads(answer)["job_execution"]["status"] in ("succeeded", "failed")


def measure(report: Figures, *, jobs: int) -> None:
    with (
        real_disk("bench-jobs-") as home,
        served(serve_trivial, str(home / "data"), WARM + jobs) as server,
        working_agent(server.url, home) as agent,
    ):
        begun = wait_for(server, agent, WARM)
        cost = wait_for(server, agent, WARM + jobs).less(begun)
    did = f"{cost.finished:,.0f} jobs"
    report.add(
        Figure(name="requests a trivial job", value=cost.requests / cost.finished, unit="", target="<= 2", did=did)
    )
    for name, seconds, target in (
        ("server's processor time a trivial job", cost.server, "<= 2 ms"),
        ("agent's own processor time a trivial job", cost.agent, "<= 4 ms"),
        ("processor time of a trivial job's processes", cost.children, ""),
        ("time a trivial job, one slot", cost.at, ""),
    ):
        report.add(Figure(name=name, value=seconds / cost.finished * 1000, unit="ms", target=target, did=did))


class Checkouts:
    """A repository of some files, and its newest commit checked out again and again: as for a job, and by a plain clone."""

    def __init__(self, home: Path) -> None:
        self._repository, self._target, self._log = home / "repository", home / "work" / "src", home / "log"
        files = {f"folder{number % 5}/file{number}": f"{number}\n" * 100 for number in range(50)}
        make_repository(self._repository, files)
        self._commit = git(self._repository, "rev-parse", "HEAD")
        self._target.parent.mkdir()

    def for_a_job(self) -> float:
        """Return the milliseconds that the agent's own part takes."""
        processes = JobProcesses("bench", adopts_orphans=False)
        with JobLog(self._log, Redactor([])) as log:
            checkout = Checkout(
                source=Source(repo=self._repository.as_uri(), ref=self._commit),
                directory=self._target,
                fetch_worktree=lambda _file: None,
                environment=os.environ,
                log=log,
                interruption=Interruption(),
                processes=processes,
            )
            return self._timed(checkout.run)

    def by_a_clone(self) -> float:
        """Return the milliseconds that `git clone` takes."""
        depth = ("--depth", str(Source(repo="r").depth))
        command = ["git", "clone", "--quiet", *depth, self._repository.as_uri(), str(self._target)]
        return self._timed(lambda: subprocess.run(command, check=True))

    def _timed(self, work: Callable[[], object]) -> float:
        shutil.rmtree(self._target, ignore_errors=True)
        begun = time.perf_counter()
        work()
        taken = (time.perf_counter() - begun) * 1000
        if git(self._target, "rev-parse", "HEAD") != self._commit:
            raise Untrue("another commit was checked out")
        return taken


def measure_checkout(report: Figures, *, rounds: int) -> None:
    with real_disk("bench-checkout-") as home:
        checkouts = Checkouts(home)
        _, taken, ratio = in_turns(checkouts.by_a_clone, checkouts.for_a_job, rounds=rounds)
    name = "checkout of the newest commit"
    report.add(Figure(name=name, value=taken, unit="ms", ratio=ratio, base="git clone", target="<= 1.5"))


def main() -> None:
    arguments, report = options(__doc__)
    measure_checkout(report, rounds=9 if arguments.quick else 25)
    measure(report, jobs=60 if arguments.quick else 400)


if __name__ == "__main__":
    main()
