"""Reading coverage in XML: Cobertura's format, which many tools write, and JaCoCo's."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element  # nosec B405 # the type; `xml` parses with defusedxml

from cictl_agent.job.reports.coverage import FileHits, FileTable, Hits
from cictl_agent.job.reports.problems import ReportError, with_slashes
from cictl_agent.job.reports.xml import parse_xml, tag_of


def read_cobertura(content: bytes) -> Hits:
    """Read the lines of each class's file; a line that is listed at its method and at its class counts once.

    Raises:
        ReportError: It is not XML, has another root, or a number is malformed.
    """
    files = FileTable()

    def note(element: Element) -> None:
        file = files[with_slashes(element.get("filename", ""))]
        for line in element.iter():
            if tag_of(line) == "line":
                file.note((_number(line, "number"),), hits=_number(line, "hits"))

    _read_each(content, "class", note, root="coverage", what="Cobertura report")
    return Hits(formats=["cobertura"], lines=files)


def read_jacoco(content: bytes) -> Hits:
    """Read the lines of each source file. A line is covered if any of its instructions was run.

    Raises:
        ReportError: It is not XML, has another root, or a number is malformed.
    """
    files = FileTable()

    def note(package: Element) -> None:
        for source in package:
            if tag_of(source) == "sourcefile":
                path = "/".join(filter(None, (package.get("name", ""), source.get("name", ""))))
                _note_source(files[path], source)

    _read_each(content, "package", note, root="report", what="JaCoCo report")
    return Hits(formats=["jacoco"], lines=files)


def _read_each(content: bytes, tag: str, note: Callable[[Element], None], *, root: str, what: str) -> None:
    """Give each element *tag* of a document to *note*, at any depth; one may come twice.

    Raises:
        ReportError: It is not XML, or its root is not *root*.
    """

    def take(element: Element) -> bool:
        if tag_of(element) != tag:
            return False
        note(element)
        return True

    document = parse_xml(content, what, take=take)
    if tag_of(document) != root:
        raise ReportError(f"not a {what} by its root", tag_of(document))


def _note_source(file: FileHits, source: Element) -> None:
    for child in source:
        if tag_of(child) == "line":
            file.note((_number(child, "nr"),), hits=_number(child, "ci"))
        elif tag_of(child) == "counter" and child.get("type") == "LINE":
            covered = _number(child, "covered")
            file.declare(total=covered + _number(child, "missed"), covered=covered)


def _number(element: Element, key: str) -> int:
    text = element.get(key, "")
    try:
        return int(text)
    except ValueError as error:
        raise ReportError(f"the {key} of a <{tag_of(element)}> is no number", text) from error
