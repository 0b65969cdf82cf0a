"""What a good file becomes."""

from collections.abc import Callable

import msgspec
import pytest

from cictl import project_file
from cictl.base.job_parts import CacheSpec, SecretRef
from cictl.project_file.definition import Chain, VaultUse, VcsSource, Versioning

Wrap = Callable[[str, str], str]


@pytest.fixture
def file(teapot: str) -> project_file.ProjectFile:
    return project_file.parse(teapot, config_file="cictl.yaml")


def parse_job(wrap: Wrap, body: str) -> project_file.Job:
    text = wrap("job", f"- id: j\n  steps: [{{run: x}}]\n  {body}")
    return project_file.parse(text, config_file="f.yaml").pipelines[0].jobs[0]


def parse_pipeline(wrap: Wrap, body: str) -> project_file.Pipeline:
    text = wrap("pipeline", f"- id: p\n  jobs: [{{id: j, steps: [{{run: x}}]}}]\n  {body}")
    return project_file.parse(text, config_file="f.yaml").pipelines[0]


def test_the_whole_file_keeps_its_order(file: project_file.ProjectFile) -> None:
    assert (file.name, file.version) == ("teapot", 1)
    assert [p.id for p in file.pipelines] == ["compile", "publish", "announce", "pour"]
    assert [job.id for job in file.pipelines[0].jobs] == ["lint", "pot"]
    assert file.pipeline_chains == [Chain(id="ship", pipelines=["compile", "publish", "announce"])]


def test_pipelines_have_source_and_versioning(file: project_file.ProjectFile) -> None:
    compile_, publish, announce, _ = file.pipelines
    repo = "https://git.example.test/kitchen/teapot.git"
    assert compile_.vcs_source == VcsSource(repo=repo, ref="main")
    assert compile_.versioning == Versioning(file="release/VERSION", tag_prefix="rel-")
    assert (publish.vcs_source, publish.trigger, publish.depends_on) == (VcsSource(repo=repo), "vcs", ["compile"])
    assert (announce.vcs_source, announce.versioning) == (None, None)


def test_the_automatic_bump_has_its_secrets(file: project_file.ProjectFile) -> None:
    secret = SecretRef(name="forge_token", mount="kv", path="ci/forge", key="token", kv_version=2)
    assert file.pipelines[1].versioning == Versioning(
        file="release/VERSION",
        tag_prefix="rel-",
        auto_bump="minor",
        auto_bump_vcs_token="{{ secret.forge_token }}",
        auto_bump_vault=VaultUse(connection="pantry", secrets=[secret]),
    )


def test_jobs_have_everything_their_executions_need(file: project_file.ProjectFile) -> None:
    lint, pot = file.pipelines[0].jobs
    assert lint.requires_tools == {"git": ">=2.30", "ruff": "*"}
    assert pot.requires_container_tools == {"cmake": ">=3.20"}
    assert (pot.needs, pot.timeout_seconds, pot.artifacts) == (["lint"], 1800, ["dist/**", "out/*.log"])
    assert pot.runs_on["container_user"] == "1000:1000"
    assert [cache.id for cache in pot.caches] == ["deps", "go-build", "go-mod"]
    assert pot.matrix == [
        {"name": "blue", "glaze": "cobalt", "size": "1.10"},
        {"name": "plain", "glaze": "none", "size": "2"},
    ]


def test_steps_are_commands_or_tests(file: project_file.ProjectFile) -> None:
    run, test = file.pipelines[0].jobs[0].steps
    assert (run.run, run.test) == ("ruff check .", None)
    assert test.test is not None
    assert (test.run, test.test.format, test.test.coverage_report) == ("", "junit-xml", "out/cov.info")
    push = file.pipelines[1].jobs[0].steps[1]
    assert push.skip_dry_run
    assert push.env == {"FORGE_TOKEN": "{{ secret.forge_token }}"}
    assert push.vault is not None
    assert push.vault.secrets[0].kv_version == 0


def test_a_definition_survives_json(file: project_file.ProjectFile) -> None:
    stored = msgspec.json.encode(file)
    assert msgspec.json.decode(stored, type=project_file.ProjectFile) == file


def test_a_sparse_stored_definition_gets_defaults() -> None:
    stored = b'{"name":"o","pipelines":[{"id":"p","jobs":[{"id":"j","steps":[{"run":"x"}]}]}]}'
    text = "version: 1\nproject: {name: ' o '}\npipelines: [{id: p, jobs: [{id: j, steps: [{run: x}]}]}]"
    decoded = msgspec.json.decode(stored, type=project_file.ProjectFile)
    assert decoded == project_file.parse(text, config_file="f.yaml")


@pytest.mark.parametrize(
    ("body", "caches"),
    [
        pytest.param("go_cache: {}", ["go-build=GOCACHE", "go-mod=GOMODCACHE"], id="empty-is-on"),
        pytest.param("go_cache: {enabled: yes}", ["go-build=GOCACHE", "go-mod=GOMODCACHE"], id="on"),
        pytest.param("go_cache: {enabled: null}", ["go-build=GOCACHE", "go-mod=GOMODCACHE"], id="null-is-default"),
        pytest.param("go_cache: {enabled: false}", [], id="off"),
        pytest.param("go_cache: null", [], id="null-is-absent"),
        pytest.param(
            "{go_cache: {}, caches: [{id: go-build, env: MINE}]}",
            ["go-build=MINE", "go-mod=GOMODCACHE"],
            id="id-taken",
        ),
        pytest.param(
            "{go_cache: {}, caches: [{id: ' m ', env: gomodcache}]}",
            ["m=gomodcache", "go-build=GOCACHE"],
            id="variable-taken-in-any-case",
        ),
    ],
)
def test_effective_caches_end_with_those_of_go(wrap: Wrap, body: str, caches: list[str]) -> None:
    body = body if not body.startswith("{go") else body[1:-1].replace("}, caches", "}\n  caches")
    job = parse_job(wrap, body)
    assert job.caches == [CacheSpec(id=text.split("=")[0], env=text.split("=")[1]) for text in caches]


@pytest.mark.weakness("W6")
def test_executor_and_shell_are_what_agents_offer(wrap: Wrap) -> None:
    job = parse_job(wrap, "runs_on: {executor: ' Script', shell: POSIX, os: Linux}")
    assert job.runs_on == {"executor": "script", "shell": "posix", "os": "Linux"}


@pytest.mark.weakness("W4")
def test_an_empty_versioning_block_is_on_with_defaults(wrap: Wrap) -> None:
    pipeline = parse_pipeline(wrap, "vcs_source: {repo: r}\n  versioning: {}")
    assert pipeline.versioning == Versioning(file="VERSION", tag_prefix="v")


def test_a_null_versioning_block_is_off(wrap: Wrap) -> None:
    assert parse_pipeline(wrap, "vcs_source: {repo: r}\n  versioning: ~").versioning is None


def test_references_are_trimmed(wrap: Wrap) -> None:
    body = "- {id: a, steps: [{run: x}]}\n- {id: b, needs: [' a '], steps: [{run: x}]}"
    jobs = project_file.parse(wrap("job", body), config_file="f.yaml").pipelines[0].jobs
    assert jobs[1].needs == ["a"]


def test_commands_and_values_are_not_trimmed(wrap: Wrap) -> None:
    text = wrap("step", "- run: ' x '\n  env: {A: ' v '}")
    step = project_file.parse(text, config_file="f.yaml").pipelines[0].jobs[0].steps[0]
    assert (step.run, step.env) == (" x ", {"A": " v "})


@pytest.mark.parametrize("path", ["a..", "a/b..c", "dir/.hidden"])
def test_dots_inside_a_report_path_are_fine(wrap: Wrap, path: str) -> None:
    text = wrap("step", f"- test: {{command: c, report: {path}, coverage_report: {path}}}")
    assert project_file.lint(text, config_file="f.yaml") == ()


def test_the_project_file_of_the_house_comes_first() -> None:
    assert project_file.CONFIG_FILES == ("cictl.yaml", "ciwi-project.yaml")
