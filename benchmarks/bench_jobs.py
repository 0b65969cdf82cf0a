"""What a trivial job costs, with a whole server and a whole agent: requests, and time of a processor on both sides.

Targets: two requests, 2 ms of the server and 4 ms of the agent. What the job's own processes take, a shell that ends at once, is told apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from executions import BASE
from figures import Figure, Figures, Untrue, options
from load import Connection
from serving import Served, real_disk, serve_trivial, served

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


@contextmanager
def working_agent(server: Served, home: Path, *, slots: int = 1) -> Iterator[psutil.Process]:
    """Run `cictl run-agent` in a process of its own."""
    command = [sys.executable, "-m", "cictl", "run-agent", "--server", server.url, "--id", "bench"]
    command += ["--work-dir", str(home / "agent"), "--slots", str(slots)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


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
        working_agent(server, home) as agent,
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


def main() -> None:
    arguments, report = options(__doc__)
    measure(report, jobs=60 if arguments.quick else 400)


if __name__ == "__main__":
    main()
