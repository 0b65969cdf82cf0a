"""Reading JUnit's XML in the variants that its many writers produce."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element  # nosec B405 # the type; `xml` parses with defusedxml

from cictl.wire.results.reports import TestCase, TestSuite
from cictl_agent.job.reports.problems import MOST_COUNTED, ReportError, suite_of, with_slashes
from cictl_agent.job.reports.xml import parse_xml, tag_of

_FORMAT = "junit-xml"
_FAILURES = ("failure", "error")
_NOT_RUN = frozenset({"notrun", "disabled", "skipped", "suppressed", "ignored"})
"""Values of a case's attributes `status` and `result` that mean it was not run; googletest and ctest write them."""

_NOT_STARTED = re.compile(r"Unable to find|Required Files Missing|Fixture dependency failed|Failed to start")
"""ctest writes a test that could not be run as skipped, with such a message, but counts it as failed."""

_MAY_FAIL = "TEST_CASE tagged with !mayfail"
"""catch2 writes that into a `skipped` of each case that may fail, or should, whether it did or not."""

_FAILURES_OF_NODE = re.compile(rb"<!-- fail (\d{1,12}) -->")
"""node writes no case for a test that has subtests, so its own failure is only in the sum at the report's end."""

_DECIMAL_COMMA = re.compile(r"-?\d*,\d+|-?\d{1,3}(\.\d{3})+,\d+")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(,\d{3})+")


def read_junit(content: bytes, suite: str, remarks: list[str]) -> TestSuite:
    """Read a report whose root is `testsuite` or `testsuites`; nested suites become one.

    The counts come from the cases. A report without cases is counted by the attributes of its outermost suites. A failure
    that a suite has beside its cases becomes a failed case.

    Args:
        remarks: Receives what is odd about the report and worth a line in the log.

    Raises:
        ReportError: It is not XML, has another root or an unknown encoding, or a count or time is not a number.
    """
    root = parse_xml(content, "JUnit report")
    if tag_of(root) not in ("testsuite", "testsuites"):
        raise ReportError("not a JUnit report by its root", tag_of(root))
    cases = list(_cases(root, root))
    name = suite or next((n for e in _suites(root) if (n := e.get("name", ""))), "")
    if not cases:
        return _counted(root, name)
    found = suite_of(cases, form=_FORMAT, name=name)
    declared, shown = _declared_failures(root), max(found.failed, _failure_elements(root))
    if not shown and (sum_of_node := _FAILURES_OF_NODE.search(content)):
        declared = max(declared, int(sum_of_node[1]))
    if declared > shown:
        remarks.append(f"the report declares failures: {declared}; its cases show {shown}")
    return found


def _children(element: Element, *tags: str) -> Iterator[Element]:
    return (child for child in element if tag_of(child) in tags)


def _suites(root: Element) -> Iterator[Element]:
    if tag_of(root) == "testsuite":
        yield root
    for child in _children(root, "testsuite", "testsuites"):
        yield from _suites(child)


def _cases(element: Element, suite: Element) -> Iterator[TestCase]:
    """Yield the cases of *element* and of the suites in it."""
    problems = list(_children(element, *_FAILURES))
    if problems:
        output = "\n".join(map(_problem_text, problems))
        yield TestCase(status="fail", package=suite.get("package", ""), name=suite.get("name", ""), output=output)
    for child in element:
        if tag_of(child) == "testcase":
            yield _case(child, suite)
        elif tag_of(child) in ("testsuite", "testsuites"):
            yield from _cases(child, child)


def _case(element: Element, suite: Element) -> TestCase:
    problems = list(_children(element, *_FAILURES, "skipped"))
    streams = list(_children(element, "system-out", "system-err"))
    name = element.get("name", "")
    group = element.get("classname", "")
    return TestCase(
        status=_status(element, problems),
        # Some writers give the whole name of a test twice; once is enough.
        package=(group if group != name else "") or suite.get("package") or suite.get("name") or "",
        name=name,
        file=with_slashes(element.get("file", "")).removeprefix("./"),
        line=int(_number(element, "line")),
        duration_seconds=_seconds(element),
        output="\n".join([*map(_problem_text, problems), *filter(None, map(_stream_text, streams))]),
    )


def _status(element: Element, problems: list[Element]) -> str:
    unmarked = [problem for problem in problems if problem.get("message") != _MAY_FAIL]
    if len(unmarked) < len(problems):
        return "skip" if unmarked else "pass"
    if any(tag_of(problem) in _FAILURES or _NOT_STARTED.match(problem.get("message", "")) for problem in problems):
        return "fail"
    was_not_run = {element.get("status", "").casefold(), element.get("result", "").casefold()} & _NOT_RUN
    return "skip" if problems or was_not_run else "pass"


def _problem_text(problem: Element) -> str:
    """Return a failure as text; a message that the text repeats is left out."""
    text = "".join(problem.itertext()).strip()
    words = [tag_of(problem)]
    words += [f"type={value}"] if (value := problem.get("type")) else []
    words += [f"message={value}"] if (value := problem.get("message")) and value.strip() not in text else []
    return " ".join(words) + (f"\n{text}" if text else "")


def _stream_text(stream: Element) -> str:
    text = "".join(stream.itertext()).strip()
    return f"{tag_of(stream)}:\n{text}" if text else ""


def _counted(root: Element, name: str) -> TestSuite:
    """Return a suite without cases, counted by the attributes of the outermost suites."""
    tops = [root] if tag_of(root) == "testsuite" or root.get("tests") else list(_children(root, "testsuite"))
    total = sum(_count(top, "tests") for top in tops)
    failed = sum(_count(top, "failures") + _count(top, "errors") for top in tops)
    skipped = sum(_count(top, "skipped") for top in tops)
    passed = max(0, total - failed - skipped)
    return TestSuite(format=_FORMAT, name=name, total=total, passed=passed, failed=failed, skipped=skipped)


def _declared_failures(root: Element) -> int:
    """Return how many failures the report declares; 0 if its counts are not numbers, since only the cases count."""
    try:
        return _counted(root, "").failed
    except ReportError:
        return 0


def _failure_elements(root: Element) -> int:
    """Return how many failure elements the report has: some writers count these, not the cases that have them."""
    return sum(tag_of(element) in _FAILURES for element in root.iter())


def _count(element: Element, key: str) -> int:
    value = _number(element, key)
    if value < 0 or value != int(value):
        raise ReportError(f"{key} of a <{tag_of(element)}> is no count", element.get(key, ""))
    return int(value)


def _seconds(element: Element) -> float:
    """Return how long a case took in seconds; a time that is `nan` or infinite counts as 0."""
    text = element.get("time", "").strip()
    if text.casefold().lstrip("+-") in ("nan", "inf", "infinity"):
        return 0.0
    return _number(element, "time")


def _number(element: Element, key: str) -> float:
    """Return a numeric attribute, 0 without one. In `1,234` the comma separates thousands, in `0,5` the fraction."""
    text = element.get(key, "").strip()
    plain = text
    if _THOUSANDS.fullmatch(text.partition(".")[0]):
        plain = text.replace(",", "")
    elif _DECIMAL_COMMA.fullmatch(text):
        plain = text.replace(".", "").replace(",", ".")
    try:
        value = float(plain) if plain else 0.0
    except ValueError:
        value = math.nan
    if not abs(value) <= MOST_COUNTED:  # nan is not
        raise ReportError(f"{key} of a <{tag_of(element)}> is no number up to {MOST_COUNTED}", text)
    return value
