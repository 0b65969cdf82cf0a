"""Whether a pipeline wants to run for a change of a ref."""

from __future__ import annotations

import pytest

from cictl.project_file import parse
from cictl_server.services.triggers.changes import RefChange
from cictl_server.services.triggers.rules import reason_against

REPO = "https://git.example.test/shop.git"
MAIN, OTHER, TAG = "refs/heads/main", "refs/heads/feature/tea", "refs/tags/v1"
PULL = "refs/pull/7/head"


def reason(rest: str, ref: str, paths: list[str] | None = None) -> str:
    """Return why a pipeline with *rest* does not start for a push to *ref*."""
    text = (
        f"version: 1\nproject: {{name: shop}}\npipelines: [{{id: p, {rest}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]"
    )
    [pipeline] = parse(text, config_file="cictl.yaml").pipelines
    change = RefChange(ref=ref, before="a" * 40, after="b" * 40)
    return reason_against(pipeline, change, repo_url=REPO, tracked_ref=MAIN, base_branch="main", paths=lambda: paths)


SOURCE = f"vcs_source: {{repo: {REPO}}}"


@pytest.mark.parametrize(
    ("on", "ref", "paths"),
    [
        pytest.param("trigger: vcs", MAIN, None, id="trigger alone takes the tracked branch"),
        pytest.param("on: {push: {}}", OTHER, None, id="a push takes every branch"),
        pytest.param("on: {push: {branches: ['feature/*']}}", OTHER, None, id="a branch that is named"),
        pytest.param("on: {push: {tags: ['v*']}}", TAG, None, id="a tag that is named"),
        pytest.param("on: {push: {branches: [main], tags: ['v*']}}", TAG, None, id="branches and tags"),
        pytest.param("on: {push: {paths: ['src/**']}}", MAIN, ["README", "src/pot.c"], id="one of the paths"),
        pytest.param("on: {pull_request: {}}", PULL, None, id="a pull request"),
        pytest.param("on: {pull_request: {branches: [main], paths: ['src/**']}}", PULL, ["src/a"], id="to a branch"),
        pytest.param("on: {push: {paths: ['src/**']}}", MAIN, None, id="paths that are not known are all paths"),
    ],
)
def test_it_starts(on: str, ref: str, paths: list[str] | None) -> None:
    assert reason(f"{on}, {SOURCE}", ref, paths) == ""


@pytest.mark.parametrize(
    ("rest", "ref", "expected"),
    [
        pytest.param(SOURCE, MAIN, "only people start it: it has neither `on` nor `trigger: vcs`", id="no trigger"),
        pytest.param("trigger: vcs", MAIN, "it has no `vcs_source`, so it builds no commit", id="no source"),
        pytest.param(
            "on: {push: {}}, vcs_source: {repo: https://other.example.test/x.git}",
            MAIN,
            "it builds another repository than the project's",
            id="another repository",
        ),
        pytest.param(
            f"trigger: vcs, {SOURCE}",
            OTHER,
            "`trigger: vcs` alone means pushes to refs/heads/main",
            id="another branch",
        ),
        pytest.param(
            f"on: {{schedule: [{{cron: '@daily'}}]}}, {SOURCE}", MAIN, "its `on` has no `push`", id="schedule only"
        ),
        pytest.param(
            f"on: {{push: {{branches: [main]}}}}, {SOURCE}",
            OTHER,
            "`on.push.branches` does not take feature/tea",
            id="not taken",
        ),
        pytest.param(
            f"on: {{push: {{branches: ['**']}}}}, {SOURCE}", TAG, "`on.push` takes no tags", id="only branches"
        ),
        pytest.param(f"on: {{push: {{}}}}, {SOURCE}", PULL, "its `on` has no `pull_request`", id="pushes only"),
        pytest.param(
            f"on: {{pull_request: {{branches: ['release/*']}}}}, {SOURCE}",
            PULL,
            "`on.pull_request.branches` does not take main",
            id="another base",
        ),
        pytest.param(
            f"on: {{pull_request: {{paths: ['src/*.c']}}}}, {SOURCE}",
            PULL,
            "`on.pull_request.paths` takes none of the changed files",
            id="no such file in the pull request",
        ),
        pytest.param(f"on: {{push: {{tags: ['v*']}}}}, {SOURCE}", MAIN, "`on.push` takes no branches", id="only tags"),
        pytest.param(f"on: {{push: {{}}}}, {SOURCE}", TAG, "`on.push` takes no tags", id="neither takes branches"),
        pytest.param(
            f"on: {{push: {{paths: ['src/**', '!**/*.md']}}}}, {SOURCE}",
            MAIN,
            "`on.push.paths` takes none of the changed files",
            id="no such file changed",
        ),
    ],
)
def test_it_does_not_start(rest: str, ref: str, expected: str) -> None:
    assert reason(rest, ref, ["src/README.md", "LICENSE"]) == expected
