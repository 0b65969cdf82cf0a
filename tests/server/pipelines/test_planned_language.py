"""What the keys of jobs and steps become in the plan, and which agents may take it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

from cictl.base.job_parts import ArtifactSpec, CacheSpec, ServiceSpec
from cictl.project_file import parse
from cictl.wire.jobs import JobExecution
from cictl.wire.projects import RunRequest
from cictl_server.services.pipelines.definition_yaml import pipeline_yaml
from cictl_server.services.pipelines.planning import RunIdentity, SourceContext, plan

TEAPOT = Path(__file__).parents[2] / "project_file" / "teapot.yaml"


def planned(server: RunningServer, job: str, *, rest: str = "", source_ref: str = "") -> JobExecution:
    """Run the only job of a pipeline, which has *rest* besides, and return its execution."""
    pipeline = server.define_project(f"{rest}\npipelines: [{{id: build, env: {{POT: iron}}, jobs: [{job}]}}]")["build"]
    return server.job(server.run(pipeline)[0])


def test_the_nearest_variable_wins(server: RunningServer) -> None:
    defaults = "defaults: {env: {A: defaults, B: defaults, C: defaults, D: defaults}}"
    env = "env: {B: pipeline, C: pipeline, D: pipeline}"
    job = "{id: j, env: {C: job, D: job}, steps: [{run: x, env: {D: step}}]}"
    pipeline = server.define_project(f"{defaults}\npipelines: [{{id: b, {env}, jobs: [{job}]}}]")["b"]
    found = server.job(server.run(pipeline)[0])
    assert {name: found.env[name] for name in "ABCD"} == {"A": "defaults", "B": "pipeline", "C": "job", "D": "job"}
    assert found.step_plan[0].env == {"D": "step"}


def test_a_step_carries_its_options(server: RunningServer) -> None:
    step = "{name: 'Warm {{x}}', run: x, timeout_seconds: 6, working_directory: 'd/{{x}}', continue_on_error: true}"
    job = planned(server, f"{{id: j, matrix: {{include: [{{x: pot}}]}}, steps: [{step}]}}")
    [found] = job.step_plan
    assert (found.name, found.timeout_seconds, found.working_directory) == ("Warm pot", 6, "d/pot")
    assert found.continue_on_error
    assert job.required_capabilities == {"cictl.steps": "1"}


def test_a_job_carries_its_parts(server: RunningServer) -> None:
    job = planned(
        server,
        """{id: j, matrix: {include: [{x: pot}]}, working_directory: "{{x}}", steps: [{run: x}],
            services: [{name: db, image: "pg:{{x}}", env: {A: "{{x}}"}, ready: r}],
            caches: [{id: c, path: d, key: "{{x}}-{{hash_files('a')}}", fallback_keys: ["{{x}}"]}],
            artifacts: [a, {paths: ["{{x}}/**"], name: "{{x}}"}], outputs: {v: "from-file: {{x}}.txt", w: ""}}""",
    )
    assert job.working_directory == "pot"
    assert job.services == [ServiceSpec(name="db", image="pg:pot", env={"A": "pot"}, ready="r")]
    assert job.caches == [CacheSpec(id="c", path="d", key="pot-{{hash_files('a')}}", fallback_keys=["pot"])]
    assert (job.artifact_globs, job.artifacts) == (["a"], [ArtifactSpec(paths=["pot/**"], name="pot")])
    assert job.declared_outputs == {"v": "pot.txt", "w": ""}
    assert set(job.required_capabilities or {}) == {
        "cictl.steps",
        "cictl.services",
        "cictl.caches",
        "cictl.artifacts",
        "cictl.outputs",
    }


@pytest.mark.parametrize(
    ("rest", "job", "required", "inside"),
    [
        pytest.param("defaults: {shell: bash}", "", {"shell": "bash"}, "", id="default"),
        pytest.param("", "shell: posix,", {"shell": "posix"}, "", id="posix-asks-nothing-of-the-agent"),
        pytest.param("", "shell: bash, runs_on: {container_image: i},", {"cictl.steps": "1"}, "bash", id="container"),
        pytest.param("", "shell: posix, runs_on: {container_image: i},", None, "", id="sh-in-container"),
    ],
)
def test_the_shell_of_a_job_is_a_requirement(
    server: RunningServer, rest: str, job: str, required: dict[str, str] | None, inside: str
) -> None:
    found = planned(server, f"{{id: j, {job} steps: [{{run: x}}]}}", rest=rest)
    assert (found.required_capabilities, found.shell) == (required, inside)


def test_a_step_in_another_shell_waits_for_an_agent_that_has_both(server: RunningServer) -> None:
    job = planned(server, "{id: j, shell: cmd, steps: [{run: x}, {run: y, shell: powershell}, {run: z, shell: cmd}]}")
    assert [step.shell for step in job.step_plan] == ["", "powershell", ""]
    server.heartbeat("a", capabilities={"shells": "cmd", "cictl.steps": "1"})
    assert server.job(job.id).unmet_requirements == ["no agent with shell=powershell"]
    server.heartbeat("b", capabilities={"shells": "cmd,powershell", "cictl.steps": "1"})
    assert (server.lease("a").assigned, server.lease("b").assigned) == (False, True)


def test_a_reference_agent_never_gets_what_it_would_run_wrongly(server: RunningServer) -> None:
    job = planned(server, "{id: j, steps: [{run: x, continue_on_error: true}]}")
    server.heartbeat("old", capabilities={"executor": "script", "shells": "posix"})
    assert not server.lease("old").assigned
    assert server.job(job.id).unmet_requirements == [
        "no agent that does what the job asks for (cictl.steps); update an agent"
    ]
    server.heartbeat("new", capabilities={"executor": "script", "shells": "posix", "cictl.steps": "1"})
    assert server.lease("new").assigned


@pytest.mark.parametrize(
    ("condition", "decided"),
    [
        pytest.param("env.POT == 'iron'", "", id="true"),
        pytest.param("env.POT == 'wood'", "false", id="false"),
        pytest.param("event == 'manual' and x == 'pot'", "", id="names"),
        pytest.param("tag", "false", id="no-tag"),
        pytest.param("always()", "always()", id="status"),
        pytest.param("failure() and env.POT == 'wood' or not always()", "not always()", id="part"),
    ],
)
def test_a_condition_is_decided_as_far_as_the_plan_can(server: RunningServer, condition: str, decided: str) -> None:
    step = f'{{run: x, if: "{condition}"}}'
    job = planned(server, f"{{id: j, matrix: {{include: [{{x: pot}}]}}, steps: [{{run: y}}, {step}]}}")
    assert [step.condition for step in job.step_plan] == ["", decided]
    assert job.step_plan[1].written_if == (condition if decided not in ("", condition) else "")
    assert bool(job.required_capabilities) is bool(decided)


def test_a_condition_that_compares_no_numbers_is_refused(server: RunningServer) -> None:
    pipeline = server.define("[{id: j, steps: [{run: x, if: branch < 3}]}]")
    answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {})
    assert answer.status_code == 400
    assert answer.text.startswith('the condition of step 1 of job "j" can\'t be decided: column ')


def test_templates_know_the_run(server: RunningServer) -> None:
    text = "{{event}}/{{branch}}/{{tag}}/{{sha}}/{{ref}}"
    pipeline = server.define(f"[{{id: j, env: {{A: '{{{{run}}}}'}}, steps: [{{run: '{text}'}}]}}]")
    job = server.job(server.run(pipeline)[0])
    assert job.script == "manual////"
    assert job.env["A"] == job.metadata["pipeline_run_id"]


def test_a_variable_of_the_matrix_wins_over_a_name_of_the_run(server: RunningServer) -> None:
    job = planned(server, "{id: j, matrix: {include: [{branch: oak}]}, steps: [{run: 'cut {{branch}}'}]}")
    assert job.script == "cut oak"


def test_a_row_of_axes_runs_by_its_name(server: RunningServer) -> None:
    pipeline = server.define("[{id: j, matrix: {axes: {a: [x, y], b: [z]}}, steps: [{run: 'cut {{a}} {{b}}'}]}]")
    assert [server.job(job).script for job in server.run(pipeline)] == ["cut x z", "cut y z"]
    [only] = server.run(pipeline, pipeline_job_id="j", matrix_name="y-z")
    assert server.job(only).script == "cut y z"


def test_a_row_requires_its_own_tools(server: RunningServer) -> None:
    tools = "requires: {tools: {'python{{v}}': '*', node: '>={{v}}'}, container: {tools: {'go{{v}}': '*'}}}"
    matrix = "matrix: {axes: {v: ['3.12', '3.13']}}, runs_on: {container_image: i}"
    pipeline = server.define(f"[{{id: j, {matrix}, {tools}, steps: [{{run: x}}]}}]")
    assert [server.job(job).required_capabilities for job in server.run(pipeline)] == [
        {f"requires.tool.python{v}": "*", "requires.tool.node": f">={v}", f"requires.container.tool.go{v}": "*"}
        for v in ("3.12", "3.13")
    ]


def test_several_reports_are_a_list_or_lines(server: RunningServer) -> None:
    tests = ", ".join(
        f"{{test: {{command: t, report: {text}}}}}" for text in ('[a, "{{name}}/*.xml"]', '"a\\n{{name}}/*.xml"')
    )
    job = planned(server, f"{{id: j, matrix: {{include: [{{name: x}}]}}, steps: [{tests}]}}")
    assert [step.test_report for step in job.step_plan] == ["a\nx/*.xml"] * 2


def test_kept_files_are_shown_in_a_preview(server: RunningServer) -> None:
    pipeline = server.define("[{id: j, steps: [{run: x}], artifacts: [a, {paths: [b, '!c']}]}]")
    shown = server.post(f"/api/v1/pipelines/{pipeline}/dry-run-preview", {}).json
    assert shown["pending_jobs"][0]["artifact_globs"] == ["a", "b", "!c"]


@pytest.mark.parametrize("number", range(4))
def test_a_shown_definition_defines_the_same(number: int) -> None:
    pipeline = parse(TEAPOT.read_text(), config_file="cictl.yaml").pipelines[number]
    lines = pipeline_yaml(pipeline).splitlines()
    named = [*pipeline.depends_on, *(pipeline.on.after if pipeline.on else [])]
    others = [f"- {{id: {name}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}" for name in named]
    shown = [f"- {lines[0]}", *(f"  {line}" for line in lines[1:]), *others, ""]
    text = "\n".join(["version: 1", "project: {name: p}", "pipelines:", *shown])
    assert parse(text, config_file="f").pipelines[0] == pipeline


def test_a_source_with_a_path_waits_for_an_agent_that_knows_it() -> None:
    source = "vcs_source: {repo: /r, path: parts/shop}"
    [pipeline] = parse(
        f"version: 1\nproject: {{name: s}}\npipelines: [{{id: p, {source}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]",
        config_file="cictl.yaml",
    ).pipelines
    context = SourceContext(repo="/r", ref_raw="main", commit="c")
    [job] = plan(
        pipeline, RunRequest(), source=context, identity=RunIdentity(project="s", project_id=1, pipeline_run_id="r")
    )
    assert (job.source.path if job.source else "", job.required_capabilities) == (
        "parts/shop",
        {"cictl.source-path": "1"},
    )
    assert "path: parts/shop" in pipeline_yaml(pipeline)
