"""The jobs of a run as a graph: layers by the longest path, rows of a matrix together, chains in one picture."""

from __future__ import annotations

from cictl_testing.server import RunningServer

from cictl_server.services.runs.graph import GraphJob


def jobs(server: RunningServer, run: int = 1) -> dict[str, GraphJob]:
    return {job.name: job for job in server.services.runs.graph.get(str(run)).jobs}


def job(name: str, *needs: str, more: str = "") -> str:
    return f"{{id: {name}, needs: [{', '.join(needs)}], {more} steps: [{{run: ls}}]}}"


def test_a_job_stands_behind_the_longest_way_to_it(server: RunningServer) -> None:
    server.run(server.define(f"[{job('a')}, {job('b', 'a')}, {job('c', 'a', 'b')}, {job('d', 'a')}, {job('e')}]"))
    assert {name: one.layer for name, one in jobs(server).items()} == {"a": 0, "b": 1, "c": 2, "d": 1, "e": 0}


def test_rows_of_a_matrix_are_one_job_in_the_state_that_matters_most(server: RunningServer) -> None:
    matrix = "matrix: {include: [{name: one, v: '1'}, {name: two, v: '2'}, {name: three, v: '3'}]},"
    server.run(server.define(f"[{job('test', more=matrix)}]"))
    server.heartbeat()
    server.finish("failed")
    server.running()
    test = jobs(server)["test"]
    assert sorted(row.status for row in test.rows) == ["failed", "queued", "running"]
    assert test.status == "failed"


def test_a_rerun_takes_the_place_of_what_it_repeats(server: RunningServer) -> None:
    server.run(server.define(f"[{job('test')}]"))
    server.heartbeat()
    server.finish("failed")
    assert server.post("/api/v1/runs/1/rerun", {"only_failed": True}).status_code == 201
    assert [row.status for row in jobs(server)["test"].rows] == ["queued"]


def test_in_a_chain_a_pipeline_begins_behind_the_ends_of_those_before(server: RunningServer) -> None:
    build = f"{{id: build, jobs: [{job('compile')}, {job('test', 'compile')}]}}"
    ship = f"{{id: ship, depends_on: [build], jobs: [{job('send')}]}}"
    ids = server.define_project(
        f"pipelines: [{build}, {ship}]\npipeline_chains: [{{id: all, pipelines: [build, ship]}}]"
    )
    server.run_chain(ids["all"])
    found = jobs(server)
    assert {name: one.layer for name, one in found.items()} == {"build/compile": 0, "build/test": 1, "ship/send": 2}
    assert found["ship/send"].needs == (("build", "test"),)


def test_who_may_let_a_job_begin_is_told_while_it_waits(server: RunningServer) -> None:
    server.run(server.define(f"[{job('a')}, {job('ship', 'a', more='approval: {roles: [operator]},')}]"))
    assert jobs(server)["ship"].approval is None, "its need is not over"
    server.heartbeat()
    server.finish("succeeded")
    approval = jobs(server)["ship"].approval
    assert approval
    assert approval.roles == ["operator"]
