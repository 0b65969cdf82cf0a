"""Where services change the store, and a plugin of pytest that tells which of these places a run of tests reached.

With `-p cictl_testing.stores.write_sites` the end of the run writes the file that `REACHED` names.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path

import cictl_server.services
from cictl_testing.stores.repeating import RepeatingStore

REACHED = "CICTL_TEST_REACHED_SITES"
"""The environment variable with the file that the sites are written to, as JSON."""


def sites() -> Iterator[tuple[str, range]]:
    """Yield the file of each call of `Store.write` in services, and its lines."""
    [folder] = cictl_server.services.__path__
    for path in sorted(Path(folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _is_write(node.func):
                yield str(path), range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _is_write(function: ast.expr) -> bool:
    return ast.unparse(function).endswith(("store.write", "_store.write"))


def pytest_sessionfinish() -> None:
    Path(os.environ[REACHED]).write_text(json.dumps(sorted(RepeatingStore.sites)))
