"""What the workflows of known projects would run when something is pushed, tagged, proposed, due, or asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cictl.project_file import Pipeline, ProjectFile
from cictl.wire.jobs import JobSpec
from cictl.wire.projects import RunRequest
from cictl_server.services.pipelines.planning import RunIdentity, SourceContext, plan
from cictl_server.services.triggers.changes import RefChange
from cictl_server.services.triggers.rules import reason_against

Read = Callable[[str], ProjectFile]

MAIN, TAG = "refs/heads/main", "refs/tags/v1.2.0"


def planned(pipeline: Pipeline, *, event: str, ref: str, inputs: dict[str, str]) -> list[JobSpec]:
    source = SourceContext(repo="https://git.example.test/r.git", ref_raw=ref, commit="c0ffee")
    identity = RunIdentity(project="known", project_id=1, pipeline_run_id="r", event=event)
    return plan(pipeline, RunRequest(inputs=inputs), source=source, identity=identity)


def told(job: JobSpec) -> str:
    """Return a job as `id`, or `id/row`; in parentheses if it is skipped, with a question mark if its needs decide."""
    name = "/".join(filter(None, (job.facts.pipeline_job_id, job.facts.matrix_name)))
    return f"({name})" if job.skipped else name + ("?" if job.open_condition else "")


CASES = [
    pytest.param(
        "click/tests",
        "push",
        MAIN,
        "tests/3.13 tests/3.10 tests/windows tests/mac tests/pypy tests/random-order typing",
        id="click-push",
    ),
    pytest.param("click/style", "pull_request", MAIN, "hooks", id="click-hooks"),
    pytest.param("click/with-flask", "pull_request", MAIN, "flask", id="click-dependant"),
    pytest.param("click/publish", "push", TAG, "build release upload", id="click-tag"),
    pytest.param("click/publish", "manual", MAIN, "build (release) upload", id="click-by-hand"),
    pytest.param(
        "sqlite-utils/test",
        "push",
        MAIN,
        "test/3.9-0-linux test/3.9-0-windows test/3.9-1-linux test/3.13-0-linux test/3.13-0-darwin "
        "test/3.13-0-windows test/3.13-1-linux test/3.13-1-darwin",
        id="sqlite-utils-push",
    ),
    pytest.param("sqlite-utils/old-sqlite", "push", MAIN, "test/3.46 test/3.23.1", id="sqlite-utils-old"),
    pytest.param("sqlite-utils/coverage", "pull_request", MAIN, "coverage", id="sqlite-utils-coverage"),
    pytest.param("sqlite-utils/spelling", "push", MAIN, "spelling", id="sqlite-utils-spelling"),
    pytest.param("sqlite-utils/analysis", "schedule", MAIN, "analyse/python", id="sqlite-utils-weekly"),
    pytest.param("sqlite-utils/publish", "push", TAG, "test/3.9 test/3.13 deploy", id="sqlite-utils-tag"),
    pytest.param(
        "cjson/build",
        "push",
        MAIN,
        "linux/valgrind-gcc linux/valgrind-clang linux/sanitizer-gcc linux/sanitizer-clang linux/none-gcc linux/none-clang "
        "mac/sanitizer-gcc mac/sanitizer-clang mac/none-gcc mac/none-clang windows/Win32 windows/x64",
        id="cjson-push",
    ),
    pytest.param("cjson/fuzz", "pull_request", MAIN, "fuzz", id="cjson-fuzz"),
    pytest.param(
        "commander/tests",
        "push",
        MAIN,
        "test/20-linux test/20-darwin test/20-windows test/22-linux test/22-darwin test/22-windows "
        "test/24-linux test/24-darwin test/24-windows",
        id="commander-push",
    ),
    pytest.param("commander/analysis", "schedule", MAIN, "analyse/javascript", id="commander-weekly"),
    pytest.param(
        "requests/tests",
        "push",
        MAIN,
        "build/3.10-linux build/3.10-darwin build/3.10-windows build/3.12-linux build/3.12-darwin build/3.12-windows "
        "build/3.14-linux build/3.14-darwin build/pypy no-chardet no-chardet/chardet urllib3/1.26 urllib3/2",
        id="requests-push",
    ),
    pytest.param("requests/style", "push", MAIN, "style", id="requests-style"),
    pytest.param("requests/analysis", "schedule", MAIN, "analyse", id="requests-weekly"),
    pytest.param("requests/publish", "push", TAG, "build publish", id="requests-tag"),
    pytest.param(
        "apscheduler/tests",
        "push",
        MAIN,
        "types test/linux-python3.9 test/linux-python3.13 test/linux-pypy3.11 test/mac test/windows coverage",
        id="apscheduler-push",
    ),
    pytest.param("apscheduler/publish", "push", TAG, "build publish release", id="apscheduler-tag"),
    pytest.param(
        "httpx/tests",
        "pull_request",
        MAIN,
        "tests/3.9 tests/3.10 tests/3.11 tests/3.12 tests/3.13",
        id="httpx-pull-request",
    ),
    pytest.param("httpx/publish", "push", TAG, "publish", id="httpx-tag"),
    pytest.param("woodpecker/static", "push", MAIN, "lint-yaml lint-editorconfig", id="woodpecker-static"),
    pytest.param(
        "woodpecker/test",
        "push",
        MAIN,
        "vendor lint unit/agent unit/server unit/cli unit/lib datastore/sqlite datastore/postgres datastore/mysql",
        id="woodpecker-push",
    ),
    pytest.param("woodpecker/web", "pull_request", MAIN, "web", id="woodpecker-web"),
    pytest.param(
        "woodpecker/binaries",
        "push",
        TAG,
        "build/server build/agent build/cli checksums release",
        id="woodpecker-tag",
    ),
    pytest.param(
        "woodpecker/binaries",
        "pull_request",
        MAIN,
        "build/server build/agent build/cli checksums (release)",
        id="woodpecker-pull-request",
    ),
    pytest.param(
        "woodpecker/images",
        "push",
        MAIN,
        "image/server-scratch image/server-alpine image/agent-scratch image/agent-alpine image/cli-scratch image/cli-alpine",
        id="woodpecker-images",
    ),
    pytest.param("woodpecker/security", "schedule", MAIN, "scan", id="woodpecker-nightly"),
    pytest.param("woodpecker/pages", "push", MAIN, "build (preview) deploy tell?", id="woodpecker-pages-push"),
    pytest.param(
        "woodpecker/pages", "pull_request", MAIN, "build preview (deploy) tell?", id="woodpecker-pages-preview"
    ),
    pytest.param(
        "ripgrep/ci",
        "schedule",
        MAIN,
        "test/pinned test/stable test/nightly test/stable-arm test/macos test/win-msvc format pages",
        id="ripgrep-nightly",
    ),
    pytest.param(
        "ripgrep/release",
        "push",
        TAG,
        "create build/linux build/linux-arm build/macos build/windows deb attach",
        id="ripgrep-tag",
    ),
    pytest.param(
        "celery/python",
        "push",
        MAIN,
        "unit/3.9-linux unit/3.9-windows unit/3.13-linux unit/3.13-windows unit/pypy-3.11-linux "
        "integration/3.9-redis? integration/3.9-rabbitmq? integration/3.13-redis? integration/3.13-rabbitmq?",
        id="celery-push",
    ),
    pytest.param("celery/docker", "push", MAIN, "build smoke/canvas smoke/failover smoke/control", id="celery-docker"),
    pytest.param("celery/analysis", "schedule", MAIN, "analyse", id="celery-weekly"),
]


@pytest.mark.parametrize(("name", "event", "ref", "jobs"), CASES)
def test_what_a_pipeline_would_run(name: str, event: str, ref: str, jobs: str, read_project: Read) -> None:
    project, _, wanted = name.partition("/")
    [pipeline] = [one for one in read_project(project).pipelines if one.id == wanted]
    assert [told(job) for job in planned(pipeline, event=event, ref=ref, inputs={})] == jobs.split()


def test_every_pipeline_is_planned(read_project: Read) -> None:
    named = {str(case.values[0]) for case in CASES}
    projects = {name.partition("/")[0] for name in named}
    assert len(projects) == 10
    assert named == {f"{name}/{pipeline.id}" for name in projects for pipeline in read_project(name).pipelines}


SOURCE, PAGES = "src/a/b.py", "docs/index.md"


@pytest.mark.parametrize(
    ("project", "ref", "path", "started"),
    [
        pytest.param("click", "heads/main", SOURCE, "tests style", id="click-source"),
        pytest.param("click", "heads/main", PAGES, "style", id="click-pages"),
        pytest.param("click", "tags/8.2.0", SOURCE, "publish", id="click-tag"),
        pytest.param(
            "sqlite-utils", "heads/main", SOURCE, "test old-sqlite coverage spelling analysis", id="sqlite-utils-main"
        ),
        pytest.param("sqlite-utils", "heads/wip", SOURCE, "test old-sqlite spelling", id="sqlite-utils-branch"),
        pytest.param("sqlite-utils", "tags/3.38", SOURCE, "publish", id="sqlite-utils-tag"),
        pytest.param("cjson", "heads/master", SOURCE, "build", id="cjson-master"),
        pytest.param("cjson", "tags/v1.7", SOURCE, "", id="cjson-tag"),
        pytest.param("commander", "heads/release/14.x/a", SOURCE, "tests", id="commander-release"),
        pytest.param("requests", "heads/main", SOURCE, "tests style analysis", id="requests-main"),
        pytest.param("requests", "tags/v2.32", SOURCE, "publish", id="requests-tag"),
        pytest.param("requests", "tags/2.32", SOURCE, "", id="requests-other-tag"),
        pytest.param("apscheduler", "heads/3.x", SOURCE, "tests", id="apscheduler-branch"),
        pytest.param("apscheduler", "tags/3.11.0", SOURCE, "publish", id="apscheduler-tag"),
        pytest.param("httpx", "heads/master", SOURCE, "tests", id="httpx-master"),
        pytest.param("woodpecker", "heads/main", "web/src/app.ts", "static test web images", id="woodpecker-web"),
        pytest.param("woodpecker", "heads/main", PAGES, "static test images pages", id="woodpecker-pages"),
        pytest.param("woodpecker", "heads/renovate/go", "go.sum", "static test", id="woodpecker-robot"),
        pytest.param("woodpecker", "tags/v3.0", SOURCE, "binaries images", id="woodpecker-tag"),
        pytest.param("ripgrep", "heads/master", SOURCE, "ci", id="ripgrep-master"),
        pytest.param("ripgrep", "tags/14.1.1", SOURCE, "release", id="ripgrep-tag"),
        pytest.param("celery", "heads/main", SOURCE, "python docker analysis", id="celery-source"),
        pytest.param("celery", "heads/main", PAGES, "analysis", id="celery-pages"),
        pytest.param("click", "pull/7/head", PAGES, "style with-flask", id="click-proposed-pages"),
        pytest.param("cjson", "pull/7/head", "fuzzing/read.c", "build fuzz", id="cjson-proposed"),
        pytest.param("httpx", "pull/7/head", SOURCE, "", id="httpx-proposed-to-main"),
        pytest.param("woodpecker", "pull/7/head", "cmd/cli/main.go", "static test binaries", id="woodpecker-proposed"),
        pytest.param("woodpecker", "pull/7/head", "go.sum", "static test security", id="woodpecker-proposed-sums"),
        pytest.param("celery", "pull/7/head", "docker/Dockerfile", "docker analysis", id="celery-proposed"),
    ],
)
def test_what_a_push_or_a_pull_request_to_main_starts(
    project: str, ref: str, path: str, started: str, read_project: Read
) -> None:
    change = RefChange(ref=f"refs/{ref}", before="a" * 40, after="b" * 40)
    found = [
        pipeline.id
        for pipeline in read_project(project).pipelines
        if not reason_against(
            pipeline, change, repo_url="self", tracked_ref=MAIN, base_branch="main", paths=lambda: [path]
        )
    ]
    assert found == started.split()


def of(read_project: Read, name: str, **inputs: str) -> dict[str, JobSpec]:
    """Return the jobs of a pipeline by what is told of them; *inputs* are those of a run of the main branch."""
    project, _, wanted = name.partition("/")
    [pipeline] = [one for one in read_project(project).pipelines if one.id == wanted]
    return {told(job): job for job in planned(pipeline, event="manual", ref=MAIN, inputs=inputs)}


def test_an_input_leaves_tests_out(read_project: Read) -> None:
    assert "(integration/3.9-redis)" in of(read_project, "celery/python", level="unit")


def test_rows_differ_in_their_steps(read_project: Read) -> None:
    rows = of(read_project, "sqlite-utils/test")
    left_out = {
        name: [step.name for step in rows[name].step_plan if step.condition == "false"]
        for name in ("test/3.13-1-linux", "test/3.9-0-windows")
    }
    assert left_out == {
        "test/3.13-1-linux": [],
        "test/3.9-0-windows": [
            "Install numpy",
            "Install SpatiaLite",
            "Build an extension",
            "step 6",
            "Check that the docs are current",
        ],
    }


def test_services_stand_beside_the_tests_of_each_database(read_project: Read) -> None:
    job = of(read_project, "woodpecker/test")["datastore/postgres"]
    assert [(service.name, service.ready) for service in job.services] == [
        ("postgres", "pg_isready"),
        ("mysql", "mysqladmin ping --silent"),
    ]
    assert job.env["WOODPECKER_DATABASE_DRIVER"] == "postgres"


def test_three_of_six_images_are_built_at_once(read_project: Read) -> None:
    jobs = of(read_project, "woodpecker/images").values()
    assert [job.facts.row_blocked for job in jobs] == [False] * 3 + [True] * 3


def test_a_release_builds_for_the_machine_of_each_target(read_project: Read) -> None:
    builds = [job for name, job in of(read_project, "ripgrep/release").items() if name.startswith("build/")]
    assert [(job.required_capabilities["os"], job.script.partition("\n")[0]) for job in builds] == [
        ("linux", "make archive TARGET=x86_64-unknown-linux-musl"),
        ("linux", "make archive TARGET=aarch64-unknown-linux-gnu"),
        ("darwin", "make archive TARGET=aarch64-apple-darwin"),
        ("windows", "make archive TARGET=x86_64-pc-windows-msvc"),
    ]
