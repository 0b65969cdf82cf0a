"""Large runs: all executions or none, in one step of the store."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import msgspec
import pytest
from cictl_testing.server import RunningServer

from cictl.wire.jobs import JobStatus
from cictl_server.services.history.settling import Settler
from cictl_server.store.contract import StoreFailed, Transaction

ROWS = 5_000


def wide(server: RunningServer, rows: int) -> dict[str, int]:
    matrix = ", ".join(f'{{name: "r{row}"}}' for row in range(rows))
    return server.define_project(
        f"pipelines:\n"
        f"  - {{id: wide, jobs: [{{id: j, matrix: {{include: [{matrix}]}}, steps: [{{run: 'do {{{{name}}}}'}}]}}]}}\n"
        f"  - {{id: end, depends_on: [wide], jobs: [{{id: e, steps: [{{run: x}}]}}]}}\n"
        f"pipeline_chains: [{{id: all, pipelines: [wide, end]}}]"
    )


def entries(server: RunningServer) -> int:
    """Count the transactions that the journal holds."""
    return sum(path.read_bytes().count(b"\n") for path in Path(server.directory).glob("state.journal*"))


@pytest.mark.tinydb
def test_a_run_of_five_thousand_is_one_entry_of_the_journal(server: RunningServer) -> None:
    ids = wide(server, ROWS)
    before = entries(server)
    jobs = server.run(ids["wide"])
    assert entries(server) == before + 1
    assert len(set(jobs)) == ROWS
    assert [int(job_id.removeprefix("job-")) for job_id in jobs] == sorted(int(j.removeprefix("job-")) for j in jobs)
    assert server.job(jobs[-1]).script == f"do r{ROWS - 1}"
    server.restart()
    assert server.leased().id == jobs[0], "the order of the file is the order of leasing"


@pytest.mark.tinydb
def test_conditions_cost_less_than_half_of_the_rest(server: RunningServer) -> None:
    matrix = f"matrix: {{include: &rows [{', '.join(f'{{name: r{row}}}' for row in range(ROWS))}]}}"
    job, step = (
        "input.level == 'full' or branch == 'main' and not tag",
        "name != 'r7' and (input.level == 'full' or tag)",
    )
    ids = server.define_project(
        f"""pipelines:
  - {{id: plain, jobs: [{{id: j, {matrix}, steps: [{{run: x}}]}}]}}
  - id: conditional
    inputs: {{level: {{default: full}}}}
    jobs: [{{id: j, if: "{job}", matrix: {{include: *rows}}, steps: [{{run: x, if: "{step}"}}]}}]"""
    )
    before = entries(server)
    gc.collect()
    gc.freeze()  # what other tests left in this process is no part of the cost
    try:
        first = _processor_seconds(server, ids["conditional"])
        assert entries(server) == before + 1
        # In turns and several times: the cost of a round grows with the others that the machine runs meanwhile.
        rounds = [
            (_processor_seconds(server, ids["plain"]), _processor_seconds(server, ids["conditional"])) for _ in range(4)
        ]
    finally:
        gc.unfreeze()
    assert min(first, *(conditional for _, conditional in rounds)) <= 1.5 * min(plain for plain, _ in rounds)


def _processor_seconds(server: RunningServer, pipeline: int) -> float:
    begun = time.process_time()
    assert len(server.run(pipeline)) == ROWS
    return time.process_time() - begun


@pytest.mark.tinydb
def test_a_chain_is_one_entry_too(server: RunningServer) -> None:
    ids = wide(server, 100)
    before = entries(server)
    assert len(server.run_chain(ids["all"])) == 101
    assert entries(server) == before + 1


@pytest.mark.weakness("W15")
def test_a_run_that_cannot_be_stored_leaves_nothing(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = wide(server, 10)
    put = Settler.put
    seen = 0

    def failing(*arguments: object) -> None:
        nonlocal seen
        seen += 1
        if seen > 5:
            raise StoreFailed("no")
        put(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Settler, "put", failing)
    assert server.post(f"/api/v1/pipelines/{ids['wide']}/run-selection", {}).status_code == 500
    assert server.get("/api/v1/jobs").json == {"job_executions": []}
    server.restart()
    assert server.get("/api/v1/jobs").json == {"job_executions": []}


@pytest.mark.parametrize("is_chain", [False, True])
def test_the_end_of_one_of_many_rows_does_not_read_them_all(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, is_chain: bool
) -> None:
    matrix = ", ".join(f'{{name: "r{row}"}}' for row in range(50))
    ids = server.define_project(
        f"pipelines:\n"
        f"  - {{id: a, jobs: [{{id: j, matrix: {{include: [{matrix}]}}, steps: [{{run: x}}]}},"
        f" {{id: z, needs: [j], steps: [{{run: x}}]}}]}}\n"
        f"  - {{id: b, jobs: [{{id: e, steps: [{{run: x}}]}}]}}\n"
        f"pipeline_chains: [{{id: all, pipelines: [a, b]}}]"
    )
    last = (server.run_chain(ids["all"]) if is_chain else server.run(ids["a"]))[-1]
    with server.store.read() as view:
        jobs = type(view.jobs)
    whole: list[str] = []

    def watch(name: str) -> None:
        read = getattr(jobs, name)

        def watched(table: object, run: str) -> object:
            whole.append(name)
            return read(table, run)

        monkeypatch.setattr(jobs, name, watched)

    watch("of_run")
    watch("of_chain_run")
    for _ in range(49):
        server.finish("succeeded")
    assert whole == []
    server.finish("succeeded")
    assert whole, "the last row settles what waits for all of them"
    for _ in range(2 if is_chain else 1):
        server.finish("succeeded")
    assert server.job(last).status == "succeeded"


def test_a_run_larger_than_the_usual_history_satisfies_too(server: RunningServer) -> None:
    ids = wide(server, ROWS + 1)
    server.run(ids["wide"])

    def change(tx: Transaction) -> None:
        for job in list(tx.jobs.with_status(JobStatus.QUEUED)):
            tx.jobs.put(msgspec.structs.replace(job, status=JobStatus.SUCCEEDED))

    server.store.write(change)
    assert len(server.run(ids["end"])) == 1
