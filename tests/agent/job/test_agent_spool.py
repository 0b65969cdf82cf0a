from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cictl.redaction import Redactor
from cictl_agent.log.spool import JobLog


def whole(log: JobLog) -> bytes:
    return log.read(0, 1 << 20)


def test_bytes_are_kept_as_they_came(log: JobLog) -> None:
    log.write("grün ".encode())
    log.write(b"\x1b[1mbold\x1b[0m\r\n")
    assert whole(log) == "grün \x1b[1mbold\x1b[0m\r\n".encode()


def test_character_cut_in_two_is_joined(log: JobLog) -> None:
    log.write(b"\xe2\x82")
    assert log.size == 0
    log.write(b"\xac")
    assert whole(log) == "€".encode()


def test_bytes_that_are_not_utf8_are_replaced(log: JobLog) -> None:
    log.write(b"a\xffb\xe2")
    log.finish()
    assert whole(log).decode() == "a\ufffdb\ufffd"


def test_remarks_stand_on_lines_of_their_own(log: JobLog) -> None:
    log.line("[meta] x")
    log.write(b"no newline")
    log.line("[control] y")
    assert whole(log) == b"[meta] x\nno newline\n[control] y\n"


def test_names_that_are_not_utf8_can_be_remarked(log: JobLog) -> None:
    log.line("skipped \udcff")
    assert whole(log) == b"skipped ?\n"


@given(st.text(alphabet="aé€𝄞", max_size=60), st.integers(min_value=4, max_value=9))
@settings(deadline=None)
def test_pieces_are_cut_between_characters_and_add_up(
    tmp_path_factory: pytest.TempPathFactory, text: str, limit: int
) -> None:
    with JobLog(tmp_path_factory.mktemp("log") / "l", Redactor([])) as log:
        log.write(text.encode())
        pieces: list[str] = []
        offset = 0
        while piece := log.read(offset, limit):
            pieces.append(piece.decode())
            offset += len(piece)
    assert "".join(pieces) == text


def test_tail_begins_at_a_character(log: JobLog) -> None:
    log.write("€€€".encode())
    assert log.tail(7) == "€€"


@pytest.mark.parametrize(("offset", "start"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 4), (5, 4), (7, 7), (99, 7)])
def test_start_of_the_character_at_an_offset(log: JobLog, offset: int, start: int) -> None:
    log.write("a€€".encode())
    assert log.character_start(offset) == start


def test_digest_is_that_of_the_file(log: JobLog) -> None:
    log.write(b"abc")
    log.line("[x]")
    assert log.sha256() == hashlib.sha256(whole(log)).hexdigest()


def test_secrets_never_reach_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "l"
    with JobLog(path, Redactor(["hunter22"])) as log:
        for byte in b"say hunter22!":
            log.write(bytes([byte]))
            assert b"hunter" not in path.read_bytes()
        log.finish()
        assert path.read_bytes() == b"say ***!"
    assert not path.exists()
