"""The page of symptoms: each text that it quotes is one that cictl prints."""

from __future__ import annotations

import ast
import errno
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cictl_client.foreign import described

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
OF_OTHERS = {"did not find expected key"}
"""What libraries say, and cictl passes on."""
PUT_TOGETHER = {
    "an nginx page: 413; raise client_max_body_size": lambda: described(413, {"server": "nginx"}, b""),
    "No space left on device": lambda: os.strerror(errno.ENOSPC),
}
"""What stands nowhere in one piece, and what makes it."""


def symptoms() -> list[str]:
    """Return what the first columns quote."""
    rows = re.findall(r"^\| (?!you see|---)(.*?) \| ", PAGE, re.MULTILINE)
    return sorted({text for row in rows for text in re.findall(r"`+([^`]+)`+", row)})


@functools.cache
def texts() -> str:
    """Return all texts of the sources, one a line; `…` stands for what is put in when they are printed."""
    folders = ("cictl", "client", "server")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return "\n".join(text for path in sources for text in literals(ast.parse(path.read_text(encoding="utf-8"))))


def literals(tree: ast.AST) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.xdist_group("texts of the sources")  # so that one process reads them
@pytest.mark.parametrize("symptom", symptoms())
def test_what_is_quoted_is_printed(symptom: str) -> None:
    if symptom in PUT_TOGETHER:
        assert PUT_TOGETHER[symptom]() == symptom
        return
    parts = [part.strip() for part in re.split(r"…|\b[A-Z]{3,}\b", symptom) if len(part.strip()) > 2]
    assert parts
    missing = [part for part in parts if part not in texts()]
    assert missing == [] or symptom in OF_OTHERS


def test_each_section_is_in_the_list() -> None:
    assert re.findall(r"^- \[(.+)\]\(#", PAGE, re.MULTILINE) == re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
