"""The tools that agents are asked to look for: those of waiting executions, and of the projects that are loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256

import msgspec

from cictl.base.constraints import is_tool_name
from cictl.wire.agents import MOST_WANTED_TOOLS
from cictl_server.store.contract import View


class ToolList(msgspec.Struct, frozen=True, kw_only=True):
    """Names of tools, and an id that is the same for the same names, also after a restart."""

    id: str
    names: tuple[str, ...]


TOOL_SOURCES: tuple[Callable[[View], frozenset[str]], ...] = (
    lambda view: view.jobs.required_tools(),
    lambda view: view.pipelines.required_tools(),
)
"""What `WantedTools` looks up: the tools of waiting executions, and those of the projects that are loaded."""


class WantedTools:
    """Makes the list of wanted tools anew when it changes; until then a heartbeat costs two comparisons.

    If there are too many, those of waiting executions come first.
    """

    def __init__(self) -> None:
        self._made = (frozenset[str](), frozenset[str](), _list(()))

    def current(self, view: View) -> ToolList:
        queued, loaded = (look(view) for look in TOOL_SOURCES)
        last_queued, last_loaded, made = self._made
        if queued is not last_queued or loaded is not last_loaded:
            made = _list([*sorted(queued), *sorted(loaded - queued)])
            self._made = (queued, loaded, made)
        return made


def _list(names: Iterable[str]) -> ToolList:
    asked = tuple(filter(is_tool_name, names))[:MOST_WANTED_TOOLS]
    return ToolList(id=sha256("\n".join(sorted(asked)).encode()).hexdigest()[:16] if asked else "", names=asked)
