"""Files that a project file includes: what they define is read as if it stood in the project file, behind its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cictl.project_file.findings import Finding, quote
from cictl.project_file.source import ReadFile
from cictl.project_file.source.yaml_tree import Mapping, Node, Scalar, Sequence, read_document

MOST_FILES = 32
KEYS = ("defaults", "pipelines", "pipeline_chains")
"""What an included file may have."""


class Includer:
    """Adds included files to the tree of a project file, and gathers what is wrong with them."""

    def __init__(self, read_file: ReadFile | None, *, loader: type[Any]) -> None:
        """Prepare; without *read_file* the files are not at hand. `count` is how many names were looked at."""
        self.findings: list[Finding] = []
        self.count = 0
        self._read_file = read_file
        self._loader = loader
        self._seen: set[str] = set()

    def with_included(self, root: Node) -> Node:
        """Return *root* with the pipelines, chains and defaults of the files that it includes.

        Raises:
            SyntaxFault: One of them is no YAML.
        """
        if not isinstance(root, Mapping):
            return root
        for index, named in enumerate(_included(root)):
            self.count += 1
            path = f"include[{index}].file"
            if index == MOST_FILES:
                self.report(named, path, f"include names more than {MOST_FILES} files")
                break
            other = self._read(named, path)
            if other is not None:
                root = _merged(root, other)
        return root

    def _read(self, named: Scalar, path: str) -> Mapping | None:
        """Return what an included file has; None with a finding if that is nothing."""
        name = named.text.strip()
        if problem := self._problem(name):
            self.report(named, path, f"{path} {problem}")
            return None
        self._seen.add(name)
        content = self._read_file(name) if self._read_file is not None else None
        if content is None:
            self.report(named, path, f"{path}: there is no file {quote(name)} in the same commit")
            return None
        root = read_document(content, loader=self._loader, file=name)
        if root is None or (isinstance(root, Scalar) and root.is_null):
            return None
        if not isinstance(root, Mapping):
            self.report(root, "", "an included file must be a mapping")
            return None
        return replace(root, pairs=[(key, value) for key, value in root.pairs if self._may_have(key)])

    def _may_have(self, key: Node) -> bool:
        """Tell whether an included file may have *key*, and report it if not."""
        if isinstance(key, Scalar) and key.text in KEYS:
            return True
        shown = quote(key.text)[1:-1] if isinstance(key, Scalar) else "of this kind"
        self.report(key, "", f"field {shown} not found in an included file; allowed here: {', '.join(KEYS)}")
        return False

    def _problem(self, name: str) -> str:
        if self._read_file is None:
            return "can't be read here, where only the text of the project file is known"
        if name in self._seen:
            return f"names {quote(name)} once more"
        if name.startswith("/") or "\\" in name or {"", ".", ".."} & set(name.split("/")) or not name.isprintable():
            return "must be the path of a file in the repository, such as ci/common.yaml"
        return ""

    def report(self, node: Node, path: str, message: str) -> None:
        """Add a finding at *node*."""
        self.findings.append(Finding(line=node.line, column=node.column, path=path, message=message, file=node.file))


def _included(root: Mapping) -> Iterator[Scalar]:
    """Yield the names of the included files. What has another shape is reported by whoever reads the shapes."""
    include = _value(root, "include")
    for item in include.items if isinstance(include, Sequence) else []:
        named = _value(item, "file") if isinstance(item, Mapping) else None
        if isinstance(named, Scalar) and not named.is_null:
            yield named


def _value(mapping: Mapping, name: str) -> Node | None:
    return next((value for key, value in mapping.pairs if isinstance(key, Scalar) and key.text == name), None)


def _merged(own: Mapping, other: Mapping) -> Mapping:
    """Return *own* with what *other* has too: lists one behind the other, mappings key by key, of which the first counts."""
    pairs = dict(enumerate(own.pairs))
    places = {key.text: place for place, (key, _) in pairs.items() if isinstance(key, Scalar)}
    for key, value in other.pairs:
        place = places.pop(key.text, None) if isinstance(key, Scalar) else None
        if place is None:  # new here, or in *other* for the second time, which is reported with the shapes
            pairs[len(pairs)] = (key, value)
        else:
            own_key, own_value = pairs[place]
            pairs[place] = (own_key, _joined(own_value, value))
    return Mapping(own.line, own.column, list(pairs.values()), file=own.file)


def _joined(own: Node, other: Node) -> Node:
    if isinstance(own, Sequence) and isinstance(other, Sequence):
        return Sequence(own.line, own.column, [*own.items, *other.items], file=own.file)
    if isinstance(own, Mapping) and isinstance(other, Mapping):
        return _merged(own, other)
    return other if isinstance(own, Scalar) and own.is_null else own
