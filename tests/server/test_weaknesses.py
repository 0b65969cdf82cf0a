"""The numbered weaknesses of the reference server, each held by a test that says how this server does better.

`COVERED` is the index. What no other module tests is tested here.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

COVERED = """
W1  project_file/test_project_file_reading.py  test_what_is_no_whole_number_is_refused
W2  project_file/test_project_file_rules.py    test_a_broken_rule_is_reported_where_it_is_broken
W3  project_file/test_project_file_rules.py    test_a_broken_rule_is_reported_where_it_is_broken
W4  project_file/test_project_file_model.py    test_an_empty_versioning_block_is_on_with_defaults
W5  project_file/test_project_file_rules.py    test_a_broken_rule_is_reported_where_it_is_broken
W6  project_file/test_project_file_model.py    test_executor_and_shell_are_what_agents_offer
W7  server/test_weaknesses.py                  test_w7_a_foreign_repository_does_not_get_the_projects_ref
W8  server/test_pipeline_git.py                test_no_text_of_a_user_becomes_an_option
W9  server/test_pipeline_git.py                test_what_git_says_beside_is_no_part_of_the_file
W10 server/test_projects.py                    test_an_annotated_tag_means_its_commit
W11 server/test_projects.py                    test_import_answers_what_it_stored
W12 server/test_projects.py                    test_the_same_identity_is_the_same_project
W13 server/test_chain_runs.py                  test_two_imports_of_one_repository_on_two_branches
W14 server/test_projects.py                    test_delete_keeps_executions
W15 server/test_pipeline_large.py              test_a_run_that_cannot_be_stored_leaves_nothing
W16 server/test_chains.py                      test_a_member_that_the_selection_leaves_out_is_not_waited_for
W17 server/test_pipeline_preview.py            test_needs_that_are_not_selected_are_tolerated_and_told
W18 server/test_pipeline_auto_bump.py          test_a_selection_without_a_match_says_so
W19 server/test_weaknesses.py                  test_w19_an_override_wins_over_the_commit_of_a_dependency
W20 server/test_chain_runs.py                  test_all_members_build_the_first_ones_commit_and_version
W21 server/test_chains.py                      test_a_list_against_its_dependencies_does_not_wait_for_itself
W22 project_file/test_project_file_templates.py test_templates_render
W23 server/test_runs.py                        test_the_branch_is_resolved_when_the_run_starts
W24 server/test_weaknesses.py                  test_w24_what_never_started_is_shown_as_blocked_and_not_rerun
W25 server/test_settling.py                    test_whatever_ends_an_execution_ends_all_that_wait_for_it
W26 server/test_weaknesses.py                  test_w26_last_reports_at_one_moment_release_what_waits
W27 server/test_pipeline_offline.py            test_a_chain_runs_to_its_end_with_the_remote_gone
W28 server/test_dependencies.py                test_dry_runs_and_parts_do_not_count
W29 server/test_dependencies.py                test_a_rerun_heals_a_run
W30 server/test_dependencies.py                test_artifacts_come_from_what_fits
W31 server/test_weaknesses.py                  test_w31_a_flushed_history_says_what_to_do
W32 server/test_pipeline_git.py                test_a_remote_that_is_gone_leaves_ref_prefix_and_file
W33 server/test_pipeline_git.py                test_a_linked_version_file_shows_nothing_of_the_server
W34 server/test_pipeline_auto_bump.py          test_only_the_agent_sees_a_literal_token
W35 server/test_pipeline_version.py            test_git_ends_when_the_browser_leaves
W36 server/test_pipeline_offline.py            test_a_run_is_pinned_even_without_versions
W37 server/test_pipeline_preview.py            test_the_last_listing_serves_while_the_remote_is_gone
W38 server/test_pipeline_preview.py            test_agents_that_could_take_every_execution
W39 server/test_weaknesses.py                  test_w39_tools_of_a_container_are_no_unmet_requirement
W40 server/test_project_inspect.py             test_a_literal_token_is_not_shown
W41 server/test_weaknesses.py                  test_w41_chains_keep_their_ids_through_a_reload
W42 server/test_pipeline_auto_bump.py          test_it_pushes_to_a_branch_that_is_not_the_default_one
"""


def test_the_index_is_complete_and_true(pytestconfig: pytest.Config) -> None:
    rows = [line.split() for line in COVERED.strip().splitlines()]
    assert [number for number, _, _ in rows] == [f"W{number}" for number in range(1, 43)]
    root = Path(pytestconfig.rootpath) / "tests"
    missing = [
        (number, name) for number, file, name in rows if not re.search(rf"\bdef {name}\(", (root / file).read_text())
    ]
    assert missing == []


PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - {{id: own, vcs_source: {{repo: '{url}'}}, versioning: {{}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
  - {{id: foreign, vcs_source: {{repo: /elsewhere}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
  - {{id: after, depends_on: [own], vcs_source: {{repo: '{url}'}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
pipeline_chains: [{{id: ship, pipelines: [own, after]}}, {{id: b, pipelines: [own]}}]
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path)
    made.commit({"cictl.yaml": PROJECT.format(url=made.url), "VERSION": "1.4.2\n"})
    return made


def test_w7_a_foreign_repository_does_not_get_the_projects_ref(server: RunningServer, origin: Origin) -> None:
    origin.push("dev")
    import_project(server, origin.url, repo_ref="dev")
    [project] = server.get("/api/v1/projects").json["projects"]
    refs = {pipeline["pipeline_id"]: pipeline.get("source_ref") for pipeline in project["pipelines"]}
    assert refs == {"own": "dev", "after": "dev", "foreign": None}


def test_w19_an_override_wins_over_the_commit_of_a_dependency(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    server.run(ids["own"])
    finish_everything(server)
    commit = origin.commit({"later": "x"}, branch="next")
    job = server.job(server.run(ids["after"], source_ref="next")[0])
    assert job.source is not None
    assert (job.source.ref, job.metadata["pipeline_source_ref_raw"]) == (commit, "next")
    assert job.metadata["pipeline_version"] == "v1.4.2", "the version is still the dependency's"


NEEDS = "[{id: a, steps: [{run: x}]}, {id: b, needs: [a], steps: [{run: x}]}]"


def test_w24_what_never_started_is_shown_as_blocked_and_not_rerun(server: RunningServer) -> None:
    _, b = server.run(server.define(NEEDS))
    server.finish("failed")
    assert server.job(b).started_utc is None
    assert server.get(f"/api/v1/jobs/{b}/blocked-by").json["blocked"] is True
    answer = server.post(f"/api/v1/jobs/{b}/rerun")
    assert (answer.status_code, answer.text) == (409, "job has not started yet\n")


def test_w26_last_reports_at_one_moment_release_what_waits(server: RunningServer) -> None:
    rows = 8
    names = [f"n{row}" for row in range(rows)]
    jobs = [f"{{id: {name}, steps: [{{run: x}}]}}" for name in names]
    *_, last = server.run(
        server.define(f"[{', '.join(jobs)}, {{id: z, needs: [{', '.join(names)}], steps: [{{run: x}}]}}]")
    )
    running = [(f"agent-{row}", server.running(f"agent-{row}").id) for row in range(rows)]
    together = threading.Barrier(rows)

    def finish(agent_id: str, job_id: str) -> None:
        together.wait(timeout=60)
        server.report(job_id, "succeeded", agent_id)

    threads = [threading.Thread(target=finish, args=one) for one in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert server.leased().id == last


def test_w31_a_flushed_history_says_what_to_do(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    server.run(ids["own"])
    finish_everything(server)
    server.post("/api/v1/jobs/flush-history", {})
    path = f"/api/v1/pipelines/{ids['after']}/run-selection"
    problem = server.post(path, {}, headers={"Accept": "application/json"}).json
    assert problem["title"] == 'pipeline "after" dependency "own" not satisfied: no previous run found'
    assert problem["hint"] == "run own first, or wait for it"


def test_w39_tools_of_a_container_are_no_unmet_requirement(server: RunningServer) -> None:
    [job_id] = server.run(
        server.define(
            "[{id: j, runs_on: {os: linux, container_image: 'i:1'},"
            " requires: {container: {tools: {cmake: '>=3'}}, tools: {git: '>=2'}}, steps: [{run: x}]}]"
        )
    )
    server.heartbeat()
    assert server.job(job_id).unmet_requirements == ["missing tool git"]
    server.heartbeat(capabilities={"tool.git": "2.40.1"})
    assert server.job(job_id).unmet_requirements == []


def test_w41_chains_keep_their_ids_through_a_reload(server: RunningServer, origin: Origin) -> None:
    before = import_project(server, origin.url)
    text = PROJECT.format(url=origin.url).replace("{id: b, pipelines: [own]}", "{id: a, pipelines: [own]}")
    origin.commit({"cictl.yaml": text})
    after = import_project(server, origin.url)
    assert after["ship"] == before["ship"]
    assert after["a"] not in (before["ship"], before["b"]), "an id is never used again"
