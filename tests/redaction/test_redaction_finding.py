"""Finding patterns, against the plain way to say what is meant."""

from __future__ import annotations

import random
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from cictl.redaction import Cover, Redactor
from cictl.redaction.finding import Finder, merged

PATTERNS = st.lists(st.text(alphabet="ab", min_size=1, max_size=24), min_size=1, max_size=6)
TEXTS = st.text(alphabet="abc", max_size=60)


@st.composite
def patterns_and_a_text(draw: st.DrawFn) -> tuple[list[str], str]:
    """Return patterns, and a text that often begins or ends within one."""
    patterns = draw(PATTERNS)
    at_start, at_end = draw(st.sampled_from(patterns)), draw(st.sampled_from(patterns))
    head = at_start[draw(st.integers(0, len(at_start))) :]
    tail = at_end[: draw(st.integers(0, len(at_end)))]
    return patterns, head + draw(TEXTS) + tail


@settings(deadline=None, max_examples=300)
@given(patterns_and_a_text())
def test_where_a_text_may_be_cut_off(case: tuple[list[str], str]) -> None:
    patterns, text = case
    beginnings = {pattern[:size] for pattern in patterns for size in range(1, len(pattern))}
    ends = {pattern[-size:] for pattern in patterns for size in range(1, len(pattern))}
    finder = Finder(patterns)
    assert finder.undecided_from(text) == next((at for at in range(len(text)) if text[at:] in beginnings), len(text))
    assert finder.left_over_until(text) == max((at for at in range(1, len(text) + 1) if text[:at] in ends), default=0)


@settings(deadline=None, max_examples=300)
@given(patterns_and_a_text())
def test_where_patterns_stand(case: tuple[list[str], str]) -> None:
    patterns, text = case
    there = [(at, at + len(p)) for p in patterns for at in range(len(text)) if text.startswith(p, at)]
    assert Finder(patterns).spans(text) == merged(set(there))


def test_large_secrets_are_found_and_so_is_the_rest_of_one() -> None:
    """Each has thousands of forms, and beginnings by the ten thousand."""
    source = random.Random(64)
    values = ["".join(source.choices(string.ascii_letters + "äö€", k=1 << 16)) for _ in range(3)]
    first, second, third = values
    redactor = Redactor(values)
    shown = redactor.feed(f"<{first}> <{second[:40_000]}")
    assert shown == "<***> <"
    assert redactor.feed(f"{second[40_000:]}>") + redactor.flush() == "***>"
    tail = third[-50_000:].encode()
    assert Cover(values).covered_tail(tail + b" end") == b"*" * len(tail) + b" end"
