"""A server to which admins, agents, a network, time, restarts and kills do what they like. After every step its promises are checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from falcon.testing import Result
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cictl.wire.agents import LeaseRequest
from cictl.wire.jobs import JobStatus
from cictl_server.errors import StoreAway
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tiny.store import TinyStore
from cictl_testing.agents.model import AgentModel, Fate, Network, Works
from cictl_testing.server import RunningServer
from cictl_testing.state_machine.promises import Promises

T = TypeVar("T")

AGENTS: dict[str, dict[str, str]] = {"a": {}, "b": {}, "c": {"gpu": "yes"}}
HOSTS = {"a": "moss", "b": "moss", "c": "fern"}

LONG = 40
"""Steps after which everything may be brought to its end; earlier, too little would be left to go wrong."""

PENDING = frozenset({JobStatus.QUEUED, JobStatus.LEASED})
FINISHED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED})

names = st.sampled_from(sorted(AGENTS))
fates = st.sampled_from([Fate.ANSWERED, Fate.ANSWERED, Fate.ANSWERED, Fate.ANSWER_LOST, Fate.DELAYED])
endings = st.sampled_from(["succeeded", "failed"])
picks = st.integers(0, 40)
"""Which of several things, the newest first; taken modulo their number."""


@dataclass
class Steps:
    """How many steps were taken, over all runs of the machine, and by which rules."""

    count: int = 0
    rules: set[str] = field(default_factory=set)


def counted(step: Callable[..., None]) -> Callable[..., None]:
    """Note that the rule which this function is was tried."""

    @wraps(step)
    def noted(self: ServerMachine, **values: object) -> None:
        self.steps.rules.add(step.__name__)
        step(self, **values)

    return noted


Define = Callable[[RunningServer], tuple[list[int], int]]
"""Stores projects, and returns the pipelines of which runs are started, and a chain."""


class ServerMachine(RuleBasedStateMachine):
    def __init__(self, directory: Path, steps: Steps, define: Define) -> None:
        super().__init__()
        self.root = directory
        self.steps = steps
        self.taken = self.copies = 0
        self.server = RunningServer(directory / "0")
        self.network = Network(server=self.server)
        self.works: Works = {}
        self.agents = {
            name: AgentModel(
                agent_id=name, network=self.network, works=self.works, capabilities=capabilities, hostname=HOSTS[name]
            )
            for name, capabilities in AGENTS.items()
        }
        self.promises = Promises(server=self.server, works=self.works)
        self.pipelines, self.chain = define(self.server)
        self.job_ids = self.server.run_chain(self.chain)
        for pick in range(len(self.pipelines)):
            self.run_a_pipeline(pick)
        for agent in self.agents.values():
            agent.heartbeat(Fate.ANSWERED)

    def teardown(self) -> None:
        self.server.close()
        shutil.rmtree(self.root)

    @invariant()
    def the_promises_hold(self) -> None:
        self.taken += 1
        self.steps.count += 1
        self.promises.check({"agent_id": name, "os": "linux", **offered} for name, offered in AGENTS.items())

    @rule(name=names, fate=fates, what=st.sampled_from(["ask", "ask again", "ask without id", "heartbeat", "die"]))
    @counted
    def an_agent_asks_or_dies(self, name: str, fate: Fate, what: str) -> None:
        agent = self.agents[name]
        if what == "heartbeat":
            agent.heartbeat(fate)
        elif what == "die":
            agent.forget()
        elif not agent.job_id:
            agent.lease(fate, is_named=what != "ask without id", is_repeated=what == "ask again")

    @rule(
        name=names,
        fate=fates,
        what=st.sampled_from(["append", "append", "append", "snapshot", "snapshot", "finish", "finish as of old"]),
        lines=st.integers(0, 2),
        amount=st.sampled_from([0, 5, 9, 100_000]),
        status=endings,
    )
    @counted
    def an_agent_works(self, name: str, fate: Fate, what: str, lines: int, amount: int, status: str) -> None:
        """The text that it writes tells whose it is, and where in the log it belongs."""
        agent = self.at_work(name)
        if agent is None:
            return
        for _ in range(0 if agent.work.ending else lines):
            agent.write(f"{name} {agent.job_id[-6:]} å{len(agent.work.spool)}\n")
        match "finish" if agent.work.ending else what:
            case "append":
                agent.append(fate, overlap=amount)
            case "snapshot":
                agent.snapshot(fate)
            case "finish":
                agent.finish(status, fate, characters=amount)
            case _:
                agent.finish_with_snapshot(status, fate)

    @precondition(lambda self: self.network.sent)
    @rule(pick=picks)
    @counted
    def an_old_request_arrives(self, pick: int) -> None:
        """Late or once more; nobody waits for the answer."""
        message = picked(self.network.sent, pick)
        held = self.running_for(message.body) if isinstance(message.body, LeaseRequest) else []
        self.network.deliver(message)
        for job in held:
            assert self.server.job(job.id).status == "running", "ended by the request that its agent got it with"

    @precondition(lambda self: self.job_ids)
    @rule(pick=picks, what=st.sampled_from(["cancel"] * 3 + ["rerun"] * 3 + ["delete", "delete", "clear", "flush"]))
    @counted
    def an_admin_changes_an_execution(self, pick: int, what: str) -> None:
        job_id = picked(self.job_ids, pick)
        if what == "cancel":
            self.expect(self.server.cancel(job_id), 200, 404, 409)
        elif what == "rerun":
            self.run_again(job_id)
        else:
            self.remove(what, job_id)

    @rule(name=names, pick=picks, what=st.sampled_from(["run", "run", "chain", "activate", "activate", "deactivate"]))
    @counted
    def an_admin_starts_a_run_or_stops_an_agent(self, name: str, pick: int, what: str) -> None:
        if what == "run":
            self.run_a_pipeline(pick)
        elif what == "chain":
            self.job_ids += self.server.run_chain(self.chain)
        else:
            self.expect(self.server.act(what, name), 200, 404)

    @rule(
        data=st.data(),
        seconds=st.sampled_from([0, 6, 46, 46, 46, 61, -30]),
        what=st.sampled_from(["no more"] + ["maintenance"] * 4 + ["restart", "kill"]),
    )
    @counted
    def time_passes(self, data: st.DataObject, seconds: float, what: str) -> None:
        self.server.clock.step(seconds)
        match what:
            case "maintenance":
                self.server.services.jobs.expiry.run_once()
            case "restart":
                self.server.restart()
            case "kill":
                self.kill_the_server(data)

    @precondition(lambda self: self.taken > LONG)
    @rule()
    @counted
    def everything_ends(self) -> None:
        """Agents that live and ask for work bring every execution to an end, whatever came before."""
        self.server.clock.step(600)  # it may have gone back
        for agent in self.agents.values():
            agent.forget()
            agent.heartbeat(Fate.ANSWERED)  # after that: an agent that says it runs something is believed for a while
            self.server.act("activate", agent.agent_id)
        unfinished = sum(not job.status.is_terminal for job in self.jobs())
        for _ in range(unfinished + 1):
            self.server.clock.step(6)
            self.help_along()
            for agent in self.agents.values():
                agent.lease(Fate.ANSWERED, is_named=True)
                self.promises.check([])
                if agent.job_id:
                    agent.finish("succeeded", Fate.ANSWERED, characters=100_000)
                    self.promises.check([])
        assert [job.id for job in self.jobs() if not job.status.is_terminal] == []

    # What the rules are made of

    def help_along(self) -> None:
        """Do what people have to do so that everything can end."""

    def run_a_pipeline(self, pick: int) -> None:
        self.job_ids += self.server.run(picked(self.pipelines, pick))

    def run_again(self, job_id: str) -> None:
        self.server.clock.step(0.001)
        answer = self.server.post(f"/api/v1/jobs/{job_id}/rerun")
        self.expect(answer, 201, 404, 409)
        if answer.status_code == 201:
            self.job_ids += [answer.json["job_execution"]["id"], *answer.json.get("dependants", [])]

    def remove(self, what: str, job_id: str) -> None:
        self.promises.removable = FINISHED if what == "flush" else PENDING
        match what:
            case "delete":
                self.expect(self.server.http.simulate_delete(f"/api/v1/jobs/{job_id}"), 200, 404, 409)
            case "clear":
                self.expect(self.server.post("/api/v1/jobs/clear-queue"), 200)
            case "flush":
                self.expect(self.server.post("/api/v1/jobs/flush-history"), 200)

    def kill_the_server(self, data: st.DataObject) -> None:
        """Within a request: of its transactions only the first ones are there."""
        name, pick = data.draw(names, label="agent"), data.draw(picks, label="pick")
        requests: dict[str, Callable[[], object]] = {
            "cancel": lambda: self.server.cancel(picked(self.job_ids, pick)),
            "deactivate": lambda: self.server.act("deactivate", name),
            "lease": lambda: self.agents[name].lease(Fate.ANSWER_LOST, is_named=True),
            "maintenance": self.server.services.jobs.expiry.run_once,
            "none": lambda: None,
            "old": lambda: self.network.sent and self.network.deliver(picked(self.network.sent, pick)),
            "run": lambda: self.server.run(picked(self.pipelines, pick)),
        }
        request = requests[data.draw(st.sampled_from(sorted(requests)), label="request")]
        if isinstance(self.server.store, TinyStore):
            self.lose_the_end_of_the_journal(data, request)
        else:
            self.end_between_transactions(data, request)
        self.job_ids += [job.id for job in self.jobs() if job.id not in self.job_ids]

    def end_between_transactions(self, data: st.DataObject, request: Callable[[], object]) -> None:
        """Let the server get no further than to some transaction of *request*, before it begins or after it was committed."""
        write, kept = type(self.server.store).write, data.draw(st.integers(0, 3), label="transactions kept")
        is_last_told, begun = data.draw(st.booleans(), label="last one told"), count()

        def dying(store: Store, change: Callable[[Transaction], T]) -> T:
            number = next(begun)
            if number >= kept:
                raise StoreAway
            result = write(store, change)
            if number == kept - 1 and not is_last_told:
                raise StoreAway
            return result

        with pytest.MonkeyPatch.context() as patch, suppress(AssertionError, StoreAway):  # it answers nobody any more
            patch.setattr(type(self.server.store), "write", dying)
            request()
        self.server.restart()

    def lose_the_end_of_the_journal(self, data: st.DataObject, request: Callable[[], object]) -> None:
        """Let a part of what *request* wrote to the journal be there, the last line perhaps torn."""
        journal = self.server.directory / "state.journal"
        before = len(journal.read_bytes().splitlines())
        request()
        lines = journal.read_bytes().splitlines(keepends=True)
        kept = data.draw(st.integers(before, len(lines)), label="lines kept")
        torn = lines[kept][:-9] if kept < len(lines) else b""
        directory = self.copy_of_the_data()
        (directory / "state.journal").write_bytes(b"".join(lines[:kept]) + torn)
        self.reopen(directory)

    def at_work(self, name: str) -> AgentModel | None:
        """Return the agent with something to do; None for one that gets nothing."""
        agent = self.agents[name]
        if not agent.job_id and agent.lease(Fate.ANSWERED, is_named=True) == "no matching queued job":
            self.run_a_pipeline(0)
            agent.lease(Fate.ANSWERED, is_named=True)
        self.promises.check([])
        return agent if agent.job_id else None

    def expect(self, answer: Result, *allowed: int) -> None:
        assert answer.status_code in allowed, answer.text

    def jobs(self) -> list[JobRecord]:
        with self.server.store.read() as view:
            return list(view.jobs.iter_all())

    def running_for(self, request: LeaseRequest) -> list[JobRecord]:
        """Return what runs for an agent that got it by this very request."""
        with self.server.store.read() as view:
            held = view.jobs.active_of_agent(request.agent_id)
        return [j for j in held if j.status is JobStatus.RUNNING and j.lease_request_id == request.request_id != ""]

    def copy_of_the_data(self) -> Path:
        self.copies += 1
        directory = self.root / str(self.copies)
        shutil.copytree(self.server.directory, directory, ignore=shutil.ignore_patterns("lock"))
        return directory

    def reopen(self, directory: Path) -> None:
        """Go on with the copy, as after a kill: what was not on the disk then is gone."""
        self.server.close()
        shutil.rmtree(self.server.directory)
        self.server.directory = directory
        self.server.start()


def picked(things: list[T], pick: int) -> T:
    return things[-1 - pick % len(things)]
