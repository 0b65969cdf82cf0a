"""Many agents and admins at once, in real threads: everything is executed exactly once, and nothing is stuck."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
from cictl_testing.agents.model import AgentModel, Fate, Network, Works
from cictl_testing.server import RunningServer
from cictl_testing.state_machine.promises import Promises

from cictl.wire.agents import LeaseRequest, StatusRequest
from cictl.wire.jobs import JobExecution, JobStatus
from cictl_server.errors import CictlError
from cictl_server.store.records.jobs import JobRecord

AGENTS = 20
PATIENCE_SECONDS = 120.0
"""For a loaded machine; idle it takes a few seconds."""

DIAMOND = """[{id: first, steps: [{run: "true"}]},
    {id: row, needs: [first], matrix: {include: [{name: x}, {name: y}, {name: z}]}, steps: [{run: "true"}]},
    {id: side, needs: [first], steps: [{run: "true"}]},
    {id: last, needs: [row, side], steps: [{run: "true"}]}]"""


@contextmanager
def at_once(*work: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    """Do all of *work* in threads while the block runs; *stop* tells it to return. What it raises is raised here."""
    with ThreadPoolExecutor(max_workers=len(work)) as pool:
        futures = [pool.submit(one) for one in work]
        try:
            yield
        finally:
            stop.set()
        for future in futures:
            future.result(timeout=PATIENCE_SECONDS)


def work_until(server: RunningServer, agent_id: str, stop: threading.Event, done: Callable[[str], None]) -> None:
    """Lease, run and finish executions, with the waits that agents use."""
    services = server.services
    while not stop.is_set():
        job = services.jobs.leasing.lease(LeaseRequest(agent_id=agent_id, wait_seconds=1)).job_execution
        if job is None:
            continue
        check_needs(server, job)
        text = f"{agent_id} runs {job.id}\n"
        services.jobs.reporting.report(
            job.id, StatusRequest(agent_id=agent_id, status="running", output_append=text, output_offset=0)
        )
        services.jobs.reporting.report(
            job.id, StatusRequest(agent_id=agent_id, status="succeeded", exit_code=0, output_size=len(text))
        )
        done(job.id)


def check_needs(server: RunningServer, job: JobExecution) -> None:
    needs = job.metadata.get("needs_job_ids", "").split(",")
    with server.store.read() as view:
        run = view.jobs.of_run(job.metadata["pipeline_run_id"])
    assert all(j.status is JobStatus.SUCCEEDED for j in run if j.metadata["pipeline_job_id"] in needs)


def jobs_of(server: RunningServer) -> list[JobRecord]:
    with server.store.read() as view:
        return list(view.jobs.iter_all())


def test_each_execution_is_run_exactly_once(server: RunningServer) -> None:
    pipeline = server.define(DIAMOND)
    executed: list[str] = []
    stop, finished = threading.Event(), threading.Event()

    def done(job_id: str) -> None:
        executed.append(job_id)
        if len(executed) >= 300:
            finished.set()

    agents = [lambda name=f"agent-{n}": work_until(server, name, stop, done) for n in range(AGENTS)]
    with at_once(*agents, stop=stop):
        ids = [job_id for _ in range(50) for job_id in server.run(pipeline)]
        assert finished.wait(PATIENCE_SECONDS), f"{len(executed)} of {len(ids)}"
    assert Counter(executed) == Counter(ids)
    for job in jobs_of(server):
        assert job.status is JobStatus.SUCCEEDED
        assert server.log(job.id).decode() == f"{job.agent_id} runs {job.id}\n"


class Riot:
    """Agents that work and die, and admins who cancel, rerun, remove and deactivate, all at once."""

    def __init__(self, server: RunningServer, *, moves: int, seed: int) -> None:
        self.server = server
        self.seed = seed
        self.works: Works = {}
        self.moves = moves
        self.pipeline = server.define(DIAMOND)

    def agent(self, name: str) -> None:
        chance = random.Random(f"{self.seed} {name}")
        agent = AgentModel(agent_id=name, network=Network(server=self.server), works=self.works)
        for _ in range(self.moves):
            fate = chance.choice([Fate.ANSWERED, Fate.ANSWERED, Fate.ANSWERED, Fate.ANSWER_LOST])
            if not agent.job_id:
                agent.heartbeat(fate)
                agent.lease(fate, is_named=True, is_repeated=chance.random() < 0.3)
            elif chance.random() < 0.3 or agent.work.ending:
                agent.finish(chance.choice(["succeeded", "failed"]), fate, characters=chance.choice([5, 10_000]))
            else:
                agent.write(f"{name} {len(agent.work.spool)}\n")
                agent.append(fate, overlap=chance.randrange(8))

    def admin(self, name: str) -> None:
        chance = random.Random(f"{self.seed} {name}")
        services = self.server.services
        for _ in range(self.moves):
            ids = [job.id for job in jobs_of(self.server)] or ["job-1"]
            move = chance.choice(["run", "cancel", "rerun", "delete", "deactivate", "activate", "flush"])
            try:
                match move:
                    case "run":
                        self.server.run(self.pipeline)
                    case "cancel":
                        services.jobs.cancel.cancel(chance.choice(ids))
                    case "rerun":
                        services.jobs.rerun.rerun(chance.choice(ids))
                    case "delete":
                        services.jobs.removal.delete(chance.choice(ids))
                    case "flush":
                        services.jobs.removal.flush_history()
                    case _:
                        self.server.act(move, f"agent-{chance.randrange(6)}")
                services.jobs.expiry.run_once()
            except CictlError:
                pass  # refused: it is over, gone or not started


@pytest.mark.parametrize("seed", range(3))
def test_the_promises_hold_after_a_riot(server: RunningServer, seed: int) -> None:
    riot = Riot(server, moves=100, seed=seed)
    agents = [lambda name=f"agent-{n}": riot.agent(name) for n in range(6)]
    admins = [lambda name=f"admin-{n}": riot.admin(name) for n in range(3)]
    with at_once(*agents, *admins, stop=threading.Event()):
        pass
    promises = Promises(server=server, works=riot.works)
    promises.check([{"agent_id": "agent-1", "os": "linux"}])
    server.restart()
    promises.check([])


ENDS = {JobStatus.SUCCEEDED: "the one\n", JobStatus.FAILED: "another\n"}
BEGUN = "begun\n"


def log_of(job: JobExecution) -> str:
    """Return the log that belongs to the end that *job* had."""
    if job.error == "cancelled by user":
        return f"{BEGUN}[control] job cancelled by user"
    return ENDS[job.status]


@pytest.mark.parametrize("has_cancel", [False, True], ids=["reports", "and-a-cancel"])
def test_of_two_ends_at_once_one_stays_whole(server: RunningServer, has_cancel: bool) -> None:
    """Status, error and log of every answer are those of one end, and of the same one for good."""
    pipeline = server.define('[{id: work, steps: [{run: "true"}]}]')
    for _ in range(40):
        [job_id] = server.run(pipeline)
        server.leased()
        server.report(job_id, "running", output=BEGUN)
        start, answers = threading.Barrier(2 + has_cancel), []

        def end(status: JobStatus, job_id: str = job_id, start: threading.Barrier = start) -> JobExecution:
            error = "" if status is JobStatus.SUCCEEDED else "broken"
            request = StatusRequest(agent_id="a", status=status.value, output=ENDS[status], error=error)
            start.wait()
            return server.services.jobs.reporting.report(job_id, request)

        def cancel(job_id: str = job_id, start: threading.Barrier = start) -> None:
            start.wait()
            with suppress(CictlError):
                server.services.jobs.cancel.cancel(job_id)

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(end, status) for status in ENDS]
            cancelling = pool.submit(cancel) if has_cancel else None
            answers = [future.result() for future in futures]
            if cancelling:
                cancelling.result()
        final = server.job(job_id)
        assert {(a.status, a.error, a.output) for a in answers} == {(final.status, final.error, log_of(final))}
        assert (final.output, server.log(job_id).decode()) == (log_of(final), log_of(final))
