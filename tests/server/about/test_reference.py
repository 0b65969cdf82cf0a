"""The API's page is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cictl_server.apidoc.reference import render
from cictl_server.app import ROUTES


def test_the_page_is_current(pytestconfig: pytest.Config) -> None:
    page = Path(pytestconfig.rootpath) / "docs" / "api.md"
    assert page.read_text() == render(), "run `make docs`"


def test_every_responder_is_documented() -> None:
    for route in ROUTES:
        responders = [getattr(route.resource, name) for name in dir(route.resource) if name.startswith("on_")]
        assert responders, route
        assert all(responder.__doc__ for responder in responders), route


def test_the_types_of_keys_are_plain_words() -> None:
    cells = [line.split(" | ")[1] for line in render().partition("\n## Types\n")[2].splitlines() if line[:3] == "| `"]
    words = {word for cell in cells for word in re.sub(r"\[\w+\]\(#\w+\)|`[^`]*`,?", "", cell).split()}
    bounds = {word for word in words if word.isdigit()}
    assert words - bounds <= {
        *("text", "integer", "number", "boolean", "instant", "null"),
        *("list", "map", "of", "to", "or", "from"),
    }
    assert "| `keep_runs` | integer from 0 to 1000000 or null |" in render()
