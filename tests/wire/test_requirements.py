"""Tool constraints and the matching of requirements."""

from __future__ import annotations

import pytest

from cictl.base.constraints import is_tool_name, problem_of
from cictl.wire.waiting.requirements import for_older_agents, meets, meets_all, satisfies

CAPABILITIES = {
    "os": "linux",
    "executor": "script",
    "shells": "posix, PowerShell",
    "tool.git": "2.39.5",
    "tool.sdk": "10.0.22621.3233",
}


@pytest.mark.weakness("A6.2")
@pytest.mark.parametrize(
    ("constraint", "version", "expected"),
    [
        (">=1.2", "1.10", True),
        (">=1.10", "1.2", False),
        ("<=2", "2.0.0", True),
        (">2", "2.0.0", False),
        ("<1.0.0", "1.0.0-rc1", True),
        (">=1.0.0-rc2", "1.0.0-rc10", False),
        (">=1.0.0-rc.2", "1.0.0-rc.10", True),
        ("==1.0", "v1", True),
        ("=1.2", "1.2.0", True),
        ("= 1.2", "1.2.0", True),
        ("==1.2+build", "1.2", True),
        (">=10.0.22621.3233", "10.0.22631.1", True),
        (">=1.02", "1.2", True),
        ("1.2", "1.2.0", False),
        ("1.2", "1.2", True),
        ("*", "anything", True),
        ("", "anything", True),
        ("*", "", False),
        ("", " ", False),
        (">=", "3", True),
        (">=1", "weird", False),
        ("=weird", "weird", True),
        ("<weird", "1", False),
        (">=2,<3", "2.39.5", True),
        (">=2,<3", "3.0", False),
        (" >= 2 , < 3 ", "1.9", False),
        (">=2,!=2.39.5", "2.39.5", False),
        (">=2,!=2.39.4", "2.39.5", True),
        ("!=1.2", "1.2.0", False),
        ("!=1.2", "weird", True),
        ("!=weird", "weird", False),
        (">=2,", "2", True),
        pytest.param(">=" + "9" * 5000, "1", False, id="more digits than Python reads"),
    ],
)
def test_constraints(constraint: str, version: str, expected: bool) -> None:
    assert satisfies(constraint, version) is expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param("requires.tool.git", ">=2.30", True, id="tool"),
        pytest.param("requires.tool.go", "*", False, id="tool that is missing"),
        pytest.param("requires.tool.sdk", ">=10.0.22000.1", True, id="four-part version"),
        pytest.param("requires.container.tool.cmake", ">=99", True, id="container tools pass: the agent looks"),
        pytest.param("shell", "POSIX", True, id="shell in any case"),
        pytest.param("shell", "powershell ", True, id="shell with blanks in the list"),
        pytest.param("shell", "cmd", False, id="shell that is missing"),
        pytest.param("shell", "", True, id="blank shell"),
        pytest.param("os", "linux", True, id="equal text"),
        pytest.param("os", "Linux", False, id="text is case-sensitive"),
        pytest.param("gpu", "", True, id="a missing capability equals the empty text"),
        pytest.param("gpu", "a100", False, id="custom capability that is missing"),
    ],
)
def test_requirements(key: str, value: str, expected: bool) -> None:
    assert meets(key, value, CAPABILITIES) is expected


def test_nothing_required_matches_every_agent() -> None:
    assert meets_all({}, {})


def test_every_requirement_must_be_met() -> None:
    assert not meets_all({"os": "linux", "arch": "amd64"}, CAPABILITIES)


@pytest.mark.parametrize(
    ("constraint", "one_part"),
    [
        (">=2,<3", ">=2"),
        ("!=2.38", "*"),
        ("!=2.38, < 3", "<3"),
        (">= 2", ">= 2"),
        ("1.2", "1.2"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_older_agents_get_constraints_of_one_part(constraint: str, one_part: str) -> None:
    others = {"os": "a,b", "requires.container.tool.go": ">=1,<2"}
    assert for_older_agents({"requires.tool.git": constraint, **others}) == {
        "requires.tool.git": one_part,
        "os": "a,b",
        "requires.container.tool.go": ">=1",
    }


@pytest.mark.parametrize(
    "constraint",
    [
        "",
        "*",
        " * ",
        "1.2.3",
        "7",
        ">=2",
        ">= 2.30",
        ">=2,<3",
        ">2,<2.0.1",
        "==1.2,!=1.3",
        "<=2,>=2.0",
        "<1-rc1",
        "!=3",
    ],
)
def test_what_some_version_satisfies_is_no_problem(constraint: str) -> None:
    assert problem_of(constraint) == ""


@pytest.mark.parametrize(
    ("constraint", "problem"),
    [
        ("^2.30", 'no tool tells the version "^2.30"; allowed are'),
        ("~>1", 'no tool tells the version "~>1"'),
        ("2.x", 'no tool tells the version "2.x"'),
        ("v1.2", 'no tool tells the version "v1.2"'),
        ("latest", 'no tool tells the version "latest"'),
        ("=>2", '">2" is no version'),
        (">=2.x", '"2.x" is no version'),
        (">=", "has no version behind >="),
        (">=2,", "has nothing before or behind a comma"),
        (",", "has nothing before or behind a comma"),
        (">=2 <3", '"2 <3" is no version'),
        (">=2,3", '"3" has no operator'),
        (">=2,*", '"*" has no operator'),
        (">=3,<2", "no version can satisfy all of its parts"),
        (">2,<2.0", "no version can satisfy all of its parts"),
        (">=2,<2", "no version can satisfy all of its parts"),
        ("==1,==2", "no version can satisfy all of its parts"),
        ("==1,!=1.0", "no version can satisfy all of its parts"),
        ("<1,==1", "no version can satisfy all of its parts"),
    ],
)
def test_what_no_version_satisfies(constraint: str, problem: str) -> None:
    assert problem in problem_of(constraint)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("go", "g++", "python3.11", "clang-format", "7z", "R", "_x", "a" * 64)),
        *(
            (name, False)
            for name in ("", "-v", "--help", ".", "..", ".x", "a/b", "a\\b", "a b", "a\n", "größe", "a" * 65)
        ),
    ],
)
def test_names_of_tools(name: str, expected: bool) -> None:
    assert is_tool_name(name) is expected
