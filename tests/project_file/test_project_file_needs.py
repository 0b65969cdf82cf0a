"""`needs`: its two forms, and which of them bring artifacts."""

from __future__ import annotations

import pytest

from cictl import project_file

JOBS = "{id: a, steps: [{run: x}]}, {id: b, steps: [{run: x}]}"


def parse_needs(needs: str, *, config_file: str = "cictl.yaml") -> project_file.Job:
    text = f"version: 1\nproject: {{name: o}}\npipelines: [{{id: p, jobs: [{JOBS}, {{id: j, needs: {needs}, steps: [{{run: x}}]}}]}}]"
    return project_file.parse(text, config_file=config_file).pipelines[0].jobs[2]


@pytest.mark.parametrize(
    ("needs", "config_file", "restored"),
    [
        pytest.param("[a, ' b ']", "cictl.yaml", ["a", "b"], id="ids"),
        pytest.param("[a, {job: b}]", "cictl.yaml", ["a", "b"], id="mapping"),
        pytest.param("[a, {job: ' b ', artifacts: false}]", "cictl.yaml", ["a"], id="left-out"),
        pytest.param("[a, b]", "ci/other.yaml", ["a", "b"], id="other-name"),
        pytest.param("[a, b]", "ciwi-project.yaml", [], id="reference"),
        pytest.param("[a, b]", "sub/ciwi-project.yaml", [], id="reference-in-a-folder"),
        pytest.param("[a, {job: b, artifacts: true}]", "ciwi-project.yaml", ["b"], id="reference-asks"),
    ],
)
def test_needs_bring_artifacts(needs: str, config_file: str, restored: list[str]) -> None:
    job = parse_needs(needs, config_file=config_file)
    assert (job.needs, job.restored_needs) == (["a", "b"], restored)


@pytest.mark.parametrize(
    ("needs", "problem"),
    [
        pytest.param("['']", "pipelines[0].jobs[2].needs[0] must not be empty", id="blank"),
        pytest.param("[{}]", "pipelines[0].jobs[2].needs[0].job is required", id="no-job"),
        pytest.param("[{job: c}]", 'pipelines[0].jobs[2].needs[0] references unknown job "c"', id="unknown"),
        pytest.param("[a, {job: a}]", 'pipelines[0].jobs[2].needs[1] duplicate "a"', id="twice"),
        pytest.param("[{job: j}]", "pipelines[0].jobs[2].needs[0] must not reference itself", id="itself"),
        pytest.param("[{job: a, files: true}]", "field files not found in pipelines[0].jobs[2].needs[0]", id="key"),
    ],
)
def test_bad_needs_are_refused(needs: str, problem: str) -> None:
    with pytest.raises(project_file.ProjectFileError) as caught:
        parse_needs(needs)
    assert problem in str(caught.value)
