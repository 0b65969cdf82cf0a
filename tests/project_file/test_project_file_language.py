"""What jobs and steps may say about how they run, and what is refused of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cictl import project_file
from cictl.base.job_parts import ArtifactSpec, CacheSpec, ConcurrencySpec, OnNew, ServiceSpec, When
from cictl.project_file.definition import InputType

Wrap = Callable[[str, str], str]
FindMarks = Callable[[str], tuple[str, list[tuple[int, int]]]]

J = "pipelines[0].jobs[0]"
S = f"{J}.steps[0]"


@pytest.fixture
def pour(teapot: str) -> project_file.Pipeline:
    return project_file.parse(teapot, config_file="cictl.yaml").pipelines[3]


def parse_file(defaults: str, pipeline: str, job: str) -> project_file.Pipeline:
    text = (
        f"version: 1\nproject: {{name: o}}\ndefaults: {defaults}\npipelines:\n"
        f"  - {{id: p, {pipeline} jobs: [{{id: j, {job} steps: [{{run: x}}]}}]}}\n"
    )
    return project_file.parse(text, config_file="f.yaml").pipelines[0]


def test_steps_have_their_options(pour: project_file.Pipeline) -> None:
    warm, tea, clean = pour.jobs[1].steps
    assert (warm.name, warm.timeout_seconds, warm.working_directory, warm.continue_on_error) == (
        "Warm the pot",
        60,
        ".",
        True,
    )
    assert (tea.condition, clean.condition, clean.shell) == (
        "branch == 'main' and env.POT == 'iron'",
        "always()",
        "posix",
    )


def test_groups_and_locks_are_read(pour: project_file.Pipeline) -> None:
    serve = pour.jobs[1]
    assert pour.concurrency == ConcurrencySpec(group="pour-{{ref}}", limit=2, on_new=OnNew.CANCEL_RUNNING)
    assert serve.concurrency == ConcurrencySpec(group="table", limit=1, on_new=OnNew.REPLACE_WAITING)
    assert serve.locks == ["stove", "tap-{{water}}"]
    assert pour.jobs[0].concurrency is None


def test_jobs_have_their_parts(pour: project_file.Pipeline) -> None:
    job = pour.jobs[1]
    assert (job.shell, job.working_directory, job.env, job.timeout_seconds) == (
        "bash",
        "kettle",
        {"POT": "{{branch}}"},
        1200,
    )
    assert job.services == [
        ServiceSpec(name="db", image="postgres:16", env={"POSTGRES_PASSWORD": "x"}, ready="pg_isready")
    ]
    key = "{{hash_files('requirements*.txt')}}"
    assert job.caches == [CacheSpec(id="pip", path=".cache/pip", key=key, fallback_keys=["main"])]
    assert job.artifacts == ["*.log"]
    paths = ["out/**", "!**/*.tmp"]
    assert job.kept_files == [ArtifactSpec(paths=paths, name="brew", keep_days=14, when=When.ALWAYS, required=True)]
    assert job.outputs == {"version": "out/version.txt", "taste": ""}


def test_a_pipelines_own_variables_win_over_the_defaults(pour: project_file.Pipeline) -> None:
    assert pour.env == {"LANG": "C.UTF-8", "GLAZE": "clear", "POT": "iron"}


@pytest.mark.parametrize(
    ("defaults", "job", "seconds"),
    [
        pytest.param("{timeout_seconds: 9}", "", 9, id="inherited"),
        pytest.param("{timeout_seconds: 9}", "timeout_seconds: 5,", 5, id="its-own"),
        pytest.param("{timeout_seconds: 9}", "timeout_seconds: 0,", 0, id="its-own-zero"),
        pytest.param("{}", "", 0, id="none"),
    ],
)
def test_the_time_limit_of_a_job(defaults: str, job: str, seconds: int) -> None:
    assert parse_file(defaults, "", job).jobs[0].timeout_seconds == seconds


@pytest.mark.parametrize(
    ("defaults", "job", "shell"),
    [
        pytest.param("{shell: Bash}", "", "bash", id="inherited"),
        pytest.param("{shell: bash}", "runs_on: {executor: script, shell: posix},", "posix", id="runs_on"),
        pytest.param("{shell: bash}", "shell: cmd,", "cmd", id="its-own"),
        pytest.param("{}", "shell: bash, runs_on: {executor: script, shell: BASH},", "bash", id="both-agree"),
        pytest.param("{}", "", "", id="none"),
    ],
)
def test_the_shell_of_a_job(defaults: str, job: str, shell: str) -> None:
    assert parse_file(defaults, "", job).jobs[0].shell == shell


def test_inputs_are_in_the_order_of_the_file(pour: project_file.Pipeline) -> None:
    level = project_file.Input(
        type=InputType.CHOICE, options=["quick", "full"], default="quick", description="How much to brew"
    )
    assert list(pour.inputs.items()) == [("level", level), ("guest", project_file.Input(required=True))]


def test_an_artifact_is_kept_after_success_unless_it_says_otherwise(wrap: Wrap) -> None:
    text = wrap("job", "- {id: j, steps: [{run: x}], artifacts: [{paths: [a]}]}")
    job = project_file.parse(text, config_file="f").pipelines[0].jobs[0]
    assert job.kept_files == [ArtifactSpec(paths=["a"], when=When.SUCCESS)]


GOOD = "jobs: [{id: j, steps: [{run: x}]}]"
INPUTS = "pipelines[0].inputs"
IMAGE = "runs_on: {container_image: i}"
NO_HOST = "must be a host name: lower-case letters, digits and -, up to 63"
PASSED = "success() and its kin can't be compared; join them with and, or"
RULES = [
    pytest.param("job", "- {id: j, env: {§'': a}, steps: [{run: x}]}", f"{J}.env key must not be empty", id="env-name"),
    pytest.param(
        "job",
        "- {id: j, env: {A: §'{{ secret.s }}'}, steps: [{run: x}]}",
        f'{J}.env.A uses secret "s", but secrets are resolved only in step env',
        id="env-secret",
    ),
    pytest.param(
        "pipeline",
        "- {id: p, env: {§CIWI_DEP_ARTIFACT_JOB_IDS: a}, jobs: [{id: j, steps: [{run: x}]}]}",
        "pipelines[0].env.CIWI_DEP_ARTIFACT_JOB_IDS is set by cictl itself; choose another name",
        id="env-reserved",
    ),
    pytest.param(
        "job",
        "- {id: j, working_directory: §../x, steps: [{run: x}]}",
        f"{J}.working_directory must be a relative in-repo path",
        id="directory",
    ),
    pytest.param(
        "step",
        "- {run: x, working_directory: §a/../..}",
        f"{S}.working_directory must be a relative in-repo path",
        id="step-directory",
    ),
    pytest.param("step", "- {run: x, timeout_seconds: §-1}", f"{S}.timeout_seconds must be >= 0", id="step-limit"),
    pytest.param(
        "step", "- {run: x, shell: §zsh}", f"{S}.shell must be one of posix,bash,cmd,powershell", id="step-shell"
    ),
    pytest.param(
        "job",
        "- {id: j, shell: §bash, runs_on: {executor: script, shell: posix}, steps: [{run: x}]}",
        f'{J}.shell contradicts runs_on.shell, which is "posix"; leave one of them out',
        id="two-shells",
    ),
    pytest.param(
        "job",
        f"- {{id: j, shell: §cmd, {IMAGE}, steps: [{{run: x}}]}}",
        f'{J}.shell must be one of posix,bash in a container, not "cmd"',
        id="shell-in-container",
    ),
    pytest.param(
        "job",
        f"- {{id: j, {IMAGE}, steps: [{{run: x, shell: §powershell}}]}}",
        f'{S}.shell must be one of posix,bash in a container, not "powershell"',
        id="step-shell-in-container",
    ),
    pytest.param("step", "- {run: x, if: §branch ==}", f"{S}.if is no condition: column 10: ", id="if-syntax"),
    pytest.param(
        "step",
        "- {run: x, if: §brunch == 'main'}",
        f'{S}.if column 1: nothing has the name brunch; did you mean "branch"?',
        id="if-name",
    ),
    pytest.param(
        "step", "- {run: x, if: §env.A == 'b'}", f"{S}.if column 1: nothing has the name env.A; ", id="if-env"
    ),
    pytest.param("step", "- {run: x, if: §success() == true}", f"{S}.if column 11: {PASSED}", id="if-status"),
    pytest.param(
        "pipeline",
        f"- {{id: p, inputs: {{§a b: {{}}}}, {GOOD}}}",
        f'{INPUTS}["a b"] is no name of an input: letters, digits, _ and -, up to 64',
        id="input-name",
    ),
    pytest.param(
        "pipeline",
        f"- {{id: p, inputs: {{a: {{type: §date}}}}, {GOOD}}}",
        f"{INPUTS}.a.type must be one of text,choice,number,boolean",
        id="input-type",
    ),
    pytest.param(
        "pipeline",
        f"- {{id: p, inputs: {{a: §{{type: choice, default: b}}}}, {GOOD}}}",
        f"{INPUTS}.a.options must contain at least one option",
        id="input-without-options",
    ),
    pytest.param(
        "pipeline",
        f"- {{id: p, inputs: {{a: {{options: §[b]}}}}, {GOOD}}}",
        f"{INPUTS}.a.options needs type: choice",
        id="input-options",
    ),
    pytest.param(
        "pipeline",
        f"- {{id: p, inputs: {{a: {{type: choice, options: [b, §b]}}}}, {GOOD}}}",
        f'{INPUTS}.a.options[1] duplicate "b"',
        id="input-option-twice",
    ),
    pytest.param(
        "pipeline",
        f"- {{id: p, inputs: {{a: {{type: number, default: §x}}}}, {GOOD}}}",
        f'{INPUTS}.a.default can\'t be its value: "x" is no number such as 3 or -1.5',
        id="input-default",
    ),
    pytest.param(
        "pipeline",
        f"- {{id: p, inputs: {{a: {{required: true, default: §x}}}}, {GOOD}}}",
        f"{INPUTS}.a.default is never used, because the input is required",
        id="input-required",
    ),
    pytest.param(
        "step",
        "- {run: x, if: §input.a == 'b'}",
        f"{S}.if column 1: nothing has the name input.a; ",
        id="if-input",
    ),
    pytest.param(
        "job", "- {id: j, services: [§{name: a}], steps: [{run: x}]}", f"{J}.services[0].image is required", id="image"
    ),
    pytest.param(
        "job",
        "- {id: j, services: [§{image: a}], steps: [{run: x}]}",
        f"{J}.services[0].name is required",
        id="service-name",
    ),
    pytest.param(
        "job",
        "- {id: j, services: [{image: a, name: §a_b}], steps: [{run: x}]}",
        f"{J}.services[0].name {NO_HOST}",
        id="service-host",
    ),
    pytest.param(
        "job",
        "- {id: j, services: [{image: a, name: a}, {image: a, name: §a}], steps: [{run: x}]}",
        f'{J}.services[1].name duplicate "a"',
        id="service-twice",
    ),
    pytest.param(
        "job",
        "- {id: j, services: [{image: a, name: a, env: {A: §'{{ secret.a.b }}'}}], steps: [{run: x}]}",
        f"{J}.services[0].env.A has a malformed secret placeholder; write {{{{ secret.NAME }}}}",
        id="service-secret",
    ),
    pytest.param(
        "job",
        "- {id: j, services: [{image: a, name: a, ready: §'x {{ secret.a }}'}], steps: [{run: x}]}",
        f'{J}.services[0].ready uses secret "a", but secrets are resolved only in step env',
        id="service-ready",
    ),
    pytest.param(
        "job",
        "- {id: j, caches: [§{id: a, path: b}], steps: [{run: x}]}",
        f"{J}.caches[0].key is required with path",
        id="cache-without-key",
    ),
    pytest.param(
        "job",
        "- {id: j, caches: [{id: a, env: B, key: §c}], steps: [{run: x}]}",
        f"{J}.caches[0].key needs path, the directory in the checkout that the key is for",
        id="key-without-path",
    ),
    pytest.param(
        "job",
        "- {id: j, caches: [{id: a, path: b, key: c, fallback_keys: [§'']}], steps: [{run: x}]}",
        f"{J}.caches[0].fallback_keys[0] must not be empty",
        id="fallback-key",
    ),
    pytest.param(
        "job",
        "- {id: j, caches: [{id: a, path: b, key: c, shared: §true}], steps: [{run: x}]}",
        f"{J}.caches[0].shared is for caches with env alone; one with path belongs to its project and branch",
        id="shared-path",
    ),
    pytest.param(
        "job",
        "- {id: j, artifacts: [§{name: a}], steps: [{run: x}]}",
        f"{J}.artifacts[0].paths must contain at least one pattern",
        id="artifact-without-paths",
    ),
    pytest.param(
        "job",
        "- {id: j, artifacts: [{paths: [a], keep_days: §-1}], steps: [{run: x}]}",
        f"{J}.artifacts[0].keep_days must be >= 0; 0 keeps them as long as the job",
        id="artifact-days",
    ),
    pytest.param(
        "job",
        "- {id: j, artifacts: [{paths: [a], when: §never}], steps: [{run: x}]}",
        f"{J}.artifacts[0].when must be one of success,failure,always",
        id="artifact-when",
    ),
    pytest.param(
        "job",
        "- {id: j, artifacts: [§[a]], steps: [{run: x}]}",
        f"{J}.artifacts[0] must be text or a mapping, not a list",
        id="artifact-shape",
    ),
    pytest.param(
        "job",
        "- {id: j, outputs: {v: §out/v.txt}, steps: [{run: x}]}",
        f'{J}.outputs.v must be "from-file: PATH", or empty for what a step writes to $CICTL_OUTPUT',
        id="output-source",
    ),
    pytest.param(
        "job",
        "- {id: j, outputs: {v: §'from-file: /v'}, steps: [{run: x}]}",
        f"{J}.outputs.v must be a relative in-repo path",
        id="output-path",
    ),
    pytest.param(
        "job",
        "- {id: j, outputs: {§a.b: ''}, steps: [{run: x}]}",
        f'{J}.outputs["a.b"] is no name of an output: letters, digits, _ and -, up to 64',
        id="output-name",
    ),
]


@pytest.mark.parametrize(("level", "body", "message"), RULES)
def test_what_is_wrong_is_told_at_its_place(
    level: str, body: str, message: str, wrap: Wrap, find_marks: FindMarks
) -> None:
    text, marks = find_marks(wrap(level, body))
    [finding] = project_file.lint(text, config_file="f.yaml")
    assert finding.message.startswith(message)
    assert [(finding.line, finding.column)] == marks


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        pytest.param("{shell: fish}", "defaults.shell must be one of posix,bash,cmd,powershell", id="shell"),
        pytest.param("{timeout_seconds: -1}", "defaults.timeout_seconds must be >= 0", id="limit"),
        pytest.param("{env: {A=B: c}}", 'defaults.env["A=B"] is no name of a variable: it has a = or a NUL', id="env"),
    ],
)
def test_defaults_have_the_rules_of_what_they_are_for(defaults: str, message: str) -> None:
    with pytest.raises(project_file.InvalidConfigError, match="invalid config") as caught:
        parse_file(defaults, "", "")
    assert [finding.message for finding in caught.value.findings] == [message]


def test_a_pipe_needs_no_warning_in_bash(wrap: Wrap) -> None:
    script = "- {run: frob | tee log, shell: %s}"
    warned = [project_file.lint_warnings(wrap("step", script % shell), config_file="f") for shell in ("posix", "bash")]
    assert [bool(warnings) for warnings in warned] == [True, False]


def test_a_placeholder_that_nothing_fills_is_told_in_all_that_has_templates(wrap: Wrap) -> None:
    text = wrap(
        "job",
        "- id: j\n  env: {A: '{{x}}'}\n  artifacts: [{paths: ['{{y}}']}]\n  steps: [{name: '{{z}}', run: '{{branch}}'}]",
    )
    found = project_file.lint_warnings(text, config_file="f")
    assert [warning.path for warning in found] == [f"{J}.env.A", f"{J}.artifacts[0].paths[0]", f"{S}.name"]


def test_each_of_several_reports_lies_in_the_checkout(wrap: Wrap) -> None:
    text = wrap("step", "- {test: {command: t, report: [a, /b]}}")
    [finding] = project_file.lint(text, config_file="f")
    assert finding.message == f"{S}.test.report must be a relative in-repo path"
