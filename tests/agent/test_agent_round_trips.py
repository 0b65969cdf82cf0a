"""How many requests a job costs, and what becomes of the job that comes with the answer to a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import FEATURES, ScriptedServer

from cictl.wire.jobs import JobStatus, Step
from cictl_agent.log import reporter


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer(features=(*FEATURES, "lease-with-report", "slots"))
    yield scripted
    scripted.close()


def test_a_job_after_another_costs_no_lease_of_its_own(server: ScriptedServer, tmp_path: Path) -> None:
    jobs = [server.enqueue(script="echo made") for _ in range(4)]
    agent = AgentThread(server, tmp_path / "work")
    for job_id in jobs:
        assert server.finished(job_id).text.endswith("made\n")
    eventually(lambda: server.requests.count("POST agent/lease") == 2, what="the lease that waits")
    agent.stop()
    assert server.requests.count("POST agent/lease") == 2
    last = server.jobs[jobs[-1]].last.next_lease
    assert last is not None
    assert (last.wait_seconds, last.capabilities) == (0, server.leases[0].capabilities)


def test_steps_of_a_short_job_travel_with_the_report_of_its_end(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "_BATCH_SECONDS", 60.0)  # a loaded machine is slow to end steps
    plan = [Step(index=number, total=5, script="true") for number in range(1, 6)]
    job_id = server.enqueue(script="", step_plan=plan)
    agent = AgentThread(server, tmp_path / "work")
    reports = server.finished(job_id).reports
    agent.stop()
    assert len(reports) == 2
    assert [e.step.index for report in reports for e in report.events if e.step] == [1, 2, 3, 4, 5]


def test_a_report_that_is_repeated_asks_for_the_same_job(server: ScriptedServer, tmp_path: Path) -> None:
    first = server.enqueue(script="until [ -e ../../go ]; do sleep 0.02; done")
    agent = AgentThread(server, tmp_path / "work")
    server.begun(first)
    server.lose_answers(f"{first}/status")
    (tmp_path / "work" / "go").touch()
    eventually(lambda: len(server.leases) > 3, what="the repeated report, and a lease")
    agent.stop()
    wishes = [report.next_lease for report in server.jobs[first].reports if report.next_lease]
    assert len({wish.request_id for wish in wishes}) == 1
    assert server.leases[-1].request_id != wishes[-1].request_id


def test_a_server_without_the_feature_is_asked_as_before(server: ScriptedServer, tmp_path: Path) -> None:
    server.features = FEATURES
    jobs = [server.enqueue() for _ in range(2)]
    agent = AgentThread(server, tmp_path / "work")
    ends = [server.finished(job_id).last for job_id in jobs]
    agent.stop()
    assert [end.next_lease for end in ends] == [None, None]


def test_each_slot_goes_on_with_what_its_own_report_brought(server: ScriptedServer, tmp_path: Path) -> None:
    jobs = [server.enqueue(script="echo made") for _ in range(8)]
    agent = AgentThread(server, tmp_path / "work", slots=2)
    for job_id in jobs:
        assert server.finished(job_id).status is JobStatus.SUCCEEDED
    agent.stop()
    assert {lease.slots for lease in server.leases} == {2}


def test_an_agent_that_stops_asks_for_nothing(server: ScriptedServer, tmp_path: Path) -> None:
    job_id = server.enqueue(script="sleep 60")
    server.enqueue()
    agent = AgentThread(server, tmp_path / "work")
    server.begun(job_id)
    agent.stop()
    assert server.jobs[job_id].last.next_lease is None
    assert list(server.jobs) == [job_id]
