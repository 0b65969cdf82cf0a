"""Single features of workflows: what the project file says of each."""

from __future__ import annotations

from typing import Any

import pytest

from cictl.cli.convert.converted import convert
from cictl.cli.convert.github.expressions import NoEqual, condition, in_text
from cictl.project_file import Job, Pipeline, parse

CONDITIONS = [
    ("github.event_name == 'push' && github.ref == 'refs/heads/main'", "event == 'push' and branch == 'main'"),
    ("${{ !(failure() || always()) }}", "not (failure() or always())"),
    ("startsWith(github.ref, 'refs/tags/')", "tag"),
    ("startsWith(github.ref, 'refs/heads/') && success()", "branch and success()"),
    ("contains(github.ref_name, 'rc')", "'rc' in branch"),
    ("matrix.os == 'ubuntu-latest' || runner_is", None),
    ("matrix.os != 'windows-2022'", "os != 'windows'"),
    ("inputs.level == 'full'", "input.level == 'full'"),
    ("needs.a.outputs.b == 'it''s'", 'needs.a.outputs.b == "it\'s"'),
    ("env.MODE == 'x'", "env.MODE == 'x'"),
    ("github.ref == 'refs/tags/v1'", "tag == 'v1'"),
    ("cancelled()", None),
    ("github.actor == 'bot'", None),
    ("needs.a.result == 'success'", None),
    ("endsWith(github.ref, 'x')", None),
    ("startsWith(github.ref, 'refs/tags/v1.')", None),
    ("contains(github.event.labels.*.name, 'x')", None),
    ("a == 'unclosed", None),
    ("", None),
]


@pytest.mark.parametrize(("theirs", "ours"), CONDITIONS)
def test_conditions(theirs: str, ours: str | None) -> None:
    if ours is None:
        with pytest.raises(NoEqual):
            condition(theirs)
    else:
        assert condition(theirs) == ours


TEXTS = [
    ("${{ matrix.a }}-${{inputs.b}}", False, "{{a}}-{{input.b}}"),
    ("${{ github.event.inputs.b }} ${{ github.sha }}", False, "{{input.b}} {{sha}}"),
    ("k-${{ hashFiles('a', '**/b') }}", False, "k-{{hash_files('a', '**/b')}}"),
    ("${{ secrets.X }}", False, "{{ secret.X }}"),
    ("use ${{ secrets.X }} and ${{ env.Y }}", True, "use ${X} and ${Y}"),
    ("${{ env.Y }}", False, None),
    ("${{ steps.a.outputs.b }}", True, None),
    ("plain {{braces}}", False, "plain {{braces}}"),
]


@pytest.mark.parametrize(("theirs", "in_script", "ours"), TEXTS)
def test_texts(theirs: str, in_script: bool, ours: str | None) -> None:
    if ours is None:
        with pytest.raises(NoEqual):
            in_text(theirs, in_script=in_script)
    else:
        assert in_text(theirs, in_script=in_script) == ours


def pipeline(head: str, jobs: str = "{j: {runs-on: ubuntu-latest, steps: [{run: x}]}}") -> Pipeline:
    found = convert(f"{head}\njobs: {jobs}\n", path="w.yml", project="p")
    return parse(found.text, config_file="cictl.yaml").pipelines[0]


def job(text: str) -> Job:
    return pipeline("on: push", f"{{j: {{runs-on: ubuntu-latest, {text}}}}}").jobs[0]


def test_a_push_without_names_is_one_of_branches_and_tags() -> None:
    on: Any = pipeline("on: [push, pull_request]").on
    assert (on.push.branches, on.push.tags) == (["**"], ["**"])
    assert on.pull_request is not None


def test_a_group_that_cancels() -> None:
    concurrency: Any = pipeline(
        "on: push\nconcurrency: {group: '${{ github.workflow }}-${{ github.ref }}'}"
    ).concurrency
    assert (concurrency.group, concurrency.limit, concurrency.on_new) == ("w-{{ref}}", 1, "replace_waiting")


def test_secrets_of_the_whole_workflow_go_to_the_steps() -> None:
    made = pipeline("on: push\nenv: {A: '${{ secrets.A }}', B: b}")
    assert made.env == {"B": "b"}
    assert made.jobs[0].steps[0].env == {"A": "{{ secret.A }}"}


def test_variables_of_scripts_have_their_names_here() -> None:
    step = job("steps: [{run: 'echo $GITHUB_SHA ${GITHUB_REF_NAME} ${GITHUB_REFERENCE} >> $GITHUB_ENV'}]").steps[0]
    assert step.run == "echo $CICTL_COMMIT ${CICTL_REF_NAME} ${GITHUB_REFERENCE} >> $CICTL_ENV"


def test_a_job_without_a_command_has_a_step() -> None:
    assert [step.run for step in job("steps: [{uses: actions/checkout@v4}]").steps] == ["true"]


def test_tools_in_a_container_are_those_of_the_image() -> None:
    made = job("container: python, steps: [{uses: actions/setup-python@v5}, {run: x}]")
    assert (made.requires_tools, made.requires_container_tools) == ({}, {"python3": "*"})


def test_kept_files_and_caches() -> None:
    made = job(
        'steps: [{uses: actions/upload-artifact@v4, with: {path: "dist\\n!dist/x.map\\nout.txt", retention-days: 2}},'
        ' {uses: actions/cache@v4, with: {path: "a\\n~/b", key: k}}, {run: x}]'
    )
    assert [(kept.paths, kept.keep_days) for kept in made.kept_files] == [(["dist/**", "!dist/x.map", "out.txt"], 2)]
    assert [(cache.path, cache.key) for cache in made.caches] == [("a", "k")]
