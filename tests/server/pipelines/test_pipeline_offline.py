"""`offline_cached`: runs, chains and previews from what earlier runs recorded, with the remote gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode, encode
from cictl.wire.jobs import JobExecution, Source
from cictl.wire.projects import PreviewResponse

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: build
    vcs_source: {{repo: '{url}', ref: main}}
    versioning: {{tag_prefix: rel-}}
    jobs: [{{id: b, artifacts: [out], steps: [{{run: "build {{{{ciwi.version}}}}"}}]}}]
  - id: publish
    depends_on: [build]
    vcs_source: {{repo: '{url}', ref: main}}
    versioning: {{tag_prefix: pub-, file: V}}
    jobs: [{{id: p, steps: [{{run: publish}}, {{run: wet, skip_dry_run: true}}]}}]
  - id: notes
    depends_on: [build]
    vcs_source: {{repo: '{url}', ref: main}}
    versioning: {{tag_prefix: n-}}
    jobs: [{{id: n, steps: [{{run: note}}]}}]
  - id: mail
    depends_on: [notes]
    jobs: [{{id: m, steps: [{{run: mail}}]}}]
  - {{id: unversioned, vcs_source: {{repo: '{url}', ref: main}}, jobs: [{{id: u, steps: [{{run: x}}]}}]}}
  - {{id: foreign, vcs_source: {{repo: /elsewhere, ref: main}}, jobs: [{{id: f, steps: [{{run: x}}]}}]}}
  - {{id: plain, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
pipeline_chains:
  - {{id: ship, pipelines: [build, notes, mail]}}
  - {{id: mixed, pipelines: [build, foreign]}}
"""
OFFLINE = {"execution_mode": "offline_cached"}


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path)
    made.commit({"cictl.yaml": PROJECT.format(url=made.url), "VERSION": "1.4.2\n"})
    return made


@pytest.fixture
def ids(server: RunningServer, origin: Origin) -> dict[str, int]:
    return import_project(server, origin.url)


def run_once(server: RunningServer, pipeline: int, **fields: object) -> JobExecution:
    [job_id] = server.run(pipeline, **fields)
    finish_everything(server)
    return server.job(job_id)


def refusal(server: RunningServer, path: str, **fields: object) -> str:
    answer = server.post(f"/api/v1/{path}", fields)
    assert answer.status_code == 400, answer.text
    return str(answer.text).rstrip("\n")


def test_the_own_history_gives_version_and_commit(server: RunningServer, origin: Origin, ids: dict[str, int]) -> None:
    before = run_once(server, ids["build"])
    origin.hide()
    job = server.job(server.run(ids["build"], **OFFLINE)[0])
    commit = before.metadata["pipeline_source_ref_resolved"]
    assert job.source == Source(repo=origin.url, ref=commit)
    assert (job.script, job.metadata["execution_mode"]) == ("build rel-1.4.2", "offline_cached")
    assert job.metadata["pipeline_source_ref_raw"] == "main"
    assert job.metadata["pipeline_run_id"].startswith("offline-")
    assert "CIWI_PIPELINE_TAG_PREFIX" not in job.env, "the contract does not restore it from history"


def test_dependencies_give_version_and_commit(server: RunningServer, origin: Origin, ids: dict[str, int]) -> None:
    before = run_once(server, ids["build"])
    origin.hide()
    job = server.job(server.run(ids["publish"], dry_run=True, **OFFLINE)[0])
    assert job.metadata["pipeline_version"] == "rel-1.4.2"
    assert job.metadata["pipeline_source_ref_resolved"] == before.metadata["pipeline_source_ref_resolved"]
    assert (job.env["CIWI_PIPELINE_TAG_PREFIX"], job.env["CIWI_PIPELINE_VERSION_FILE"]) == ("pub-", "V")
    assert job.env["CIWI_DEP_ARTIFACT_JOB_IDS"] == before.id


@pytest.mark.weakness("W36")
def test_a_run_is_pinned_even_without_versions(server: RunningServer, origin: Origin, ids: dict[str, int]) -> None:
    """In the reference no commit is recorded for such a pipeline, so it can never run offline."""
    before = run_once(server, ids["unversioned"])
    origin.hide()
    job = server.job(server.run(ids["unversioned"], **OFFLINE)[0])
    assert before.source == job.source


@pytest.mark.weakness("W27")
def test_a_chain_runs_to_its_end_with_the_remote_gone(
    server: RunningServer, origin: Origin, ids: dict[str, int]
) -> None:
    """In the reference each member gets a chain run of its own, and none is ever released."""
    before = run_once(server, ids["build"])
    origin.hide()
    jobs = server.run_chain(ids["ship"], **OFFLINE)
    finish_everything(server)
    build, notes, mail = (server.job(job_id) for job_id in jobs)
    assert [job.status for job in (build, notes, mail)] == ["succeeded"] * 3
    [chain_run] = {job.metadata["chain_run_id"] for job in (build, notes, mail)}
    assert [job.metadata["pipeline_run_id"] for job in (build, notes, mail)] == [
        f"offline-{chain_run}-{index}" for index in range(3)
    ]
    assert notes.source == build.source == before.source
    assert mail.source is None
    assert mail.metadata["pipeline_source_ref_resolved"] == before.metadata["pipeline_source_ref_resolved"]
    assert {job.metadata["pipeline_version"] for job in (build, notes, mail)} == {"rel-1.4.2"}


def preview(server: RunningServer, path: str, **fields: object) -> dict[str, object]:
    answer = server.post(f"/api/v1/{path}/dry-run-preview", {"offline_cached_only": True, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_previews_ask_no_remote(server: RunningServer, origin: Origin, ids: dict[str, int]) -> None:
    before = run_once(server, ids["build"])
    origin.hide()
    own = preview(server, f"pipelines/{ids['build']}")
    assert (own["cache_used"], own["cache_source"], own["offline_cached_only"]) == (True, "pipeline_history", True)
    [pending] = decode(encode(own), PreviewResponse).pending_jobs
    assert (pending.pipeline_job_id, pending.source_repo) == ("b", origin.url)
    assert pending.source_ref == before.metadata["pipeline_source_ref_resolved"]
    assert pending.step_plan[0].script == "build rel-1.4.2"
    assert preview(server, f"pipelines/{ids['publish']}")["cache_source"] == "dependency"
    assert preview(server, f"pipeline-chains/{ids['ship']}")["pipeline_id"] == "ship"


def test_a_preview_without_history_warns(server: RunningServer, ids: dict[str, int]) -> None:
    shown = preview(server, f"pipelines/{ids['unversioned']}")
    assert (shown["cache_used"], "cache_source" in shown) == (False, False)
    assert shown["warnings"] == ["no cached successful run context; using pipeline source ref only"]


def test_a_preview_that_selects_nothing(server: RunningServer, ids: dict[str, int]) -> None:
    run_once(server, ids["build"])
    for path in (f"pipelines/{ids['build']}", f"pipeline-chains/{ids['ship']}"):
        shown = preview(server, path, pipeline_job_id="no")
        assert (shown["pending_jobs"], shown["eligible_agent_ids"]) == ([], None)


@pytest.mark.parametrize("ref", ["main", "refs/heads/main", " main "])
def test_a_ref_may_name_the_cached_one(server: RunningServer, ids: dict[str, int], ref: str) -> None:
    run_once(server, ids["build"])
    job = server.job(server.run(ids["build"], source_ref=ref, **OFFLINE)[0])
    assert job.metadata["pipeline_source_ref_raw"] == ref.strip()


class TestGuardrails:
    """What an offline run is refused for, with its text."""

    def test_a_ref_that_is_not_the_cached_one(self, server: RunningServer, ids: dict[str, int]) -> None:
        run_once(server, ids["build"])
        own = refusal(server, f"pipelines/{ids['build']}/run-selection", source_ref="dev", **OFFLINE)
        assert own == 'offline_cached_only source_ref "dev" does not match cached source ref "main"'
        inherited = refusal(server, f"pipelines/{ids['publish']}/run-selection", source_ref="dev", **OFFLINE)
        assert inherited == 'offline_cached_only source_ref "dev" does not match cached/dependency source ref "main"'

    def test_no_history_of_a_versioned_pipeline(self, server: RunningServer, ids: dict[str, int]) -> None:
        text = 'offline_cached_only requires a prior successful "build" run: no previous run found'
        assert refusal(server, f"pipelines/{ids['build']}/run-selection", **OFFLINE) == text
        assert refusal(server, f"pipeline-chains/{ids['ship']}/run", **OFFLINE) == text

    def test_no_history_of_an_unversioned_pipeline(self, server: RunningServer, ids: dict[str, int]) -> None:
        text = 'offline_cached execution requires cached source context for pipeline "unversioned"'
        assert refusal(server, f"pipelines/{ids['unversioned']}/run-selection", **OFFLINE) == text

    def test_no_history_of_a_chains_first_pipeline(self, server: RunningServer) -> None:
        ids = server.define_project(
            "pipelines: [{id: a, vcs_source: {repo: /r}, jobs: [{id: j, steps: [{run: x}]}]}]\n"
            "pipeline_chains: [{id: c, pipelines: [a]}]"
        )
        text = 'offline_cached execution requires cached source context for first chain pipeline "a"'
        assert refusal(server, f"pipeline-chains/{ids['c']}/run", **OFFLINE) == text

    def test_a_chain_over_two_repositories(self, server: RunningServer, ids: dict[str, int]) -> None:
        run_once(server, ids["build"])
        text = (
            "offline_cached chain execution currently requires same source repo across chain pipelines; "
            '"foreign" differs'
        )
        assert refusal(server, f"pipeline-chains/{ids['mixed']}/run", **OFFLINE) == text

    def test_a_run_in_progress(self, server: RunningServer, ids: dict[str, int]) -> None:
        server.run(ids["build"])
        text = refusal(server, f"pipelines/{ids['build']}/run-selection", **OFFLINE)
        assert text.endswith(": latest run is still in progress")

    def test_an_earlier_run_that_was_not_pinned(
        self, server: RunningServer, origin: Origin, ids: dict[str, int]
    ) -> None:
        origin.hide()
        run_once(server, ids["unversioned"])
        text = 'offline_cached execution requires pinned cached source commit for job "u"; got ref="main"'
        assert refusal(server, f"pipelines/{ids['unversioned']}/run-selection", **OFFLINE) == text

    def test_wet_steps(self, server: RunningServer, ids: dict[str, int]) -> None:
        run_once(server, ids["build"])
        text = (
            'offline_cached execution blocks job "p" because it contains skip_dry_run step(s); '
            "run as dry_run or split wet steps"
        )
        assert refusal(server, f"pipelines/{ids['publish']}/run-selection", **OFFLINE) == text

    def test_nothing_selected(self, server: RunningServer, ids: dict[str, int]) -> None:
        run_once(server, ids["build"])
        text = refusal(server, f"pipelines/{ids['build']}/run-selection", pipeline_job_id="no", **OFFLINE)
        assert text == "selection matched no matrix entries"


def test_a_pipeline_without_repository_needs_no_history(server: RunningServer, ids: dict[str, int]) -> None:
    job = server.job(server.run(ids["plain"], **OFFLINE)[0])
    assert (job.source, job.metadata["execution_mode"]) == (None, "offline_cached")


def test_the_mode_is_read_in_any_case(server: RunningServer, ids: dict[str, int]) -> None:
    job = server.job(server.run(ids["plain"], execution_mode=" Offline_Cached ")[0])
    assert job.metadata["execution_mode"] == "offline_cached"
