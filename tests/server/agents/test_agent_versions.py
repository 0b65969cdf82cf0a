"""Comparing versions."""

from __future__ import annotations

import pytest

from cictl_server.services.fleet.versions import compare_versions, is_newer, is_release


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        pytest.param("1.2.3", "1.2.4", id="patch"),
        pytest.param("1.9.0", "1.10.0", id="numbers, not texts"),
        pytest.param("v1.2.3", "2", id="v and one number"),
        pytest.param("1.2.3-rc.1", "1.2.3", id="pre-release"),
        pytest.param("1.2.3-rc.2", "1.2.3-rc.10", id="numbers in a pre-release"),
        pytest.param("1.2.3-1", "1.2.3-alpha", id="numbers before words"),
        pytest.param("1.2.3-rc", "1.2.3-rc.1", id="shorter pre-release"),
    ],
)
def test_order(older: str, newer: str) -> None:
    assert compare_versions(older, newer) < 0
    assert compare_versions(newer, older) > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("v1.2.3", "1.2.3", id="v"),
        pytest.param(" 1.2.3\n", "1.2.3", id="blanks"),
        pytest.param("1.2", "1.2.0", id="missing numbers"),
        pytest.param("1.2.3+linux", "1.2.3+mac", id="build"),
        pytest.param("vdev", "dev", id="texts without v"),
        pytest.param("", "", id="empty"),
    ],
)
def test_the_same(one: str, other: str) -> None:
    assert compare_versions(one, other) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("dev", "1.2.3", id="word"),
        pytest.param("", "1.2.3", id="empty"),
        pytest.param("01.2.3", "1.2.3", id="leading zero"),
        pytest.param("1.2.3-01", "1.2.3-1", id="leading zero in a pre-release"),
        pytest.param("1.2.3.4", "1.2.3", id="four numbers"),
        pytest.param("1.2.3-", "1.2.3", id="empty pre-release"),
    ],
)
def test_unequal_texts_are_newer_both_ways(one: str, other: str) -> None:
    assert is_newer(one, than=other)
    assert is_newer(other, than=one)


@pytest.mark.parametrize(("version", "expected"), [("1.2.3", True), ("", False), (" dev ", False), ("DEV", False)])
def test_releases(version: str, expected: bool) -> None:
    assert is_release(version) is expected
