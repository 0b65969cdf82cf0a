"""Kept files as a tree."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cictl.wire.results.artifacts import Artifact

MOST_FILES = 2000
"""A page shows so many; the zip has all."""


class Folder(msgspec.Struct):
    """A folder of artifacts; `path` is empty for that of all.

    Attributes:
        size: Bytes of all files below it.
        count: How many those are.
    """

    name: str = ""
    path: str = ""
    folders: dict[str, Folder] = msgspec.field(default_factory=dict)
    files: list[tuple[str, Artifact]] = msgspec.field(default_factory=list)
    size: int = 0
    count: int = 0

    def _add(self, parts: list[str], artifact: Artifact) -> None:
        self.size += artifact.size_bytes
        self.count += 1
        first, *rest = parts
        if not rest:
            self.files.append((first, artifact))
            return
        path = f"{self.path}/{first}" if self.path else first
        self.folders.setdefault(first, Folder(name=first, path=path))._add(rest, artifact)


def tree_of(artifacts: Iterable[Artifact]) -> Folder:
    """Return the tree of *artifacts*, of which the first `MOST_FILES` have names in it."""
    root = Folder()
    for position, artifact in enumerate(artifacts):
        if position < MOST_FILES:
            root._add(artifact.path.split("/"), artifact)
        else:
            root.size, root.count = root.size + artifact.size_bytes, root.count + 1
    return root
