"""Chain runs from real repositories: one commit, one version, one project; and every way in which a member can end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cictl_testing.files import git
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

from cictl.wire.jobs import JobExecution, Source
from cictl_server.store.contract import Transaction

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: build
    vcs_source: {{repo: '{url}'}}
    {versioning}
    jobs: [{{id: b, steps: [{{run: "b {{{{ciwi.version}}}}"}}]}}]
  - id: publish
    vcs_source: {{repo: '{url}', ref: main}}
    versioning: {{tag_prefix: pub-}}
    jobs: [{{id: p, steps: [{{run: "p {{{{ciwi.version}}}}"}}]}}]
  - {{id: docs, vcs_source: {{repo: '{other}', ref: main}}, jobs: [{{id: d, steps: [{{run: "d {{{{ciwi.version}}}}"}}]}}]}}
  - {{id: mail, jobs: [{{id: m, steps: [{{run: "m {{{{ciwi.version}}}}"}}]}}]}}
pipeline_chains: [{{id: ship, pipelines: [build, publish, docs, mail]}}]
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "a")


@pytest.fixture
def other(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "b")
    made.commit({"index": "x"})
    return made


def commit_project(origin: Origin, other: Origin, *, versioning: str = "versioning: {}", branch: str = "main") -> str:
    text = PROJECT.format(url=origin.url, other=other.url, versioning=versioning)
    return origin.commit({"cictl.yaml": text, "VERSION": "1.4.2\n", "branch": branch}, branch=branch)


def run(server: RunningServer, chain: int, **fields: object) -> list[JobExecution]:
    return [server.job(job_id) for job_id in server.run_chain(chain, **fields)]


@pytest.mark.weakness("W20")
def test_all_members_build_the_first_ones_commit_and_version(
    server: RunningServer, origin: Origin, other: Origin
) -> None:
    commit = commit_project(origin, other)
    build, publish, docs, mail = run(server, import_project(server, origin.url)["ship"])
    assert [job.script for job in (build, publish, docs, mail)] == ["b v1.4.2", "p v1.4.2", "d v1.4.2", "m v1.4.2"]
    assert build.source == publish.source == Source(repo=origin.url, ref=commit)
    assert docs.source == Source(repo=other.url, ref=git(other.work, "rev-parse", "HEAD"))
    assert mail.source is None
    assert publish.env["CIWI_PIPELINE_TAG_PREFIX"] == "pub-", "its own settings stay in force"


def test_without_a_version_of_the_first_members_read_their_own(
    server: RunningServer, origin: Origin, other: Origin
) -> None:
    commit = commit_project(origin, other, versioning="trigger: manual")
    ids = import_project(server, origin.url)
    build, publish, docs, _ = run(server, ids["ship"])
    assert [job.script for job in (build, publish, docs)] == ["b {{ciwi.version}}", "p pub-1.4.2", "d {{ciwi.version}}"]
    assert build.source == publish.source == Source(repo=origin.url, ref=commit)


def test_an_override_holds_where_the_repository_is_the_same(
    server: RunningServer, origin: Origin, other: Origin
) -> None:
    commit_project(origin, other)
    ids = import_project(server, origin.url)
    commit = origin.commit({"VERSION": "2.0.0\n"}, branch="next")
    build, publish, docs, _ = run(server, ids["ship"], source_ref="next")
    assert build.source == publish.source == Source(repo=origin.url, ref=commit)
    assert {job.metadata["pipeline_source_ref_raw"] for job in (build, publish)} == {"next"}
    assert (docs.metadata["pipeline_source_ref_raw"], docs.script) == ("main", "d v2.0.0")


@pytest.mark.weakness("W13")
def test_two_imports_of_one_repository_on_two_branches(server: RunningServer, origin: Origin, other: Origin) -> None:
    """In the reference members are looked up by the project's name, so the second chain runs the first one's pipelines."""
    first_commit = commit_project(origin, other)
    second_commit = commit_project(origin, other, branch="next")
    first, second = import_project(server, origin.url), import_project(server, origin.url, repo_ref="next")
    assert first["project"] != second["project"]
    build, *_ = run(server, second["ship"])
    assert build.source == Source(repo=origin.url, ref=second_commit)
    assert build.metadata["project_id"] == str(second["project"])
    build, *_ = run(server, first["ship"])
    assert build.source == Source(repo=origin.url, ref=first_commit)
    finish_everything(server)
    assert {job["status"] for job in server.get("/api/v1/jobs").json["job_executions"]} == {"succeeded"}


def test_nothing_is_enqueued_when_a_later_member_fails(server: RunningServer, tmp_path: Path) -> None:
    ids = server.define_project(
        "pipelines: [{id: a, jobs: [{id: a, steps: [{run: x}]}]},"
        ' {id: b, jobs: [{id: b, matrix: {include: [{e: ""}]}, steps: [{run: "{{e}}"}]}]}]\n'
        "pipeline_chains: [{id: c, pipelines: [a, b]}]"
    )
    answer = server.post(f"/api/v1/pipeline-chains/{ids['c']}/run", {})
    assert (answer.status_code, answer.text) == (400, 'pipeline job "b" has no executable steps after rendering\n')
    assert server.get("/api/v1/jobs").json == {"job_executions": []}


def test_a_chain_without_pipelines(server: RunningServer) -> None:
    ids = server.define_project(
        "pipelines: [{id: a, jobs: [{id: a, steps: [{run: x}]}]}]\npipeline_chains: [{id: c, pipelines: [a]}]"
    )

    def change(tx: Transaction) -> None:
        chain = tx.chains.find(ids["c"])
        assert chain is not None
        tx.chains.put(msgspec.structs.replace(chain, pipelines=[]))

    server.store.write(change)
    for method, action in (("POST", "run"), ("GET", "run"), ("GET", "source-refs")):
        answer = server.http.simulate_request(method, f"/api/v1/pipeline-chains/{ids['c']}/{action}")
        assert (answer.status_code, answer.text) == (400, "pipeline chain has no pipelines\n")


STEP = "steps: [{run: 'true'}]"
DIAMOND = f"""
pipelines:
  - {{id: base, jobs: [{{id: base, {STEP}}}]}}
  - {{id: left, depends_on: [base], jobs: [{{id: l1, timeout_seconds: 5, {STEP}}}, {{id: l2, needs: [l1], {STEP}}}]}}
  - {{id: right, depends_on: [base], jobs: [{{id: r, {STEP}}}]}}
  - {{id: top, depends_on: [left, right], jobs: [{{id: t, {STEP}}}]}}
pipeline_chains: [{{id: all, pipelines: [base, left, right, top]}}]
"""
End = Callable[[RunningServer, str], object]


def fail(server: RunningServer, job_id: str) -> None:
    server.report(job_id, "failed")


def cancel(server: RunningServer, job_id: str) -> None:
    server.cancel(job_id)


def deactivate(server: RunningServer, _job_id: str) -> None:
    server.act("deactivate")
    server.act("activate")


def lose(server: RunningServer, _job_id: str) -> None:
    server.clock.step(61)
    server.services.jobs.expiry.run_once()


def overrun(server: RunningServer, _job_id: str) -> None:
    for _ in range(100):
        server.clock.step(30)
        server.heartbeat()
    server.services.jobs.expiry.run_once()


@pytest.mark.parametrize("end", [fail, cancel, deactivate, lose, overrun])
def test_however_a_member_ends_what_waits_for_it_ends(server: RunningServer, end: End) -> None:
    _, l1, l2, r, t = server.run_chain(server.define_project(DIAMOND)["all"])
    server.heartbeat()
    server.finish("succeeded")
    end(server, server.running().id)
    jobs = {name: server.job(job_id) for name, job_id in (("l1", l1), ("l2", l2), ("r", r), ("t", t))}
    assert {name: str(job.status) for name, job in jobs.items()} == {
        "l1": "failed",
        "l2": "failed",
        "r": "queued",
        "t": "failed",
    }
    assert jobs["t"].error == "cancelled: upstream pipeline left failed"
    finish_everything(server)
    assert server.job(r).status == "succeeded", "what does not depend on it goes on"


def cancel_queued(server: RunningServer, job_id: str) -> object:
    return server.cancel(job_id)


def delete_queued(server: RunningServer, job_id: str) -> object:
    return server.http.simulate_delete(f"/api/v1/jobs/{job_id}")


@pytest.mark.parametrize("end", [cancel_queued, delete_queued])
def test_a_member_that_never_started_ends_what_waits_for_it(server: RunningServer, end: End) -> None:
    *_, r, t = server.run_chain(server.define_project(DIAMOND)["all"])
    end(server, r)
    top = server.job(t)
    assert (top.status, top.error) == ("failed", "cancelled: upstream pipeline right failed")
    assert top.started_utc is None


def test_a_cleared_queue_leaves_nothing_that_waits(server: RunningServer) -> None:
    server.run_chain(server.define_project(DIAMOND)["all"])
    server.finish("succeeded")
    assert server.post("/api/v1/jobs/clear-queue", {}).json["cleared"] == 4
    assert [job["status"] for job in server.get("/api/v1/jobs").json["job_executions"]] == ["succeeded"]


def test_a_flushed_history_keeps_what_a_chain_still_waits_for(server: RunningServer) -> None:
    """Removed, the results of finished members would end those that wait for others too."""
    base, l1, l2, r, t = server.run_chain(server.define_project(DIAMOND)["all"])
    for _ in (base, l1, l2):
        server.finish("succeeded")
    assert server.post("/api/v1/jobs/flush-history", {}).json["flushed"] == 0
    assert server.job(t).status == "queued"
    assert server.finish("succeeded").id == r
    assert server.finish("succeeded").id == t
    assert server.post("/api/v1/jobs/flush-history", {}).json["flushed"] == 5
