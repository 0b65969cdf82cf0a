"""Previews, eligible agents and branches: what is shown before anything is enqueued; and the order of checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cictl_testing.files import git
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: publish
    vcs_source: {{repo: '{url}', ref: main}}
    versioning: {{}}
    jobs:
      - id: lint
        steps: [{{run: lint}}]
      - id: upload
        needs: [lint]
        runs_on: {{executor: script, shell: posix, os: linux}}
        artifacts: [dist/**]
        matrix: {{include: [{{name: red}}]}}
        steps:
          - run: "ls {{{{name}}}}"
          - run: "./push.sh {{{{name}}}}"
            skip_dry_run: true
            env: {{FORGE: "{{{{ secret.forge }}}}"}}
            vault: {{connection: pantry, secrets: [{{name: forge, path: ci/forge, key: token}}]}}
          - test: {{command: t, report: r.xml, format: junit-xml}}
  - {{id: after, depends_on: [publish], jobs: [{{id: a, steps: [{{run: x}}]}}]}}
  - {{id: plain, jobs: [{{id: j, runs_on: {{os: plan9}}, steps: [{{run: x}}]}}]}}
pipeline_chains:
  - {{id: ship, pipelines: [publish, after]}}
  - {{id: bare, pipelines: [plain]}}
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path)
    made.commit({"cictl.yaml": PROJECT.format(url=made.url), "VERSION": "1.4.2\n"})
    return made


@pytest.fixture
def ids(server: RunningServer, origin: Origin) -> dict[str, int]:
    return import_project(server, origin.url)


def ask(server: RunningServer, path: str, fields: object) -> dict[str, Any]:
    answer = server.post(f"/api/v1/{path}", fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_a_preview_shows_what_a_dry_run_would_enqueue(
    server: RunningServer, origin: Origin, ids: dict[str, int]
) -> None:
    server.heartbeat("kiln", capabilities={"executor": "script", "shells": "posix"})
    shown = ask(server, f"pipelines/{ids['publish']}/dry-run-preview", {})
    assert {key: shown[key] for key in ("mode", "offline_cached_only", "cache_used", "pipeline_id", "version")} == {
        "mode": "normal",
        "offline_cached_only": False,
        "cache_used": False,
        "pipeline_id": "publish",
        "version": "v1.4.2",
    }
    assert not {"cache_source", "warnings"} & shown.keys()
    assert shown["eligible_agent_ids"] == ["kiln"]
    lint, upload = shown["pending_jobs"]
    assert not {"matrix_name", "required_capabilities", "artifact_globs", "dependency_blocked"} & lint.keys()
    ours = ("pipeline_id", "eligible_agent_ids", "unmet_requirements", "missing_needs")
    assert {key: value for key, value in upload.items() if key not in ours} == {
        "pipeline_job_id": "upload",
        "matrix_name": "red",
        "required_capabilities": {"executor": "script", "shell": "posix", "os": "linux"},
        "source_repo": origin.url,
        "source_ref": git(origin.work, "rev-parse", "HEAD"),
        "step_count": 3,
        "artifact_globs": ["dist/**"],
        "dependency_blocked": True,
        "step_plan": [
            {"index": 1, "total": 3, "name": "step 1", "kind": "run", "script": "ls red"},
            {
                "index": 2,
                "total": 3,
                "name": "./push.sh {{name}}",
                "kind": "dryrun_skip",
                "skip_dry_run": True,
                "env": {"FORGE": "{{ secret.forge }}"},
                "vault_connection": "pantry",
                "vault_secrets": [{"name": "forge", "path": "ci/forge", "key": "token"}],
            },
            {
                "index": 3,
                "total": 3,
                "name": "test upload-test-3",
                "kind": "test",
                "script": "t",
                "test_name": "upload-test-3",
                "test_format": "junit-xml",
                "test_report": "r.xml",
            },
        ],
    }
    assert server.get("/api/v1/jobs").json == {"job_executions": []}


@pytest.mark.weakness("W17")
def test_needs_that_are_not_selected_are_tolerated_and_told(server: RunningServer, ids: dict[str, int]) -> None:
    """A run refuses them, so a per-job button works in the dialog and fails where it is pressed."""
    fields = {"pipeline_job_id": " upload ", "dry_run": False, "execution_mode": "nonsense"}
    [upload] = ask(server, f"pipelines/{ids['publish']}/dry-run-preview", fields)["pending_jobs"]
    assert (upload["missing_needs"], upload["dependency_blocked"]) == (["lint"], True)
    answer = server.post(f"/api/v1/pipelines/{ids['publish']}/run-selection", {"pipeline_job_id": "upload"})
    assert answer.text == 'selection excludes required job "lint" needed by "upload"\n'


def test_a_preview_of_nothing(server: RunningServer, ids: dict[str, int]) -> None:
    shown = ask(server, f"pipelines/{ids['publish']}/dry-run-preview", {"pipeline_job_id": "no"})
    assert (shown["pending_jobs"], shown["eligible_agent_ids"]) == ([], None)
    answer = server.post(f"/api/v1/pipeline-chains/{ids['ship']}/dry-run-preview", {"pipeline_job_id": "no"})
    assert (answer.status_code, answer.text) == (400, "selection matched no matrix entries\n")


def test_a_preview_of_a_chain(server: RunningServer, ids: dict[str, int]) -> None:
    shown = ask(server, f"pipeline-chains/{ids['ship']}/dry-run-preview", {"agent_id": "kiln"})
    assert shown["pipeline_id"] == "ship"
    found = [(job["pipeline_id"], job.get("dependency_blocked", False)) for job in shown["pending_jobs"]]
    assert found == [("publish", False), ("publish", True), ("after", True)]
    assert {job["required_capabilities"]["agent_id"] for job in shown["pending_jobs"]} == {"kiln"}


def test_previews_may_rest_on_dry_runs(server: RunningServer, ids: dict[str, int]) -> None:
    path = f"pipelines/{ids['after']}/dry-run-preview"
    refused = server.post(f"/api/v1/{path}", {})
    assert refused.text == 'pipeline "after" dependency "publish" not satisfied: no previous run found\n'
    server.run(ids["publish"], dry_run=True)
    finish_everything(server)
    assert ask(server, path, {})["version"] == "v1.4.2"


def test_agents_that_are_away_degrade_the_mode(server: RunningServer, ids: dict[str, int]) -> None:
    server.heartbeat("kiln")
    server.clock.step(21)
    assert ask(server, f"pipelines/{ids['plain']}/dry-run-preview", {})["mode"] == "degraded_offline"


def eligible(server: RunningServer, path: str, **fields: object) -> object:
    answer = ask(server, f"{path}/eligible-agents", fields)
    assert answer.keys() == {"eligible_agent_ids", "pending_jobs"}
    return answer["eligible_agent_ids"], answer["pending_jobs"]


@pytest.mark.parametrize("path", ["pipelines/{plain}", "pipeline-chains/{ship}"])
def test_agents_are_asked_for_with_refs_that_a_run_takes(server: RunningServer, ids: dict[str, int], path: str) -> None:
    answer = server.post(f"/api/v1/{path.format(**ids)}/eligible-agents", {"source_ref": "--upload-pack=x"})
    assert (answer.status_code, answer.text) == (400, 'source_ref must not begin with "-"\n')


@pytest.mark.weakness("W38")
def test_agents_that_could_take_every_execution(server: RunningServer, ids: dict[str, int]) -> None:
    able = {"executor": "script", "shells": "posix,cmd"}
    for agent_id in ("z", "deactivated", "b", "gone"):
        server.heartbeat(agent_id, capabilities=able)
    server.heartbeat("lint-only")
    server.act("deactivate", "deactivated")
    server.clock.step(61)
    for agent_id in ("z", "b", "lint-only", "deactivated"):
        server.heartbeat(agent_id, capabilities={} if agent_id == "lint-only" else able)
    assert eligible(server, f"pipelines/{ids['publish']}") == (["b", "z"], 2)
    assert eligible(server, f"pipelines/{ids['publish']}", pipeline_job_id="lint") == (["b", "lint-only", "z"], 1)
    assert eligible(server, f"pipelines/{ids['plain']}") == ([], 1)
    assert eligible(server, f"pipelines/{ids['plain']}", pipeline_job_id="no") == (None, 0)
    assert eligible(server, f"pipeline-chains/{ids['ship']}") == (["b", "z"], 3)


def test_eligible_agents_need_no_remote(server: RunningServer, origin: Origin, ids: dict[str, int]) -> None:
    server.heartbeat("kiln", capabilities={"executor": "script", "shells": "posix"})
    origin.hide()
    assert eligible(server, f"pipelines/{ids['publish']}", source_ref="nowhere") == (["kiln"], 2)


def test_eligible_agents_of_a_chain_without_match(server: RunningServer, ids: dict[str, int]) -> None:
    answer = server.post(f"/api/v1/pipeline-chains/{ids['ship']}/eligible-agents", {"pipeline_job_id": "no"})
    assert (answer.status_code, answer.text) == (400, "selection matched no matrix entries\n")


def refs(server: RunningServer, path: str) -> dict[str, Any]:
    answer = server.get(f"/api/v1/{path}/source-refs")
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_branches_by_name(server: RunningServer, origin: Origin, ids: dict[str, int]) -> None:
    for branch in ("b", "a", "B", "feature/x", "Alpha"):
        origin.push(branch)
    origin.tag("v1")
    shown = refs(server, f"pipelines/{ids['publish']}")
    assert (shown["source_repo"], shown["default_ref"]) == (origin.url, "refs/heads/main")
    assert [ref["name"] for ref in shown["refs"]] == ["a", "Alpha", "B", "b", "feature/x", "main"]
    assert shown["refs"][0] == {"name": "a", "ref": "refs/heads/a"}
    assert refs(server, f"pipeline-chains/{ids['ship']}") == shown


@pytest.mark.parametrize(
    ("branches", "ref", "expected"),
    [
        pytest.param(["dev", "main"], "dev", "dev", id="the pipeline's own"),
        pytest.param(["dev", "main"], "refs/heads/dev", "dev", id="as a full name"),
        pytest.param(["dev", "Main", "master"], "v1", "Main", id="main in any case"),
        pytest.param(["dev", "Master"], "v1", "Master", id="master"),
        pytest.param(["b", "a"], "v1", "a", id="the first"),
    ],
)
def test_the_default_branch(
    server: RunningServer, tmp_path: Path, branches: list[str], ref: str, expected: str
) -> None:
    origin = Origin(tmp_path)
    for branch in branches:
        origin.commit({"x": branch}, branch=branch)
    ids = server.define_project(
        f"pipelines: [{{id: p, vcs_source: {{repo: '{origin.url}', ref: {ref}}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]"
    )
    assert refs(server, f"pipelines/{ids['p']}")["default_ref"] == f"refs/heads/{expected}"


@pytest.mark.weakness("W37")
def test_the_last_listing_serves_while_the_remote_is_gone(
    server: RunningServer, origin: Origin, ids: dict[str, int]
) -> None:
    origin.push("dev")
    before = refs(server, f"pipelines/{ids['publish']}")
    origin.hide()
    assert refs(server, f"pipelines/{ids['publish']}") == before


def test_branches_of_past_runs_serve_after_a_restart(
    server: RunningServer, origin: Origin, ids: dict[str, int]
) -> None:
    commit = origin.push("dev")
    for ref in ("dev", "refs/heads/main", commit):
        server.run(ids["publish"], source_ref=ref)
    origin.hide()
    server.restart()
    assert [ref["name"] for ref in refs(server, f"pipelines/{ids['publish']}")["refs"]] == ["dev", "main"]


def test_a_remote_of_which_nothing_is_known(server: RunningServer, origin: Origin, ids: dict[str, int]) -> None:
    origin.hide()
    answer = server.get(f"/api/v1/pipelines/{ids['publish']}/source-refs")
    assert (answer.status_code, answer.text.startswith(f"list source refs from {origin.url}: ")) == (400, True)


def test_a_remote_without_branches(server: RunningServer, tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    ids = server.define_project(
        f"pipelines: [{{id: p, vcs_source: {{repo: '{origin.url}'}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]"
    )
    answer = server.get(f"/api/v1/pipelines/{ids['p']}/source-refs")
    assert (answer.status_code, answer.text) == (400, f"no remote branches found in {origin.url}\n")


def test_a_pipeline_without_repository_has_no_branches(server: RunningServer, ids: dict[str, int]) -> None:
    for path in (f"pipelines/{ids['plain']}", f"pipeline-chains/{ids['bare']}"):
        assert refs(server, path) == {"source_repo": "", "refs": []}


ACTIONS = ("run-selection", "dry-run-preview", "eligible-agents", "source-refs", "version-resolve")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("pipeline", "code", "text"),
    [("x", 400, "invalid pipeline id"), ("0", 400, "invalid pipeline id"), ("9", 404, "pipeline not found")],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_the_pipeline_counts_before_method_and_body(
    server: RunningServer, action: str, pipeline: str, code: int, text: str, method: str
) -> None:
    answer = server.http.simulate_request(method, f"/api/v1/pipelines/{pipeline}/{action}", body=b"{")
    assert (answer.status_code, answer.text) == (code, text + "\n")


@pytest.mark.parametrize("action", ["run", "dry-run-preview", "eligible-agents", "source-refs"])
def test_the_chain_counts_before_method_and_body(server: RunningServer, action: str) -> None:
    for chain, code, text in (("x", 400, "invalid pipeline chain id"), ("9", 404, "pipeline chain not found")):
        for method in ("GET", "POST"):
            answer = server.http.simulate_request(method, f"/api/v1/pipeline-chains/{chain}/{action}", body=b"{")
            assert (answer.status_code, answer.text) == (code, text + "\n")


@pytest.mark.parametrize("action", ACTIONS)
def test_then_comes_the_method(server: RunningServer, action: str) -> None:
    pipeline = server.define("[{id: j, steps: [{run: x}]}]")
    method = "POST" if action in ("source-refs", "version-resolve") else "GET"
    answer = server.http.simulate_request(method, f"/api/v1/pipelines/{pipeline}/{action}")
    assert (answer.status_code, answer.text) == (405, "method not allowed\n")


@pytest.mark.parametrize("action", ["run-selection", "dry-run-preview", "eligible-agents"])
@pytest.mark.parametrize("body", [b"", b"{", b'{"matrix_index": "1"}'])
def test_then_comes_the_body(server: RunningServer, action: str, body: bytes) -> None:
    pipeline = server.define("[{id: j, steps: [{run: x}]}]")
    answer = server.http.simulate_post(f"/api/v1/pipelines/{pipeline}/{action}", body=body)
    assert (answer.status_code, answer.text) == (400, "invalid JSON body\n")


@pytest.mark.parametrize(
    "path", ["pipelines/1", "pipelines/1/explode", "pipelines/1/run-selection/x", "pipeline-chains/1"]
)
def test_paths_that_nothing_serves(server: RunningServer, path: str) -> None:
    answer = server.post(f"/api/v1/{path}", {})
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


def rules(server: RunningServer, pipeline: int) -> list[tuple[str, str, bool]]:
    """Return the rules that the first job of a preview would meet."""
    [job] = ask(server, f"pipelines/{pipeline}/dry-run-preview", {})["pending_jobs"]
    return [(one["rule"], one["text"], one["holds"]) for one in job.get("rules", [])]


def test_a_preview_tells_which_rules_a_job_would_meet_and_who_holds_it(server: RunningServer) -> None:
    ship = "{id: ship, approval: {}, concurrency: {group: site}, steps: [{run: x}]}"
    pipeline = server.define_project(
        f"pipelines: [{{id: deploy, concurrency: {{group: '{{{{event}}}}', limit: 2}}, jobs: [{ship}]}}]"
    )["deploy"]
    asks = ("approval", "it needs an approval by an operator or an admin", True)
    turns = "its run takes turns in the group manual, 2 at once: "
    site = "it takes turns in the group site, 1 at once: "
    assert rules(server, pipeline) == [
        asks,
        ("group", turns + "it has room", False),
        ("group", site + "it has room", False),
    ]
    server.run(pipeline)
    server.post("/api/v1/runs/1/approve", {"job": "ship"})
    server.post("/api/v1/queue/pause", {"reason": "new kernel"})
    assert rules(server, pipeline) == [
        asks,
        ("group", turns + "it has room", False),
        ("group", site + "job 1/ship of shop/deploy has a place", True),
        ("queue_paused", "the queue is paused: new kernel", True),
    ]
    server.run(pipeline)
    assert rules(server, pipeline)[1] == ("group", turns + "run 1 of shop/deploy has a place", True)


def test_a_preview_tells_no_rules_of_a_job_that_its_condition_leaves_out(server: RunningServer) -> None:
    assert rules(server, server.define("[{id: ship, if: tag, approval: {}, steps: [{run: x}]}]")) == []


def test_a_preview_tells_who_has_a_lock_and_where(server: RunningServer) -> None:
    pipeline = server.define("[{id: test, locks: [port-8000, gpu], steps: [{run: x}]}]")
    assert rules(server, pipeline) == [("host_locked", "it locks gpu, port-8000 on its host", False)]
    server.run(pipeline)
    server.heartbeat("a", hostname="moss")
    server.leased("a")
    [(_, text, _)] = rules(server, pipeline)
    assert text == "it locks gpu, port-8000 on its host; 1/test has gpu on moss; 1/test has port-8000 on moss"
