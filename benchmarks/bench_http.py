"""The API under load, in turns with a null endpoint on the same falcon and waitress. Targets: docs/design.md."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from functools import partial

from figures import Figure, Figures, Untrue, generator_share, in_turns, options
from load import Connection, rate
from serving import Served, real_disk, serve_cictl, serve_null, served

CONNECTIONS = 16
QUEUED = 20_000
CAPABILITIES = b'{"os":"linux","arch":"amd64","tool.python":"3.12.1"}'
"""What every execution in the store requires; see `executions.make_job`."""

_MINIMAL = "Prefer: return=minimal\r\n"


class Scenario(ABC):
    """One kind of work, which counts how often it was done."""

    @abstractmethod
    def __call__(self, connection: Connection, index: int) -> int:
        """Do it once, as the agent *index*, and return how many requests that took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.done = 0

    def did(self) -> None:
        with self._lock:
            self.done += 1


class Heartbeats(Scenario):
    def __call__(self, connection: Connection, index: int) -> int:
        body = b'{"agent_id":"agent-%d","hostname":"h","os":"linux","arch":"amd64","capabilities":{"tool.git":"2.39"}}'
        _, answer = connection.send("POST", "/api/v1/heartbeat", body % index)
        if json.loads(answer).get("accepted") is not True:
            raise Untrue("a heartbeat was not accepted")
        self.did()
        return 1


class ManyHeartbeats(Heartbeats):
    """Those of a thousand agents in turn."""

    def __call__(self, connection: Connection, _index: int) -> int:
        return super().__call__(connection, self.done % 1000)


class EmptyLeases(Scenario):
    def __call__(self, connection: Connection, index: int) -> int:
        body = b'{"agent_id":"agent-%d","capabilities":{"os":"beos"}}' % index
        _, answer = connection.send("POST", "/api/v1/agent/lease", body)
        if json.loads(answer).get("assigned") is not False:
            raise Untrue("a lease that should find nothing found something")
        self.did()
        return 1


class WholeJobs(Scenario):
    """A job in five requests: lease, three pieces of its log, finish. Each request must do its work."""

    def __init__(self) -> None:
        super().__init__()
        self._known: set[int] = set()

    def __call__(self, connection: Connection, index: int) -> int:
        agent = b"worker-%d" % index
        if index not in self._known:  # no agent asks for jobs before its first heartbeat
            self._known.add(index)
            beat = b'{"agent_id":"%s","hostname":"h","os":"linux","arch":"amd64","capabilities":{}}' % agent
            connection.send("POST", "/api/v1/heartbeat", beat)
        body = b'{"agent_id":"%s","capabilities":%s}' % (agent, CAPABILITIES)
        _, answer = connection.send("POST", "/api/v1/agent/lease", body)
        job = json.loads(answer).get("job_execution")
        if job is None:
            raise Untrue(f"nothing is queued any more after {self.done} jobs")
        path = f"/api/v1/jobs/{job['id']}/status"
        for number in range(3):
            report = b'{"agent_id":"%s","status":"running","output_append":"0123456789","output_offset":%d}'
            connection.send("POST", path, report % (agent, number * 10), headers=_MINIMAL)
        final = b'{"agent_id":"%s","status":"succeeded","exit_code":0,"output_size":30}' % agent
        connection.send("POST", path, final, headers=_MINIMAL)
        self.did()
        return 5


def null_request(connection: Connection, _index: int) -> int:
    connection.send("POST", "/null", b'{"agent_id":"a"}')
    return 1


def measure(
    report: Figures,
    name: str,
    work: Scenario,
    *,
    null: Served,
    server: Served,
    connections: int,
    seconds: float,
    rounds: int,
    target: str = "",
) -> None:
    """Measure one scenario in turns with the null endpoint, and add its figure."""
    with generator_share() as share:
        base, found, ratio = in_turns(
            lambda: rate(null.url, null_request, connections=connections, seconds=seconds),
            lambda: rate(server.url, work, connections=connections, seconds=seconds),
            rounds=rounds,
        )
        taken = share()
    server.check()
    did = f"{work.done:,} done; null {base:,.0f}/s; generator {taken:.0%} of a core"
    report.add(Figure(name=name, value=found, unit="/s", ratio=ratio, base="null", target=target, did=did))


def check_jobs(server: Served, jobs: int, *, flushes: float) -> None:
    """Check that the server finished as many jobs as the generator counted, and flushed to disk.

    Raises:
        Untrue: The counts differ, or nothing was flushed.
    """
    finished = int(server.metric("cictl_jobs_finished_total"))
    if finished != jobs:
        raise Untrue(f"{jobs} jobs were run, the server finished {finished}")
    if jobs and server.metric("cictl_store_flush_seconds_count") <= flushes:
        raise Untrue("no flush to disk: the figure would not be that of a durable job")


def main() -> None:
    arguments, report = options(__doc__)
    seconds, rounds = (0.5, 3) if arguments.quick else (2.0, 5)
    queued = QUEUED // 10 if arguments.quick else QUEUED
    with (
        served(serve_null) as null,
        real_disk("bench-http-") as home,
        served(serve_cictl, str(home), queued, 0) as server,
    ):
        beats, empty, jobs = Heartbeats(), EmptyLeases(), WholeJobs()
        flushes = server.metric("cictl_store_flush_seconds_count")
        for name, work, target in (
            ("heartbeat", beats, ">= 0.7"),
            (f"lease that finds nothing, {queued:,} queued", empty, ">= 0.7"),
            ("whole durable job per request", jobs, ">= 0.35"),
        ):
            measure(
                report,
                name,
                work,
                null=null,
                server=server,
                connections=CONNECTIONS,
                seconds=seconds,
                rounds=rounds,
                target=target,
            )
        check_jobs(server, jobs.done, flushes=flushes)
    _compare_servers(report, queued=queued, seconds=seconds, rounds=rounds)


def _compare_servers(report: Figures, *, queued: int, seconds: float, rounds: int) -> None:
    """Measure granian in turns with waitress: the same work on the same kind of store."""
    with (
        real_disk("bench-http-") as home,
        real_disk("bench-http-") as other,
        served(serve_cictl, str(home), queued, 0, "waitress") as waitress,
        served(serve_cictl, str(other), queued, 0, "granian") as granian,
    ):
        for name, kind, target in (("heartbeat", Heartbeats, ""), ("whole durable job", WholeJobs, ">= 2")):
            usual, quick = kind(), kind()
            _, found, ratio = in_turns(
                partial(rate, waitress.url, usual, connections=CONNECTIONS, seconds=seconds),
                partial(rate, granian.url, quick, connections=CONNECTIONS, seconds=seconds),
                rounds=rounds,
            )
            report.add(
                Figure(
                    name=f"{name} per request, granian",
                    value=found,
                    unit="/s",
                    ratio=ratio,
                    base="waitress",
                    target=target,
                    did=f"{quick.done:,} done",
                )
            )


if __name__ == "__main__":
    main()
