"""The API's page is what the code says."""

from __future__ import annotations

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
