"""The list of methods in the client's page is what the code says."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from cictl.cli.reference.client import signature, with_methods
from cictl_client import Client

PAGE = Path(__file__).parents[2] / "docs" / "client.md"


def test_the_methods_are_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_methods(page), "run: make docs"


def test_every_method_says_what_it_does() -> None:
    methods = inspect.getmembers(Client, inspect.isfunction)
    assert [name for name, method in methods if not name.startswith("_") and not method.__doc__] == []


def test_a_signature_is_as_its_caller_writes_it() -> None:
    assert signature(Client.read_log) == (
        "read_log(job_id: str, *, offset: int = 0, limit: int | None = None, since: datetime | None = None) -> LogChunk"
    )
    assert signature(Client.stream_request).endswith(") -> ContextManager[tuple[RawResponse, Iterator[bytes]]]")


def test_a_page_without_the_comments_is_refused() -> None:
    with pytest.raises(ValueError, match="the page has no <!-- methods: "):
        with_methods("# The Python client\n")
