from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cictl_agent.redact import Redactor, patterns_of, url_secrets

SECRETS = st.lists(st.text(alphabet="abc", min_size=1, max_size=5), min_size=1, max_size=4)
PIECES = st.lists(st.text(alphabet="abcd\n", max_size=6), max_size=12)


def streamed(redactor: Redactor, pieces: list[str]) -> str:
    return "".join(map(redactor.feed, pieces)) + redactor.flush()


@settings(deadline=None)
@given(SECRETS, PIECES)
def test_result_does_not_depend_on_where_pieces_are_cut(secrets: list[str], pieces: list[str]) -> None:
    assert streamed(Redactor(secrets), pieces) == Redactor(secrets).redact("".join(pieces))


@settings(deadline=None)
@given(SECRETS, PIECES)
def test_every_character_of_every_occurrence_is_masked(secrets: list[str], pieces: list[str]) -> None:
    text = "".join(pieces)
    hidden = [False] * len(text)
    for pattern in patterns_of(secrets):
        for match in re.finditer(f"(?={re.escape(pattern)})", text):
            hidden[match.start() : match.start() + len(pattern)] = [True] * len(pattern)
    shown = "".join(char for char, is_hidden in zip(text, hidden, strict=True) if not is_hidden)
    assert streamed(Redactor(secrets), pieces).replace("***", "") == shown


@settings(deadline=None)
@given(SECRETS, PIECES)
def test_only_a_proper_beginning_of_a_secret_is_held_back(secrets: list[str], pieces: list[str]) -> None:
    redactor = Redactor(secrets)
    for piece in pieces:
        redactor.feed(piece)
    held = redactor._held
    assert not held or any(p.startswith(held) and p != held for p in patterns_of(secrets))


def test_secret_cut_into_single_characters_is_masked() -> None:
    assert streamed(Redactor(["hunter22"]), list("say hunter22!")) == "say ***!"


def test_longer_secret_wins_over_its_beginning() -> None:
    assert streamed(Redactor(["abc", "abcdef"]), ["xabc", "defx abcx"]) == "x***x ***x"


def test_neighbours_are_masked_one_by_one() -> None:
    assert Redactor(["key"]).redact("keykey") == "******"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(base64.b64encode(b'p"s s/w+rd?').decode(), id="base64"),
        pytest.param(base64.b64encode(b'user:p"s s/w+rd?').decode(), id="base64-of-user-and-value"),
        pytest.param(base64.urlsafe_b64encode(b'p"s s/w+rd?').decode(), id="urlsafe-base64"),
        pytest.param(quote('p"s s/w+rd?', safe=""), id="url"),
        pytest.param(json.dumps('p"s s/w+rd?')[1:-1], id="json"),
    ],
)
def test_common_encodings_are_masked(text: str) -> None:
    shown = Redactor(['p"s s/w+rd?']).redact(f"<{text}>")
    assert "***" in shown
    assert text[8:-2] not in shown


def test_lines_of_a_multi_line_secret_are_masked_but_not_its_short_ones() -> None:
    redactor = Redactor(["-----BEGIN-----\nMIIEow\nend\n"])
    assert redactor.redact("x MIIEow x end x") == "x *** x end x"


def test_blank_values_mask_nothing() -> None:
    assert Redactor(["", "  ", "\n"]).redact("a  b\n") == "a  b\n"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        pytest.param("https://me:s3cret@host/r.git", ["me:s3cret@", "s3cret"], id="password"),
        pytest.param("https://ghp_token@host/r.git", ["ghp_token@", "ghp_token"], id="token-as-user"),
        pytest.param("https://me:s%2Fcret@host/r.git", ["me:s%2Fcret@", "s%2Fcret", "s/cret"], id="encoded"),
        pytest.param("https://host/r.git", [], id="none"),
        pytest.param("git@host:r.git", [], id="ssh"),
        pytest.param("/srv/r.git", [], id="path"),
    ],
)
def test_user_info_of_a_repository_is_secret(url: str, secrets: list[str]) -> None:
    assert url_secrets(url) == secrets
