"""Read a node tree into the shapes of `schema`: unknown and repeated keys, wrong types, merge keys, positions."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import msgspec
from msgspec import inspect

from cictl.project_file.findings import Finding, quote
from cictl.project_file.schema import FileShape
from cictl.project_file.source.unknown_keys import unknown_key
from cictl.project_file.source.yaml_tree import MAX_NODES, Mapping, Node, Scalar, Sequence, SyntaxFault

MAX_TEXT = 4 * 1024 * 1024
"""How many characters the scalars of a file may have in all, with aliases expanded."""
MAX_MERGE_DEPTH = 16
"""How many mappings may lead to each other by merge keys (`<<`)."""

_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"})
_INT_FORMS = (
    (re.compile(r"[-+]?0b[01]+"), 2),
    (re.compile(r"[-+]?0o?[0-7]+"), 8),
    (re.compile(r"[-+]?0x[0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?[0-9]+"), 10),
)
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_INT_LIMIT = 2**63
_FORMS: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.ListType: "a list",
    inspect.StructType: "a mapping",
}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Place(NamedTuple):
    """Where something stands: line and column from 1, and the included file, or an empty text for the project file itself."""

    line: int
    column: int
    file: str = ""


class Positions:
    """The place of each path in the file. A path that is not in the file has the place of the mapping around it."""

    def __init__(self) -> None:
        self._values: dict[str, Place] = {}
        self._keys: dict[str, Place] = {}

    def put(self, path: str, node: Node, *, key: Scalar | None = None) -> None:
        """Note the places of the value at *path* and of its key."""
        self._values[path] = Place(node.line, node.column, node.file)
        if key is not None:
            self._keys[path] = Place(key.line, key.column, key.file)

    def at(self, path: str) -> Place:
        """Return the place of the value at *path*, or of the closest mapping around it."""
        while path and path not in self._values:
            path = _parent(path)
        return self._values[path]

    def at_key(self, path: str) -> Place:
        """Return the place of the key at *path*, which is in the file."""
        return self._keys[path]


class Walker:
    """One reading of a document. It gathers the findings of structure, and the positions."""

    def __init__(self) -> None:
        self.positions = Positions()
        self._findings: dict[tuple[str, int, int], Finding] = {}
        self._nodes = 0
        self._characters = 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings in file order. A place that is read several times through aliases gives one finding."""
        return tuple(self._findings[position] for position in sorted(self._findings))

    def read_file(self, root: Node) -> FileShape | None:
        """Return the file as its shape, or None if there are findings.

        Raises:
            SyntaxFault: Aliases or merge keys expand the file beyond its limits.
        """
        tree: object = {}
        self.positions.put("", root)
        if not _is_null(root):
            tree = self._read(root, _file_type(), "")
        return None if self._findings else msgspec.convert(tree, FileShape)

    def _either(self, node: Node, union: inspect.UnionType, path: str) -> object:
        """Read a node that may have several forms, which differ in whether they are text, a list or a mapping."""
        forms = {_FORMS[type(kind)]: kind for kind in union.types}
        for node_type, wanted in ((Scalar, "text"), (Sequence, "a list"), (Mapping, "a mapping")):
            if isinstance(node, node_type) and wanted in forms:
                return self._read(node, forms[wanted], path)
        return self._mistyped(node, path, " or ".join(forms))

    def _read(self, node: Node, kind: inspect.Type, path: str) -> object:
        self._spend(node)
        match kind:
            case inspect.UnionType():
                return self._either(node, kind, path)
            case inspect.StructType():
                return self._record(node, kind, path)
            case inspect.ListType():
                return self._list(node, kind.item_type, path)
            case inspect.DictType(value_type=inspect.StrType()):
                return self._text_map(node, path)
            case inspect.DictType():
                return self._map(node, kind.value_type, path)
            case inspect.IntType():
                return self._integer(node, path)
            case inspect.BoolType():
                return self._flag(node, path)
        return self._text(node, path)

    def _record(self, node: Node, kind: inspect.StructType, path: str) -> object:
        if not isinstance(node, Mapping):
            return self._mistyped(node, path, "a mapping")
        types = {field.encode_name: _present(field.type) for field in kind.fields}
        values: dict[str, object] = {}
        for name, (key, value) in self._entries(node, path).items():
            here = _join(path, name)
            if name not in types:
                self._report(key, here, unknown_key(name, path, list(types)))
            elif _is_null(value):
                self.positions.put(here, key, key=key)
            else:
                self.positions.put(here, value, key=key)
                values[name] = self._read(value, types[name], here)
        return values

    def _list(self, node: Node, kind: inspect.Type, path: str) -> object:
        if not isinstance(node, Sequence):
            return self._mistyped(node, path, "a list")
        items: list[object] = []
        for item in node.items:
            here = f"{path}[{len(items)}]"
            if not _is_null(item):
                self.positions.put(here, item)
                items.append(self._read(item, kind, here))
            else:
                self._spend(item)
                if isinstance(kind, inspect.DictType):  # a matrix row without variables is still a row
                    self.positions.put(here, item)
                    items.append({})
        return items

    def _text_map(self, node: Node, path: str) -> object:
        if not isinstance(node, Mapping):
            return self._mistyped(node, path, "a mapping")
        texts: dict[str, object] = {}
        for name, (key, value) in self._entries(node, path).items():
            here = join_key(path, name)
            self.positions.put(here, key if _is_null(value) else value, key=key)
            self._spend(value)
            texts[name] = self._text(value, here)
        return texts

    def _map(self, node: Node, kind: inspect.Type, path: str) -> object:
        """Read a mapping of any names to values of one kind. A name without a value has an empty one."""
        if not isinstance(node, Mapping):
            return self._mistyped(node, path, "a mapping")
        values: dict[str, object] = {}
        for name, (key, value) in self._entries(node, path).items():
            here = join_key(path, name)
            self.positions.put(here, key if _is_null(value) else value, key=key)
            values[name] = _empty(kind) if _is_null(value) else self._read(value, kind, here)
        return values

    def _entries(self, node: Mapping, path: str, depth: int = 0) -> dict[str, tuple[Scalar, Node]]:
        own: dict[str, tuple[Scalar, Node]] = {}
        merged: Node | None = None
        for key, value in node.pairs:
            self._spend(key)
            if not isinstance(key, Scalar):
                self._report(key, path, f"{_place(path)} has a list or mapping as a key")
            elif key.is_merge and merged is None:
                merged = value
            else:
                name = "" if key.is_null else key.text
                if key.is_merge or name in own:
                    self._report(key, join_key(path, name), f"mapping key {quote(name)} already defined")
                else:
                    own[name] = (key, value)
        if merged is not None:
            self._merge(merged, own, path, depth + 1)
        return own

    def _merge(self, source: Node, into: dict[str, tuple[Scalar, Node]], path: str, depth: int) -> None:
        """Add the keys of *source*, a mapping or a list of mappings, to *into*. A key that is there already stays."""
        if depth > MAX_MERGE_DEPTH:
            reason = f"merge keys lead through more than {MAX_MERGE_DEPTH} mappings"
            raise SyntaxFault(reason, line=source.line, column=source.column)
        for mapping in source.items if isinstance(source, Sequence) else [source]:
            self._spend(mapping)
            if not isinstance(mapping, Mapping):
                self._report(mapping, path, "merge key << takes a mapping or a list of mappings")
                continue
            for name, entry in self._entries(mapping, path, depth).items():
                into.setdefault(name, entry)

    def _text(self, node: Node, path: str) -> object:
        if not isinstance(node, Scalar):
            return self._mistyped(node, path, "text")
        return "" if node.is_null else node.text

    def _integer(self, node: Node, path: str) -> object:
        number = parse_integer(node.text) if isinstance(node, Scalar) and node.plain else None
        if number is None:
            return self._mistyped(node, path, "a whole number")
        if not -_INT_LIMIT <= number < _INT_LIMIT:
            return self._mistyped(node, path, f"a whole number of at most {_INT_LIMIT - 1}")
        return number

    def _flag(self, node: Node, path: str) -> object:
        if isinstance(node, Scalar) and node.plain and node.text in _TRUE | _FALSE:
            return node.text in _TRUE
        return self._mistyped(node, path, "true or false")

    def _mistyped(self, node: Node, path: str, wanted: str) -> object:
        self._report(node, path, f"{_place(path)} must be {wanted}, not {_described(node)}")
        return None

    def _report(self, node: Node, path: str, message: str) -> None:
        finding = Finding(line=node.line, column=node.column, path=path, message=message, file=node.file)
        self._findings.setdefault((node.file, node.line, node.column), finding)

    def _spend(self, node: Node) -> None:
        # Aliases make the tree a graph: ten lines of them can stand for a billion values. So each visit of a node counts,
        # not each node, and reading ends before it takes long.
        self._nodes += 1
        self._characters += len(node.text) if isinstance(node, Scalar) else 0
        if self._nodes > MAX_NODES or self._characters > MAX_TEXT:
            limits = f"{MAX_NODES} values or {MAX_TEXT} characters"
            reason = f"aliases expand the file to more than {limits}"
            raise SyntaxFault(reason, line=node.line, column=node.column)


def parse_integer(text: str) -> int | None:
    """Return the integer that *text* means in YAML; None if it means none.

    Hexadecimal, octal (``010`` is 8), binary, ``_`` between digits, and a float with a whole value (``1e3``) are allowed.
    """
    digits = text.replace("_", "")
    if len(digits) > 80 or text.startswith("_"):
        return None
    number: int | None = None
    for form, base in _INT_FORMS:
        if form.fullmatch(digits):
            number = int(digits, base) if base != 8 else int(digits.replace("o", ""), 8)
            break
    else:
        if _FLOAT.fullmatch(digits) and float(digits).is_integer():
            number = int(float(digits))
    return number


def join_key(path: str, name: str) -> str:
    """Return the path of the key *name* in the mapping at *path*. A name that is not a plain word is quoted."""
    return _join(path, name) if _PLAIN_KEY.fullmatch(name) else f"{path}[{quote(name)}]"


@cache
def _file_type() -> inspect.Type:
    return inspect.type_info(FileShape)


def _present(kind: inspect.Type) -> inspect.Type:
    """Return the type of a value that is there: the schema's type without None."""
    if not isinstance(kind, inspect.UnionType):
        return kind
    members = tuple(member for member in kind.types if not isinstance(member, inspect.NoneType))
    return members[0] if len(members) == 1 else inspect.UnionType(members)


def _empty(kind: inspect.Type) -> object:
    return [] if isinstance(kind, inspect.ListType) else {}


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parent(path: str) -> str:
    return path[: max(path.rfind("."), path.rfind("["), 0)]


def _place(path: str) -> str:
    return path or "the top level"


def _described(node: Node) -> str:
    match node:
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
    return quote(node.text)[1:-1] if node.plain else f"the text {quote(node.text)}"
