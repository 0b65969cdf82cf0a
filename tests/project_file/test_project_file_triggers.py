"""`on`: what is read and kept, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cictl import project_file
from cictl.project_file.cron.syntax import cron_problem
from cictl.project_file.definition import PullRequest, Push, Schedule, Triggers

Wrap = Callable[[str, str], str]
FindMarks = Callable[[str], tuple[str, list[tuple[int, int]]]]

ON = "pipelines[0].on"
REST = "inputs: {level: {}}, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]"


def parse_on(wrap: Wrap, on: str) -> Triggers | None:
    return project_file.parse(wrap("pipeline", f"- {{id: p, {on} {REST}}}"), config_file="f").pipelines[0].on


def test_triggers_are_kept(teapot: str) -> None:
    assert project_file.parse(teapot, config_file="f").pipelines[3].on == Triggers(
        push=Push(branches=["main", "release/*"], tags=["v*"], paths=["src/**", "!**/*.md"]),
        pull_request=PullRequest(branches=["main"]),
        schedule=[
            Schedule(
                cron="30 2 * * 1-5", timezone="Europe/Berlin", ref="main", inputs={"level": "full", "guest": "Ada"}
            )
        ],
        after=["compile"],
    )


@pytest.mark.parametrize("on", ["on: {push: {}},", "'on': {push: {}},", '"on": {push: {branches: ~}},'])
def test_on_is_a_text_whatever_yaml_thinks(wrap: Wrap, on: str) -> None:
    assert parse_on(wrap, on) == Triggers(push=Push())


def test_without_on_only_people_start_runs(wrap: Wrap) -> None:
    assert parse_on(wrap, "") is None


@pytest.mark.parametrize(
    "cron",
    ["30 2 * * 1-5", "*/15 0-6,22 1 JAN sun", "0 0 29 2 7", "5-50/5 * * * mon-FRI", "@daily", "@hourly"],
)
def test_good_times(cron: str) -> None:
    assert cron_problem(cron) == ""


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("30 2 * *", "has 4 fields; write five: minute, hour, day, month, weekday, such as 30 2 * * 1-5"),
        ("60 2 * * *", "can't have 60 as its minute; write 0 to 59, *, a-b, or */n"),
        ("0 24 * * *", "can't have 24 as its hour; write 0 to 23, *, a-b, or */n"),
        ("0 0 0 * *", "can't have 0 as its day; write 1 to 31, *, a-b, or */n"),
        ("0 0 * foo *", "can't have foo as its month; write 1 to 12, *, a-b, or */n"),
        ("0 0 * * 1,", "can't have  as its weekday; write 0 to 7, *, a-b, or */n"),
        ("0 5-2 * * *", "has the hour 5-2, which ends before it begins"),
        ("*/0 * * * *", "has the minute */0, whose step is 0"),
        ("@reboot", "has no such word; write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"),
    ],
)
def test_bad_times(cron: str, problem: str) -> None:
    assert cron_problem(cron) == problem


@pytest.mark.parametrize(
    ("on", "message"),
    [
        pytest.param("{push: {branches: [a, §'!']}}", f"{ON}.push.branches[1] must not be empty", id="empty"),
        pytest.param(
            "{push: {paths: [a, §'src/[a']}}", f"{ON}.push.paths[1] is no pattern: a [ is not closed", id="malformed"
        ),
        pytest.param(
            "{push: {tags: §['!a']}}",
            f'{ON}.push.tags only excludes, so nothing is left; begin with "**"',
            id="excludes",
        ),
        pytest.param("{schedule: [§{timezone: UTC}]}", f"{ON}.schedule[0].cron is required", id="cron"),
        pytest.param("{schedule: [{cron: §'* * *'}]}", f"{ON}.schedule[0].cron has 3 fields", id="bad-cron"),
        pytest.param(
            "{schedule: [{cron: '@daily', timezone: §Mars/Dust}]}",
            f'{ON}.schedule[0].timezone "Mars/Dust" is no zone such as Europe/Berlin',
            id="zone",
        ),
        pytest.param(
            "{schedule: [{cron: '@daily', timezone: §../etc/passwd}]}",
            f'{ON}.schedule[0].timezone "../etc/passwd" is no zone such as Europe/Berlin',
            id="zone-outside",
        ),
        pytest.param(
            "{schedule: [{cron: '@daily', ref: §'-x'}]}", f'{ON}.schedule[0].ref must not begin with "-"', id="ref"
        ),
        pytest.param(
            "{schedule: [{cron: '@daily', inputs: {§a: b}}]}",
            f"{ON}.schedule[0].inputs.a is no input of the pipeline",
            id="input",
        ),
        pytest.param("{after: [§q]}", f'{ON}.after[0] references unknown pipeline "q"', id="after"),
        pytest.param("{after: [§p]}", f"{ON}.after[0] must not reference itself", id="after-itself"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(wrap: Wrap, find_marks: FindMarks, on: str, message: str) -> None:
    text, marks = find_marks(wrap("pipeline", f"- {{id: p, on: {on}, {REST}}}"))
    [finding] = project_file.lint(text, config_file="f")
    assert finding.message.startswith(message)
    assert [(finding.line, finding.column)] == marks


def test_a_schedule_gives_what_is_required(wrap: Wrap) -> None:
    rest = "inputs: {a: {required: true}}, jobs: [{id: j, steps: [{run: x}]}]"
    text = wrap("pipeline", f"- {{id: p, on: {{schedule: [{{cron: '@daily'}}]}}, {rest}}}")
    [finding] = project_file.lint(text, config_file="f")
    assert finding.message == f"{ON}.schedule[0].inputs lacks a, which is required"


def test_a_push_wants_a_repository(wrap: Wrap) -> None:
    text = wrap("pipeline", "- {id: p, on: {push: {}}, jobs: [{id: j, steps: [{run: x}]}]}")
    [finding] = project_file.lint(text, config_file="f")
    assert finding.message.startswith(f"{ON} needs vcs_source")


def test_an_unknown_trigger_is_a_finding(wrap: Wrap) -> None:
    text = wrap("pipeline", f"- {{id: p, on: {{pushes: {{}}}}, {REST}}}")
    [finding] = project_file.lint(text, config_file="f")
    assert finding.message.startswith(f'field pushes not found in {ON}; did you mean "push"?')
