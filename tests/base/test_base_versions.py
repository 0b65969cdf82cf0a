"""The order of semantic versions. What the fleet and tools make of it, their own tests tell."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cictl.base.versions import SemanticKey, semantic_key

# https://semver.org, 11.4.4
ASCENDING = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
]


def key(text: str) -> SemanticKey:
    found = semantic_key(text)
    assert found is not None
    return found


def test_the_order_of_the_standard() -> None:
    keys = [key(text) for text in ASCENDING]
    assert all(lower < higher for lower, higher in pairwise(keys))


@pytest.mark.parametrize(("one", "other"), [("v1", "1.0.0"), ("1.2+a", "1.2+b"), ("01.2", "1.2"), ("0", "v0.0.0.0")])
def test_the_same_version(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize("text", ["", "dev", "1.", ".1", "1.2-", "vv1", " 1", "1\n", "1.٣"])
def test_what_is_none(text: str) -> None:
    assert semantic_key(text) is None
