"""JUnit's XML, as its many writers write it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cictl.wire.reports import TestCase, TestSuite
from cictl_agent.job.reports.problems import ReportError, suite_of

_FORMAT = "junit-xml"
_FAILURES = ("failure", "error")
_DECLARATION = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["'][^>]*\?>""")


def read_junit(content: bytes, suite: str) -> TestSuite:
    """Read a report whose root is `testsuite` or `testsuites`; nested suites become one.

    The counts come from the cases; only where there are none from the root suites' attributes.

    Raises:
        ReportError: Not XML, another root, a count or a time that is no number, an unknown encoding.
    """
    root = _parse(content)
    if _tag(root) not in ("testsuite", "testsuites"):
        raise ReportError(f"not a JUnit report: its root is <{_tag(root)}>")
    cases = [_case(element, parent) for element, parent in _cases(root, root)]
    name = suite or next((n for e in _suites(root) if (n := e.get("name", ""))), "")
    return suite_of(cases, form=_FORMAT, name=name) if cases else _counted(root, name)


def _parse(content: bytes) -> Element:
    try:
        root: Element = fromstring(content)
    except DefusedXmlException as error:
        raise ReportError(f"not a JUnit report: {type(error).__name__}") from error
    except (ParseError, ValueError, LookupError) as error:
        declared = _DECLARATION.match(content)
        if declared is None or declared[1].lower() in (b"utf-8", b"utf8"):
            raise ReportError(f"not XML: {error}") from error
        return _parse(_as_utf8(content, declared, error))
    return root


def _as_utf8(content: bytes, declared: re.Match[bytes], error: Exception) -> bytes:
    """Return the document in UTF-8, for encodings that the parser does not know."""
    encoding = declared[1].decode()
    try:
        text = content[declared.end() :].decode(encoding)
    except (LookupError, UnicodeDecodeError):
        raise ReportError(f"not XML in {encoding}: {error}") from error
    return b'<?xml version="1.0" encoding="utf-8"?>' + text.encode()


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Element, *tags: str) -> Iterator[Element]:
    return (child for child in element if _tag(child) in tags)


def _suites(root: Element) -> Iterator[Element]:
    if _tag(root) == "testsuite":
        yield root
    for child in _children(root, "testsuite", "testsuites"):
        yield from _suites(child)


def _cases(element: Element, suite: Element) -> Iterator[tuple[Element, Element]]:
    """Yield each case with the suite it stands in."""
    for child in element:
        if _tag(child) == "testcase":
            yield child, suite
        elif _tag(child) in ("testsuite", "testsuites"):
            yield from _cases(child, child)


def _case(element: Element, suite: Element) -> TestCase:
    problems = list(_children(element, *_FAILURES, "skipped"))
    has_failed = any(_tag(problem) in _FAILURES for problem in problems)
    streams = list(_children(element, "system-out", "system-err"))
    return TestCase(
        status="fail" if has_failed else "skip" if problems else "pass",
        package=element.get("classname") or suite.get("package") or suite.get("name") or "",
        name=element.get("name", ""),
        file=element.get("file", "").replace("\\", "/").removeprefix("./"),
        line=int(_number(element, "line")),
        duration_seconds=_number(element, "time"),
        output="\n".join([*map(_problem_text, problems), *filter(None, map(_stream_text, streams))]),
    )


def _problem_text(problem: Element) -> str:
    words = [_tag(problem)]
    words += [f"{key}={value}" for key in ("type", "message") if (value := problem.get(key))]
    text = "".join(problem.itertext()).strip()
    return " ".join(words) + (f"\n{text}" if text else "")


def _stream_text(stream: Element) -> str:
    text = "".join(stream.itertext()).strip()
    return f"{_tag(stream)}:\n{text}" if text else ""


def _counted(root: Element, name: str) -> TestSuite:
    """Return a suite without cases from the outermost counts that are there."""
    tops = [root] if _tag(root) == "testsuite" or root.get("tests") else list(_children(root, "testsuite"))
    total = sum(_count(top, "tests") for top in tops)
    failed = sum(_count(top, "failures") + _count(top, "errors") for top in tops)
    skipped = sum(_count(top, "skipped") for top in tops)
    passed = max(0, total - failed - skipped)
    return TestSuite(format=_FORMAT, name=name, total=total, passed=passed, failed=failed, skipped=skipped)


def _count(element: Element, key: str) -> int:
    value = _number(element, key)
    if value < 0 or value != int(value):
        raise ReportError(f'<{_tag(element)}> has {key}="{element.get(key)}", which is no count')
    return int(value)


def _number(element: Element, key: str) -> float:
    """Return a numeric attribute, 0 without one; some writers put commas between thousands."""
    text = element.get(key, "").strip()
    try:
        value = float(text.replace(",", "")) if text else 0.0
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ReportError(f'<{_tag(element)}> has {key}="{text}", which is no number')
    return value
