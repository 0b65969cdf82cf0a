"""Tool constraints and the matching of requirements."""

from __future__ import annotations

import pytest

from cictl.wire.requirements import meets, meets_all, satisfies

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
