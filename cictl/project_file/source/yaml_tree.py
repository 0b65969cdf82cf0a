"""The node tree of a YAML document: scalars as written, with their positions. Nothing is typed yet.

The tree is built from the parser's events. PyYAML's composer would not do: it recurses in C for each level, so deep nesting
would crash the process, and it refuses an anchor that is defined twice, which YAML allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_FILE_BYTES = 1024 * 1024
MAX_DEPTH = 64
"""How deep lists and mappings may be nested. A project file needs ten levels."""
MAX_NODES = 200_000
"""How many keys and values a document may have, first as written, later with aliases expanded."""

DEFAULT_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser if PyYAML was built with it. Both parsers give the same events."""

_NULL_TAG = "tag:yaml.org,2002:null"
_MERGE_TAG = "tag:yaml.org,2002:merge"
_NULL_WORDS = frozenset({"", "~", "null", "Null", "NULL"})
# YAML 1.1, 5.1: what may stand in a stream.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SyntaxFault(Exception):
    """The text is no YAML, or is beyond the limits of a project file. Line and column are 1-based, `file` as of a node."""

    def __init__(self, reason: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column
        self.file = ""


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One scalar. `text` is its content, not typed. `plain` means without quotes.

    Of every node, `file` is the included file that it stands in; empty for the project file itself.
    """

    text: str
    line: int
    column: int
    plain: bool
    is_null: bool
    is_merge: bool
    file: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list of nodes. With aliases one node may be in several places, but never inside itself."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)
    file: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """The keys and values of a mapping in file order. Merge keys and repeated keys are included."""

    line: int
    column: int
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    file: str = ""


Node = Scalar | Sequence | Mapping


def read_document(text: str | bytes, *, loader: type[Any] = DEFAULT_LOADER, file: str = "") -> Node | None:
    """Return the root of the first document, or None if there is no document. Later documents are not read.

    Args:
        file: What nodes and faults have as their `file`.

    Raises:
        SyntaxFault: The text is no YAML, no UTF-8, or beyond a limit of this module.
    """
    try:
        return _read_document(text, loader, file)
    except SyntaxFault as fault:
        fault.file = file
        raise


def _read_document(text: str | bytes, loader: type[Any], file: str) -> Node | None:
    content = _checked_text(text)
    builder = _TreeBuilder(file)
    try:
        for event in yaml.parse(content, Loader=loader):
            if isinstance(event, yaml.DocumentEndEvent):
                break
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _fault(error) from error
    return builder.root


class _TreeBuilder:
    """Makes nodes of the events of one document. It keeps a stack of its own, so nesting needs no recursion."""

    def __init__(self, file: str) -> None:
        self.root: Node | None = None
        self._file = file
        self._open: list[Sequence | Mapping] = []
        self._pending_keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def take(self, event: Any) -> None:
        """Add one event of the document. It is Any because PyYAML's event classes have no types."""
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._pending_keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            self._place(self._anchored(event), event)
        elif isinstance(event, yaml.NodeEvent):
            node = _node(event, self._file)
            if event.anchor is not None:
                self._anchors[event.anchor] = node
            self._place(node, event)
            if not isinstance(node, Scalar):
                self._enter(node, event)

    def _anchored(self, event: Any) -> Node:
        line, column = _position(event.start_mark)
        node = self._anchors.get(event.anchor)
        if node is None:
            raise SyntaxFault(f"alias *{event.anchor} has no anchor before it", line=line, column=column)
        if any(node is parent for parent in self._open):
            raise SyntaxFault(f"alias *{event.anchor} stands inside its own anchor", line=line, column=column)
        return node

    def _place(self, node: Node, event: Any) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            line, column = _position(event.start_mark)
            raise SyntaxFault(f"more than {MAX_NODES} values in one file", line=line, column=column)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self._pending_keys[-1]
        if key is not None:
            parent.pairs.append((key, node))
        self._pending_keys[-1] = node if key is None else None

    def _enter(self, node: Sequence | Mapping, event: Any) -> None:
        self._open.append(node)
        self._pending_keys.append(None)
        if len(self._open) > MAX_DEPTH:
            line, column = _position(event.start_mark)
            raise SyntaxFault(f"nested deeper than {MAX_DEPTH} levels", line=line, column=column)


def _node(event: Any, file: str) -> Node:
    line, column = _position(event.start_mark)
    if isinstance(event, yaml.SequenceStartEvent):
        return Sequence(line, column, file=file)
    if isinstance(event, yaml.MappingStartEvent):
        return Mapping(line, column, file=file)
    plain = not event.style
    untagged = plain and event.tag is None
    return Scalar(
        text=event.value,
        line=line,
        column=column,
        plain=plain,
        is_null=event.tag == _NULL_TAG or (untagged and event.value in _NULL_WORDS),
        is_merge=event.tag == _MERGE_TAG or (untagged and event.value == "<<"),
        file=file,
    )


def _checked_text(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))
    if size > MAX_FILE_BYTES:
        raise SyntaxFault(f"file is larger than {MAX_FILE_BYTES} bytes")
    content = (text if isinstance(text, str) else _decoded(text)).removeprefix("\ufeff")
    forbidden = _FORBIDDEN.search(content)
    if forbidden:
        line, column = _position_of(content, forbidden.start())
        name = f"U+{ord(forbidden.group()):04X}"
        raise SyntaxFault(f"character {name} is not allowed", line=line, column=column)
    return content


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line, column = _position_of(before, len(before))
        raise SyntaxFault("file is not valid UTF-8", line=line, column=column) from error


def _position_of(content: str, index: int) -> tuple[int, int]:
    lines = content[:index].split("\n")
    return len(lines), len(lines[-1]) + 1


def _position(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _fault(error: yaml.MarkedYAMLError) -> SyntaxFault:
    reason = " ".join(part for part in (error.problem, error.context) if part)
    mark = error.problem_mark or error.context_mark
    line, column = _position(mark) if mark else (1, 1)
    return SyntaxFault(" ".join(reason.split()), line=line, column=column)
