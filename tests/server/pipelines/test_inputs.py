"""Inputs of a run: what is taken, what is refused, and where the values arrive."""

from __future__ import annotations

from typing import Any

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.jobs import JobExecution
from cictl.wire.problems import Problem
from cictl.wire.projects import ProjectResponse

INPUTS = """{
  level: {type: choice, options: [quick, full], default: quick, description: How much to brew},
  cups: {type: number}, sweet: {type: boolean}, note: {}, who: {required: true}}"""
JOBS = """[{id: brew, env: {CUPS: "{{input.cups}}"}, runs_on: {kind: "{{input.level}}"},
  steps: [{run: "brew {{input.level}} {{input.sweet}} {{input.note}}", if: "input.level == 'full'"},
          {run: "pour {{input.who}}", if: "input.cups > 2"}]}]"""


@pytest.fixture
def ids(server: RunningServer) -> dict[str, int]:
    return server.define_project(
        f"""pipelines:
  - {{id: tea, inputs: {INPUTS}, jobs: {JOBS}}}
  - {{id: milk, inputs: {{level: {{}}}}, jobs: [{{id: j, steps: [{{run: "milk {{{{input.level}}}}"}}]}}]}}
  - {{id: plain, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
pipeline_chains: [{{id: all, pipelines: [tea, milk]}}, {{id: rest, pipelines: [milk, plain]}}]"""
    )


def brewed(server: RunningServer, ids: dict[str, int], **inputs: str) -> JobExecution:
    return server.job(server.run(ids["tea"], inputs={"cups": "3", "who": "Ada", **inputs})[0])


def refused(server: RunningServer, path: str, inputs: dict[str, str]) -> Problem:
    answer = server.post(path, {"inputs": inputs}, headers={"Accept": "application/problem+json"})
    assert answer.status_code == 400
    return decode(answer.content, Problem)


def test_inputs_arrive_in_templates_conditions_and_the_execution(server: RunningServer, ids: dict[str, int]) -> None:
    job = brewed(server, ids, level="full", sweet="true", note="{{input.who}}")
    assert job.inputs == {"level": "full", "cups": "3", "sweet": "true", "note": "{{input.who}}", "who": "Ada"}
    assert [(step.script, step.condition) for step in job.step_plan] == [
        ("brew full true {{input.who}}", ""),
        ("pour Ada", ""),
    ]
    assert (job.env["CUPS"], (job.required_capabilities or {})["kind"]) == ("3", "full")


def test_what_is_not_given_has_its_default(server: RunningServer, ids: dict[str, int]) -> None:
    job = server.job(server.run(ids["tea"], inputs={"who": "Ada"})[0])
    assert job.inputs == {"level": "quick", "cups": "0", "sweet": "false", "note": "", "who": "Ada"}
    assert [step.condition for step in job.step_plan] == ["false", "false"]


def test_a_choice_may_have_another_default_than_its_first_option(server: RunningServer) -> None:
    level = "inputs: {level: {type: choice, options: [quick, full], default: full}}"
    pipelines = server.define_project(f"pipelines: [{{id: p, {level}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]")
    assert server.job(server.run(pipelines["p"])[0]).inputs == {"level": "full"}


def test_a_choice_without_a_default_is_its_first_option(server: RunningServer) -> None:
    inputs = "inputs: {level: {type: choice, options: [quick, full]}}"
    jobs = "jobs: [{id: j, steps: [{run: 'brew {{input.level}}'}]}]"
    pipeline = server.define_project(f"pipelines: [{{id: tea, {inputs}, {jobs}}}]")["tea"]
    assert server.job(server.run(pipeline)[0]).script == "brew quick"


def test_a_rerun_keeps_its_inputs(server: RunningServer, ids: dict[str, int]) -> None:
    job = brewed(server, ids, level="full")
    server.heartbeat("a", capabilities={"kind": "full"})
    server.finish("failed")
    server.post(f"/api/v1/jobs/{job.id}/rerun")
    assert server.leased().inputs == job.inputs


@pytest.mark.parametrize(
    ("inputs", "message", "hint"),
    [
        pytest.param({"lvl": "x"}, 'there is no input "lvl"', "tea takes cups, level, note, sweet, who", id="unknown"),
        pytest.param(
            {"level": "half"},
            'input "level" of pipeline "tea": "half" is none of its options: quick, full',
            "it is one of quick, full: How much to brew",
            id="choice",
        ),
        pytest.param(
            {"cups": "few"},
            'input "cups" of pipeline "tea": "few" is no number such as 3 or -1.5',
            "it is a number",
            id="number",
        ),
        pytest.param(
            {"sweet": "yes"},
            'input "sweet" of pipeline "tea": "yes" is neither true nor false',
            "it is a boolean",
            id="boolean",
        ),
        pytest.param(
            {"note": "x" * 10_001},
            'input "note" of pipeline "tea": it has 10001 characters; at most 10000 are allowed',
            "it is a text",
            id="long",
        ),
        pytest.param({"note": "a\0b"}, 'input "note" of pipeline "tea": it has a NUL', "it is a text", id="nul"),
        pytest.param({}, 'pipeline "tea" needs the input "who"', "--input who=VALUE; it is a text", id="missing"),
    ],
)
@pytest.mark.parametrize("route", ["run-selection", "dry-run-preview"])
def test_what_is_refused_is_named_with_what_is_allowed(
    server: RunningServer, ids: dict[str, int], route: str, inputs: dict[str, str], message: str, hint: str
) -> None:
    given = inputs if not inputs else {"who": "Ada", **inputs}
    problem = refused(server, f"/api/v1/pipelines/{ids['tea']}/{route}", given)
    assert (problem.title, problem.code, problem.hint) == (message, "input_refused", hint)


def test_a_pipeline_without_inputs_says_so(server: RunningServer, ids: dict[str, int]) -> None:
    problem = refused(server, f"/api/v1/pipelines/{ids['plain']}/run-selection", {"a": "b"})
    assert problem.hint == "plain takes no inputs"


def test_an_input_goes_to_all_members_of_a_chain_that_have_it(server: RunningServer, ids: dict[str, int]) -> None:
    run = server.run_chain(ids["all"], inputs={"level": "full", "who": "Ada", "cups": "1"})
    tea, milk = (server.job(job) for job in run)
    assert (tea.inputs["level"], milk.inputs) == ("full", {"level": "full"})
    run = server.run_chain(ids["rest"], inputs={"level": "any text"})
    assert [server.job(job).script for job in run] == ["milk any text", "x"]


def test_a_chain_refuses_what_one_of_its_members_refuses(server: RunningServer, ids: dict[str, int]) -> None:
    problem = refused(server, f"/api/v1/pipeline-chains/{ids['all']}/run", {"level": "any text", "who": "Ada"})
    assert problem.title.startswith('input "level" of pipeline "tea"')


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        pytest.param("/api/v1/pipelines/{tea}/eligible-agents", {}, id="eligible-agents"),
        pytest.param(
            "/api/v1/projects/1/inspect", {"pipeline_db_id": 1, "view": "executor_script"}, id="executor-script"
        ),
    ],
)
def test_whoever_only_looks_is_asked_for_nothing(
    server: RunningServer, ids: dict[str, int], path: str, fields: dict[str, Any]
) -> None:
    answer = server.post(path.format(**ids), fields)
    assert answer.status_code == 200, answer.text


def test_a_project_tells_its_inputs(server: RunningServer, ids: dict[str, int]) -> None:
    pipelines = server.read(ProjectResponse, "/api/v1/projects/1").project.pipelines
    [tea] = [pipeline for pipeline in pipelines if pipeline.id == ids["tea"]]
    level, _, _, _, who = tea.inputs
    assert (level.name, level.type, level.options, level.default) == ("level", "choice", ["quick", "full"], "quick")
    assert (level.description, who.required, who.default) == ("How much to brew", True, None)
