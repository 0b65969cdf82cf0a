"""Chains: who waits for whom, and how each ends, whatever happens in the middle."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.jobs import JobExecution
from cictl_server.store.contract import Transaction

STEP = "steps: [{run: 'true'}]"
DIAMOND = f"""
pipelines:
  - {{id: base, jobs: [{{id: base, artifacts: [out], {STEP}}}]}}
  - {{id: left, depends_on: [base], jobs: [{{id: l1, {STEP}}}, {{id: l2, needs: [l1], {STEP}}}]}}
  - {{id: right, depends_on: [base], jobs: [{{id: r, {STEP}}}]}}
  - {{id: top, depends_on: [left, right], jobs: [{{id: t, {STEP}}}]}}
pipeline_chains: [{{id: all, pipelines: [base, left, right, top]}}]
"""


def statuses(server: RunningServer, ids: list[str]) -> list[str]:
    return [server.job(job_id).status for job_id in ids]


def errors(server: RunningServer, ids: list[str]) -> list[str]:
    return [server.job(job_id).error for job_id in ids]


def test_members_carry_their_place(server: RunningServer) -> None:
    base, l1, l2, r, t = (server.job(i) for i in server.run_chain(server.define_project(DIAMOND)["all"]))
    assert len({job.metadata["chain_run_id"] for job in (base, l1, l2, r, t)}) == 1
    assert len({job.metadata["pipeline_run_id"] for job in (base, l1, l2, r, t)}) == 4
    assert base.metadata["pipeline_chain_id"] == "all"
    assert (t.metadata["pipeline_chain_index"], t.metadata["pipeline_chain_position"]) == ("3", "4")
    assert t.metadata["pipeline_chain_total"] == "4"
    assert "chain_blocked" not in base.metadata
    assert (l1.metadata["chain_depends_on_pipelines"], l1.metadata["chain_blocked"]) == ("base", "1")
    assert t.metadata["chain_depends_on_pipelines"] == "left,right"


def test_a_diamond_runs_in_order(server: RunningServer) -> None:
    base, l1, l2, r, t = server.run_chain(server.define_project(DIAMOND)["all"])
    assert server.finish("succeeded").id == base
    assert server.job(l1).env["CIWI_DEP_ARTIFACT_JOB_IDS"] == base
    assert server.finish("succeeded").id == l1
    assert server.finish("succeeded").id == l2
    assert server.job(t).metadata["chain_blocked"] == "1"
    assert server.finish("succeeded").id == r
    assert server.finish("succeeded").id == t
    assert not server.lease().assigned


def fail(server: RunningServer, job: JobExecution) -> None:
    server.report(job.id, "failed")


def cancel(server: RunningServer, job: JobExecution) -> None:
    server.cancel(job.id)


def lose(server: RunningServer, _job: JobExecution) -> None:
    server.clock.step(61)
    server.services.jobs.expiry.run_once()


@pytest.mark.weakness("A10.1c")
@pytest.mark.parametrize("end", [fail, cancel, lose])
def test_a_failure_in_the_middle_ends_everything_behind_it(
    server: RunningServer, end: Callable[[RunningServer, JobExecution], None]
) -> None:
    """Also where it completes a pipeline by way of its needs: l2 never runs, so left fails, so top ends."""
    _, l1, l2, r, t = server.run_chain(server.define_project(DIAMOND)["all"])
    server.heartbeat()
    server.finish("succeeded")
    end(server, server.running())
    assert statuses(server, [l1, l2, r, t]) == ["failed", "failed", "queued", "failed"]
    assert errors(server, [l2, t]) == ["cancelled: required job l1 failed", "cancelled: upstream pipeline left failed"]
    top = server.job(t)
    assert (top.started_utc, top.metadata["chain_cancelled"]) == (None, "1")
    assert top.output == "[chain] cancelled: upstream pipeline left failed"
    assert "chain_blocked" not in top.metadata
    assert server.finish("succeeded").id == r


@pytest.mark.weakness("A7.7b")
def test_a_deleted_upstream_ends_what_waits(server: RunningServer) -> None:
    base, *rest = server.run_chain(server.define_project(DIAMOND)["all"])
    assert server.http.simulate_delete(f"/api/v1/jobs/{base}").status_code == 200
    assert set(statuses(server, rest)) == {"failed"}
    blocked = server.get(f"/api/v1/jobs/{rest[-1]}/blocked-by").json
    assert blocked["dependency"]["reason"] == "upstream pipeline left failed"


def test_a_failed_row_ends_the_chain_when_the_others_are_over(server: RunningServer) -> None:
    project = f"""
pipelines:
  - {{id: a, jobs: [{{id: a, matrix: {{include: [{{name: x}}, {{name: y}}]}}, {STEP}}}]}}
  - {{id: b, jobs: [{{id: b, {STEP}}}]}}
pipeline_chains: [{{id: c, pipelines: [a, b]}}]
"""
    _, _, b = server.run_chain(server.define_project(project)["c"])
    server.finish("failed")
    assert server.job(b).status == "queued"
    server.finish("succeeded")
    assert server.job(b).error == "cancelled: upstream pipeline a failed"


def test_without_depends_on_the_order_of_the_list_counts(server: RunningServer) -> None:
    project = f"""
pipelines: [{{id: a, jobs: [{{id: a, {STEP}}}]}}, {{id: b, jobs: [{{id: b, {STEP}}}]}}]
pipeline_chains: [{{id: c, pipelines: [b, a]}}]
"""
    b, a = server.run_chain(server.define_project(project)["c"])
    assert server.job(a).metadata["chain_depends_on_pipelines"] == "b"
    assert server.finish("succeeded").id == b
    assert "CIWI_DEP_ARTIFACT_JOB_IDS" not in server.job(a).env, "a mere predecessor gives no artifacts"


@pytest.mark.weakness("W21")
def test_a_list_against_its_dependencies_does_not_wait_for_itself(server: RunningServer) -> None:
    """In the reference `[b, a]` with b depending on a blocks each on the other for ever."""
    project = f"""
pipelines: [{{id: a, jobs: [{{id: a, {STEP}}}]}}, {{id: b, depends_on: [a], jobs: [{{id: b, {STEP}}}]}}]
pipeline_chains: [{{id: c, pipelines: [b, a]}}]
"""
    server.run_chain(server.define_project(project)["c"])
    assert server.finish("succeeded").metadata["pipeline_id"] == "a"
    assert server.finish("succeeded").metadata["pipeline_id"] == "b"


@pytest.mark.weakness("W16")
def test_a_member_that_the_selection_leaves_out_is_not_waited_for(server: RunningServer) -> None:
    [t] = server.run_chain(server.define_project(DIAMOND)["all"], pipeline_job_id="t")
    assert server.finish("succeeded").id == t


def test_a_pipeline_that_is_gone_ends_its_executions(server: RunningServer) -> None:
    ids = server.define_project(DIAMOND)
    _, l1, *_ = server.run_chain(ids["all"])
    server.store.write(lambda tx: tx.pipelines.delete(ids["left"]))
    server.finish("succeeded")
    assert server.job(l1).error == 'cancelled: load pipeline "left": pipeline not found'


@pytest.mark.parametrize(
    ("chain", "fields", "code", "text"),
    [
        (99, {}, 404, "pipeline chain not found"),
        (1, {"pipeline_job_id": "no"}, 400, "selection matched no matrix entries"),
        (1, {"source_ref": "x"}, 400, "source_ref override requires first chain pipeline vcs_source.repo"),
    ],
)
def test_refusals(server: RunningServer, chain: int, fields: dict[str, object], code: int, text: str) -> None:
    server.define_project(DIAMOND)
    answer = server.post(f"/api/v1/pipeline-chains/{chain}/run", fields)
    assert (answer.status_code, answer.text) == (code, text + "\n")
    assert server.get("/api/v1/jobs").json == {"job_executions": []}


def test_the_body_may_be_empty(server: RunningServer) -> None:
    chain = server.define_project(DIAMOND)["all"]
    assert server.http.simulate_post(f"/api/v1/pipeline-chains/{chain}/run", body=b"").status_code == 201


@pytest.mark.weakness("A10.1c")
def test_a_start_settles_chains_too(server: RunningServer) -> None:
    import msgspec

    from cictl.wire.jobs import JobStatus
    from cictl_server.services.core.ids import job_number

    base, *rest = server.run_chain(server.define_project(DIAMOND)["all"])

    def change(tx: Transaction) -> None:
        job = tx.jobs.find(job_number(base))
        assert job is not None
        tx.jobs.put(msgspec.structs.replace(job, status=JobStatus.FAILED))

    server.store.write(change)
    server.restart()
    assert set(statuses(server, rest)) == {"failed"}
