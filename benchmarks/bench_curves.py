"""How whole jobs go with ever more agents, and with an ever longer history. docs/performance.md draws the curves."""

from __future__ import annotations

import gc
import resource
import threading
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench_http import CONNECTIONS, WholeJobs, check_jobs, measure
from bench_store import update_rate
from executions import fill
from figures import Figure, Figures, Untrue, in_turns, options
from serving import Served, memory_bytes, real_disk, serve_cictl, serve_null, served

from cictl.wire.jobs import JobStatus

AGENTS = (1, 2, 16, 64, 256, 1_000, 2_000)
FINISHED = (100, 1_000, 10_000, 100_000, 1_000_000)
QUEUED = 20_000
_COMMITS = 300


def serve_growing(pipe: Any, directory: str, queued: int) -> None:
    """Serve a store whose history grows.

    `("fill", first, last)` through the pipe adds executions that are over, and is answered once they are there. `("commits", name)`
    is answered with the durable changes a second of one execution there, or of one in an empty store beside it.
    """
    from cictl_server.serve import Server, ServerConfig
    from cictl_server.store.tiny.store import TinyStore

    server = Server(ServerConfig(data_dir=Path(directory, "full"), port=0))
    store = server.services.core.store
    fill(store, FINISHED[-1], FINISHED[-1] + queued, JobStatus.QUEUED)
    thread = threading.Thread(target=server.run)
    thread.start()
    with TinyStore.open(Path(directory, "empty")) as empty:
        pipe.send(server.url)
        while (message := pipe.recv()) != "stop":
            if message[0] == "fill":
                _grow(store, *message[1:])
                pipe.send(message[-1])
            else:
                pipe.send(update_rate(empty if message[1] == "empty" else store, _COMMITS))
    server.stop()
    thread.join()


def _grow(store: Any, first: int, last: int) -> None:
    gc.disable()  # it would look through the whole history again and again; a server that opens a store does the same
    fill(store, first, last, JobStatus.SUCCEEDED)
    gc.enable()
    gc.freeze()


def measure_agents(report: Figures, null: Served, *, agents: Sequence[int], seconds: float, rounds: int) -> None:
    with real_disk("bench-curves-") as home, served(serve_cictl, str(home), QUEUED, 0) as server:
        total, flushes = 0, server.metric("cictl_store_flush_seconds_count")
        for count in agents:
            jobs = WholeJobs()
            name = f"whole durable job per request, agents: {count:,}"
            measure(report, name, jobs, null=null, server=server, connections=count, seconds=seconds, rounds=rounds)
            total += jobs.done
        check_jobs(server, total, flushes=flushes)


def measure_finished(report: Figures, null: Served, *, finished: Sequence[int], seconds: float, rounds: int) -> None:
    with real_disk("bench-curves-") as home, served(serve_growing, str(home), QUEUED) as server:
        total, flushes = 0, server.metric("cictl_store_flush_seconds_count")
        for before, number in pairwise((0, *finished)):
            if server.ask(("fill", before, number)) != number:
                raise Untrue(f"the history has not grown to {number:,}")
            _, value, ratio = in_turns(
                partial(server.ask, ("commits", "empty")), partial(server.ask, ("commits", "full")), rounds=rounds
            )
            name = f"commits, finished: {number:,}"
            report.add(Figure(name=name, value=value, unit="/s", ratio=ratio, base="none finished", target=">= 0.8"))
            jobs = WholeJobs()
            name = f"whole durable job per request, finished: {number:,}"
            measure(
                report,
                name,
                jobs,
                null=null,
                server=server,
                connections=CONNECTIONS,
                seconds=seconds,
                rounds=rounds,
            )
            total += jobs.done
        check_jobs(server, total, flushes=flushes)
        used = memory_bytes(server.pid) / finished[-1]
        name = f"memory a job, whole server, finished: {finished[-1]:,}"
        report.add(
            Figure(name=name, value=used, unit="bytes", target="<= 4,096" if finished[-1] == FINISHED[-1] else "")
        )


def main() -> None:
    arguments, report = options(__doc__)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seconds, rounds = (0.5, 1) if arguments.quick else (1.5, 3)
    agents = AGENTS[:4] if arguments.quick else AGENTS
    finished = FINISHED[:3] if arguments.quick else FINISHED
    with served(serve_null) as null:
        measure_agents(report, null, agents=agents, seconds=seconds, rounds=rounds)
        measure_finished(report, null, finished=finished, seconds=seconds, rounds=rounds)


if __name__ == "__main__":
    main()
