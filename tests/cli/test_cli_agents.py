"""`cictl agents`."""

from __future__ import annotations

import pytest

from cictl.exit_codes import ExitCode
from tests.cli.conftest import FakeServer, Run


def test_list_as_table(cli: Run) -> None:
    ran = cli("agents", "list")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0].split() == ["AGENT", "STATE", "BUSY", "SEEN", "PLATFORM", "VERSION"]
    assert ran.out.splitlines()[1].split() == [
        "build-1",
        "offline",
        "no",
        "2026-01-02T03:04:05Z",
        "linux/amd64",
        "0.1.0",
    ]


def test_list_as_json_is_the_api_shape(cli: Run) -> None:
    agents = cli("agents", "list", "-o", "json").json()["agents"]
    assert [agent["agent_id"] for agent in agents] == ["build-1", "build-2", "mac"]


def test_list_of_none_is_0_and_says_so(cli: Run, fake: FakeServer) -> None:
    fake.agents.clear()
    ran = cli("agents", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "no agents" in ran.err


def test_list_of_none_as_json_is_an_empty_list(cli: Run, fake: FakeServer) -> None:
    fake.agents.clear()
    assert cli("agents", "list", "-o", "json").json() == {"agents": []}


def test_query_picks_from_the_json(cli: Run) -> None:
    assert cli("agents", "list", "--query", "agents[?deactivated].agent_id", "-o", "name").out == "mac\n"


@pytest.mark.parametrize("text", ["build-1", "m", "mac"])
def test_show_finds_by_id_or_its_beginning(cli: Run, text: str) -> None:
    ran = cli("agents", "show", text, "-o", "json")
    assert ran.json()["agent"]["agent_id"].startswith(text)


def test_show_lists_capabilities(cli: Run) -> None:
    assert "  executor=script\n" in cli("agents", "show", "build-1").out


def test_ambiguous_beginning_is_a_usage_error_with_the_candidates(cli: Run) -> None:
    ran = cli("agents", "show", "build")
    assert ran.code == ExitCode.USAGE
    assert "build-1, build-2" in ran.err


def test_unknown_agent_suggests_one(cli: Run) -> None:
    ran = cli("agents", "show", "biuld-1")
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert "did you mean build-1" in ran.err


def test_deactivate(cli: Run, fake: FakeServer) -> None:
    ran = cli("agents", "deactivate", "build-1")
    assert (ran.code, ran.out, ran.err) == (0, "", "build-1: agent deactivated\n")
    assert fake.agents["build-1"].deactivated


def test_activate(cli: Run, fake: FakeServer) -> None:
    assert cli("agents", "activate", "mac").code == 0
    assert not fake.agents["mac"].deactivated


@pytest.mark.parametrize(
    ("argv", "said"), [(("deactivate", "mac"), "already deactivated"), (("activate", "build-1"), "already active")]
)
def test_doing_it_twice_is_fine(cli: Run, fake: FakeServer, argv: tuple[str, str], said: str) -> None:
    ran = cli("agents", *argv)
    assert ran.code == 0
    assert said in ran.err
    assert fake.posts() == []


def test_answer_as_json(cli: Run) -> None:
    assert cli("agents", "deactivate", "build-1", "-o", "json").json()["requested"] is True
