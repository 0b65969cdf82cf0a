"""Parsing the XML of reports, which is not always well-formed."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element, ParseError, TreeBuilder  # nosec B405 # defusedxml parses

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from cictl_agent.job.reports.problems import ReportError

_DECLARATION = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["'][^>]*\?>""")
_REFERENCE = re.compile(r"&#(x[0-9A-Fa-f]+|[0-9]+);")

# https://www.w3.org/TR/xml/#charsets: what no document may hold, raw or as a reference.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INSTEAD = "\ufffd"

# https://www.w3.org/TR/xml/#syntax: only the end of a CDATA section may look like that; node writes it into messages.
# What is not closed goes on to the end: to look for each end anew would take the square of the length.
_SECTION_OR_END = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|\]\]>", re.DOTALL)


_LONGEST_DECLARATION = 1000
_MOST_DIGITS = 1000
"""Python refuses to read more than 4,300. So many without the rest are beyond any character too, unless they are zeros."""
_MOST_LEVELS = 100
_MOST_ELEMENTS = 1_000_000
"""How many elements a document may have in memory; each takes some 400 bytes."""

Taker = Callable[[Element], bool]
"""Looks at an element that has ended, and tells whether nothing in it is needed any more."""


def parse_xml(content: bytes, what: str, *, take: Taker = lambda element: False) -> Element:
    """Parse a document, and mend what real writers get wrong.

    That is blanks before the declaration, encodings that the parser does not know, characters that XML forbids, raw or
    as references, and `]]>` in a text.

    Args:
        what: What the document should be, such as `JUnit report`, for the error.
        take: Called with each element when it ends. What it takes is emptied, so a large document takes little memory. If the
            document has to be mended, it gets the same elements again.

    Raises:
        ReportError: It is not XML, declares entities, or has too many levels or elements.
    """
    content = content.lstrip()
    try:
        root = _parse(content, take)
    except DefusedXmlException as error:
        raise ReportError(f"not a {what}: {type(error).__name__}") from error
    except ReportError:
        raise
    except (ParseError, ValueError, LookupError) as error:
        return _parse_mended(content, what, error, take)
    return root


def tag_of(element: Element) -> str:
    """Return the name of an element, without its name space."""
    return str(element.tag).rpartition("}")[2]


class _BoundedTree(TreeBuilder):
    """Builds a tree as long as it has not too many levels and elements."""

    def __init__(self, take: Taker) -> None:
        super().__init__()
        self._take = take
        self._elements = 0
        self._before: list[int] = []

    def start(self, tag: str, attributes: dict[str, str], /) -> Element:
        self._before.append(self._elements)
        self._elements += 1
        if len(self._before) > _MOST_LEVELS:
            raise ReportError(f"more than {_MOST_LEVELS} elements are inside each other")
        if self._elements > _MOST_ELEMENTS:
            raise ReportError(f"more than {_MOST_ELEMENTS} elements")
        return super().start(tag, attributes)

    def end(self, tag: str, /) -> Element:
        element = super().end(tag)
        before = self._before.pop()
        if self._take(element):
            element.clear()
            self._elements = before + 1
        return element


def _parse(content: bytes, take: Taker) -> Element:
    parser = DefusedXMLParser(target=_BoundedTree(take))
    parser.feed(content)
    root: Element = parser.close()
    return root


def _parse_mended(content: bytes, what: str, error: Exception, take: Taker) -> Element:
    """Parse a document again, as UTF-8 and with what XML forbids replaced."""
    declared = _DECLARATION.match(content[:_LONGEST_DECLARATION])
    encoding = declared[1].decode() if declared else "utf-8"
    try:
        text = content[declared.end() if declared else 0 :].decode(encoding)
    except (LookupError, UnicodeDecodeError):
        raise ReportError(f"not XML in {encoding}: {error}") from error
    mended = _REFERENCE.sub(_mended_reference, _NO_CHARACTER.sub(_INSTEAD, text))
    mended = _SECTION_OR_END.sub(lambda found: "]]&gt;" if found[0] == "]]>" else found[0], mended)
    if mended == text and encoding.lower() in ("utf-8", "utf8"):
        raise ReportError(f"not XML: {error}") from error
    try:
        root = _parse(b'<?xml version="1.0" encoding="utf-8"?>' + mended.encode(), take)
    except DefusedXmlException as refused:
        raise ReportError(f"not a {what}: {type(refused).__name__}") from refused
    except ReportError:
        raise
    except (ParseError, ValueError) as still:
        raise ReportError(f"not XML: {still}") from still
    return root


def _mended_reference(found: re.Match[str]) -> str:
    digits = found[1]
    number = int(digits[1:], 16) if digits[0] == "x" else int(digits[:_MOST_DIGITS])
    is_character = number <= 0x10FFFF and not _NO_CHARACTER.match(chr(number))
    return found[0] if is_character else _INSTEAD
