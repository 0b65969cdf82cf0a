"""Masking text that comes in pieces."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cictl.redaction import Redactor, forms_of

SECRETS = st.lists(st.text(alphabet="abc", min_size=1, max_size=5), min_size=1, max_size=4)
PIECES = st.lists(st.text(alphabet="abcd\n", max_size=6), max_size=12)


def streamed(redactor: Redactor, pieces: list[str]) -> str:
    return "".join(map(redactor.feed, pieces)) + redactor.flush()


@pytest.mark.weakness("A12.5e")
@settings(deadline=None)
@given(SECRETS, PIECES)
def test_result_does_not_depend_on_where_pieces_are_cut(secrets: list[str], pieces: list[str]) -> None:
    assert streamed(Redactor(secrets), pieces) == Redactor(secrets).redact("".join(pieces))


@settings(deadline=None)
@given(SECRETS, PIECES)
def test_every_character_of_every_occurrence_is_masked(secrets: list[str], pieces: list[str]) -> None:
    text = "".join(pieces)
    hidden = [False] * len(text)
    for form in forms_of(secrets):
        for match in re.finditer(f"(?={re.escape(form)})", text):
            hidden[match.start() : match.start() + len(form)] = [True] * len(form)
    shown = "".join(char for char, is_hidden in zip(text, hidden, strict=True) if not is_hidden)
    assert streamed(Redactor(secrets), pieces).replace("***", "") == shown


@settings(deadline=None)
@given(st.lists(st.text(min_size=4), min_size=1, max_size=3), st.text(), st.text(), st.data())
def test_no_form_of_a_secret_gets_through_at_any_cut(
    secrets: list[str], before: str, after: str, data: st.DataObject
) -> None:
    forms = forms_of(secrets)
    text = before + (data.draw(st.sampled_from(forms)) if forms else "") + after
    cut = data.draw(st.integers(0, len(text)))
    shown = streamed(Redactor(secrets), [text[:cut], text[cut:]])
    assert not [part for part in shown.split("***") for form in forms if form in part]


@settings(deadline=None)
@given(SECRETS, st.lists(st.text(alphabet="defg\n ", max_size=6), max_size=12))
def test_texts_without_secrets_pass_unchanged(secrets: list[str], pieces: list[str]) -> None:
    assert streamed(Redactor(secrets), pieces) == "".join(pieces)


@settings(deadline=None)
@given(SECRETS, PIECES)
def test_only_a_proper_beginning_of_a_secret_is_held_back(secrets: list[str], pieces: list[str]) -> None:
    redactor = Redactor(secrets)
    shown = "".join(map(redactor.feed, pieces))
    held = redactor.flush()
    whole = "".join(pieces)
    assert shown + held == Redactor(secrets).redact(whole)
    assert not held or any(form.startswith(whole[-length:]) for form in forms_of(secrets) for length in range(1, 6))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_secret_in_small_pieces_is_masked(size: int) -> None:
    text = "say hunter22!"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert streamed(Redactor(["hunter22"]), pieces) == "say ***!"


def test_longer_secret_wins_over_its_beginning() -> None:
    assert streamed(Redactor(["abc", "abcdef"]), ["xabc", "defx abcx"]) == "x***x ***x"


@pytest.mark.weakness("V12")
def test_longer_secret_wins_over_one_inside_of_it() -> None:
    assert Redactor(["tok", "my-token-1"]).redact("my-token-1 tok") == "*** ***"


def test_neighbours_are_masked_one_by_one() -> None:
    assert Redactor(["key"]).redact("keykey") == "******"


def test_blank_values_mask_nothing() -> None:
    assert Redactor(["", "  ", "\n"]).redact("a  b\n") == "a  b\n"
