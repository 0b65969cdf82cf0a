"""The renderer: the same result as table, names, JSON, YAML; on a terminal and in a pipe."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from cictl.base.text.characters import escaped_lines
from cictl.base.text.durations import ago, duration
from cictl.cli.output.data import Format, to_yaml
from cictl.cli.output.table import Column, Renderer, Result
from cictl.cli.output.text import folded
from cictl.wire.agents import Agent, AgentList

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG_NAME = "an-agent-with-a-name-much-longer-than-any-screen-is-wide-" * 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def agent(agent_id: str) -> Agent:
    seen = NOW - timedelta(minutes=3)
    return Agent(agent_id=agent_id, hostname="h", os="linux", arch="amd64", capabilities=None, last_seen_utc=seen)


def result(*names: str) -> Result[Agent]:
    agents = [agent(name) for name in names]
    columns = (
        Column[Agent]("AGENT", lambda a: a.agent_id),
        Column[Agent]("SEEN", lambda a: a.last_seen_utc),
        Column[Agent]("HOST", lambda a: a.hostname, wide=True),
    )
    message = AgentList(agents=agents)
    return Result(message=message, rows=agents, columns=columns, name=lambda a: a.agent_id, empty="no agents")


def shown(result: Result[Agent], form: Format, *, query: str = "", terminal: bool = False, **env: str) -> str:
    stdout = Terminal() if terminal else io.StringIO()
    Renderer(stdout=stdout, stderr=io.StringIO(), env=env, now=lambda: NOW).show(result, form=form, query=query)
    return stdout.getvalue()


def test_pipe_gets_plain_aligned_columns_with_iso_times() -> None:
    assert shown(result("a", "build-1"), Format.TABLE) == (
        "AGENT    SEEN\na        2026-01-02T03:01:05Z\nbuild-1  2026-01-02T03:01:05Z\n"
    )


STEERING = "a\x1b[2J\x9b31m\x7f\x85b\u202ec\u2028d\u200f\u2066\te\nf 日本"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(("form", "load"), [(Format.JSON, json.loads), (Format.YAML, yaml.safe_load)])
@pytest.mark.parametrize("query", ["", "agents[0]"])
def test_data_is_equal_in_value_and_steers_no_terminal(
    form: Format, load: Callable[[str], Any], query: str, terminal: bool
) -> None:
    text = shown(result(STEERING), form, query=query, terminal=terminal)
    data = load(text) if query else load(text)["agents"][0]
    assert data["agent_id"] == STEERING
    assert escaped_lines(text) == text
    assert "日本" in text


def test_a_key_is_as_harmless_as_a_value() -> None:
    text = to_yaml({STEERING: {"k": STEERING}})
    assert (yaml.safe_load(text), escaped_lines(text)) == ({STEERING: {"k": STEERING}}, text)


def test_rows_of_json_that_come_one_by_one_steer_nothing() -> None:
    stdout = Terminal()
    listed = result(STEERING)
    Renderer(stdout=stdout, stderr=io.StringIO(), env={}).show_more(
        listed, listed.rows, form=Format.JSON, is_first=True
    )
    assert json.loads(stdout.getvalue())["agent_id"] == STEERING
    assert escaped_lines(stdout.getvalue()) == stdout.getvalue()


def test_names_are_never_cut_in_a_pipe() -> None:
    assert LONG_NAME in shown(result(LONG_NAME), Format.TABLE, COLUMNS="40")


def test_terminal_gets_relative_times() -> None:
    assert "3m ago" in shown(result("a"), Format.TABLE, terminal=True)


def test_terminal_loses_no_part_of_a_long_name() -> None:
    text = shown(result(LONG_NAME), Format.TABLE, terminal=True, COLUMNS="60", NO_COLOR="1")
    assert "…" not in text


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
def test_no_escape_where_colour_is_unwanted(env: dict[str, str]) -> None:
    assert "\x1b" not in shown(result("a"), Format.TABLE, terminal=True, **env)


def test_wide_shows_more() -> None:
    assert "HOST" in shown(result("a"), Format.WIDE)
    assert "HOST" not in shown(result("a"), Format.TABLE)


def test_json_is_the_message() -> None:
    assert json.loads(shown(result("a"), Format.JSON))["agents"][0]["last_seen_utc"] == "2026-01-02T03:01:05Z"


def test_yaml_says_the_same_as_json() -> None:
    assert yaml.safe_load(shown(result("a"), Format.YAML))["agents"][0]["agent_id"] == "a"


def test_name_is_one_a_line() -> None:
    assert shown(result("a", "b"), Format.NAME) == "a\nb\n"


def test_control_sequences_in_names_are_stripped() -> None:
    for form in (Format.TABLE, Format.NAME, Format.JSON):
        assert "\x1b" not in shown(result("evil\x1b[2J"), form)


def test_empty_list_is_said_on_stderr() -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    Renderer(stdout=stdout, stderr=stderr, env={}).show(result(), form=Format.TABLE)
    assert (stdout.getvalue(), stderr.getvalue()) == ("", "no agents\n")


@pytest.mark.parametrize(
    ("query", "form", "text"),
    [
        pytest.param("agents[].agent_id", Format.TABLE, '["a","b"]', id="JSON by default"),
        pytest.param("agents[].agent_id", Format.NAME, "a\nb\n", id="raw lines"),
        pytest.param("length(agents)", Format.NAME, "2\n", id="a number"),
        pytest.param("agents[].agent_id", Format.YAML, "- a\n- b\n", id="YAML"),
    ],
)
def test_query(query: str, form: Format, text: str) -> None:
    found = shown(result("a", "b"), form, query=query)
    assert (json.loads(found) == json.loads(text)) if form is Format.TABLE else (found == text)


def test_wide_characters_keep_columns_aligned() -> None:
    lines = shown(result("日本", "a"), Format.TABLE).splitlines()
    assert lines[1] == "日本   2026-01-02T03:01:05Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "now"), (0.5, "now"), (1, "1s ago"), (59, "59s ago"), (60, "1m ago"), (7200, "2h ago"), (200_000, "2d ago")],
)
def test_ago(seconds: float, text: str) -> None:
    assert ago(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0s"), (9.94, "9.9s"), (12, "12s"), (185, "3m05s"), (7800, "2h10m")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(
            "gpu waits; `cictl jobs explain 3/gpu` tells", ["gpu waits;", "`cictl jobs explain 3/gpu`", "tells"]
        ),
        pytest.param("Attach again with: cictl jobs logs -f 3/a", ["Attach again with:", "cictl jobs logs -f 3/a"]),
        pytest.param("a `cictl longer than the screen is`", ["a", "`cictl longer than the screen is`"], id="too long"),
    ],
)
def test_no_line_breaks_inside_a_command(text: str, lines: list[str]) -> None:
    assert folded("", text, width=30).splitlines() == lines
