"""Whole workflows of other CIs, in the shapes that public projects have."""

from __future__ import annotations

from pathlib import Path

import pytest

from cictl.cli.convert.converted import convert
from cictl.project_file import lint, parse

SHAPES = Path(__file__).parent / "shapes"

LEFT = {
    "github-c-cmake.yml": ["types", "if: !contains(github.event.head_commit.message, 'ci skip')"],
    "github-dispatch.yml": ["required: ref", "runs-on: gpu"],
    "github-docs.yml": [
        "release",
        "checkout of team/theme",
        "$GITHUB_STEP_SUMMARY",
        "uses: peaceiris/actions-gh-pages@v4",
    ],
    "github-go-cache.yml": [],
    "github-node-matrix.yml": ["node-version: ${{ matrix.node }}", "cache: npm"],
    "github-outputs.yml": ["other: ${{ steps.v.outputs.what }}"],
    "github-python-library.yml": [
        "runs-on: ${{ matrix.os || 'ubuntu-latest' }}",
        "python-version: ${{ matrix.python }}",
    ],
    "github-python-release.yml": ["environment", "uses: pypa/gh-action-pypi-publish@release/v1"],
    "github-reusable.yml": [
        "workflow_call",
        "workflow_run",
        "issues",
        "uses: ./.github/workflows/other.yml",
        "matrix: ${{ fromJSON(needs.call.outputs.m) }}",
        "run",
    ],
    "github-rust.yml": ["toolchain: ${{ matrix.rust }}", "uses: Swatinem/rust-cache@v2"],
    "github-secrets.yml": ["GH_TOKEN: ${{ secrets.GITHUB_TOKEN }}", "if: cancelled()"],
    "github-services.yml": ["container.options", "ports"],
    "gitlab-extends.gitlab-ci.yml": ["include", "tags: shell", "retry: script_failure"],
    "gitlab-matrix.gitlab-ci.yml": [],
    "gitlab-rules.gitlab-ci.yml": [
        "if: $CI_COMMIT_BRANCH =~ /^release/",
        "changes",
        "trigger",
        "workflow.rules",
    ],
    "gitlab-simple.gitlab-ci.yml": ["coverage", "reports.coverage_report"],
    "gitlab-stages.gitlab-ci.yml": ["environment"],
    "woodpecker-go.woodpecker.yml": ["event: cron", "when.cron", "$CI_REPO"],
    "woodpecker-matrix.woodpecker.yml": ["depends_on"],
    "woodpecker-services.woodpecker.yml": ["publish: woodpeckerci/plugin-docker-buildx", "when.branch", "privileged"],
}
"""What of each shape has no equal."""


@pytest.mark.parametrize("name", sorted(LEFT))
def test_what_has_an_equal_is_said_and_the_rest_is_told(name: str) -> None:
    text = (SHAPES / name).read_text()
    found = convert(text, path=name, project="shop")
    assert lint(found.text, config_file="cictl.yaml") == ()
    assert sorted(left.what for left in found.tally.left) == sorted(LEFT[name])
    assert [left.text for left in found.tally.left if f"# {left.text}\n" not in found.text] == []
    lines = text.splitlines()
    assert all(1 <= left.line <= len(lines) for left in found.tally.left)


def test_every_shape_is_tried() -> None:
    assert {file.name for file in SHAPES.iterdir()} == LEFT.keys()


def test_nearly_all_of_what_is_used_has_an_equal() -> None:
    tallies = [convert((SHAPES / name).read_text(), path=name, project="shop").tally for name in LEFT]
    said, left = sum(tally.said + tally.needless for tally in tallies), sum(len(tally.left) for tally in tallies)
    assert said / (said + left) > 0.8


def test_what_was_shared_by_stages_is_said_by_needs() -> None:
    found = convert((SHAPES / "gitlab-stages.gitlab-ci.yml").read_text(), path=".gitlab-ci.yml", project="shop")
    jobs = {job.id: job for job in parse(found.text, config_file="cictl.yaml").pipelines[0].jobs}
    assert {name: job.needs for name, job in jobs.items()} == {
        "build": [],
        "unit": ["build"],
        "system": ["build"],
        "deploy": ["unit", "system"],
    }
    assert jobs["system"].need_artifacts == {"build": False}
    assert jobs["deploy"].condition == "tag or branch == 'main'"
