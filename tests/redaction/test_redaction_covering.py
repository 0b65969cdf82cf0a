"""Overwriting secrets in place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cictl.redaction import Cover, forms_of

SECRETS = st.lists(st.text(alphabet="abé", min_size=1, max_size=5), min_size=1, max_size=4)
TEXTS = st.text(alphabet="abéd\n", max_size=40)


@settings(deadline=None)
@given(SECRETS, TEXTS)
def test_covered_bytes_keep_their_places_and_hold_no_secret(secrets: list[str], text: str) -> None:
    data = text.encode()
    covered = Cover(secrets).covered(data)
    assert len(covered) == len(data)
    assert {new for old, new in zip(data, covered, strict=True) if old != new} <= {ord("*")}
    assert not [form for form in forms_of(secrets) if form.encode() in covered]
    covered.decode()


@settings(deadline=None)
@given(SECRETS, TEXTS, st.data())
def test_what_is_decided_does_not_change_with_what_comes_next(
    secrets: list[str], text: str, data: st.DataObject
) -> None:
    cover = Cover(secrets)
    whole = text.encode()
    cut = data.draw(st.integers(0, len(whole)))
    beginning = whole[:cut]
    decided = cover.undecided_from(beginning)
    assert cut - decided < max(cover.reach, 1)
    assert cover.covered(beginning)[:decided] == cover.covered(whole)[:decided]


@pytest.mark.parametrize(
    ("tail", "shown"),
    [(b"ter22 and hunter22", b"***** and ********"), (b"other", b"other"), (b"2", b"*"), (b"", b"")],
)
def test_the_rest_of_a_secret_at_a_cut_is_covered(tail: bytes, shown: bytes) -> None:
    assert Cover(["hunter22"]).covered_tail(tail) == shown
