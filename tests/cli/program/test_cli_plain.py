"""Names and logs from elsewhere can't steer the terminal."""

from __future__ import annotations

import pytest

from cictl.base.text.plain import LogCleaner, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("build-1", "build-1", id="nothing to strip"),
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colours"),
        pytest.param("a\x1b[2J\x1b[Hb", "ab", id="clear screen"),
        pytest.param("\x1b]0;title\x07x", "x", id="window title"),
        pytest.param("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link", id="hyperlink"),
        pytest.param("a\nb\rc\td", "a b c d", id="one line"),
        pytest.param("safe\u202egnp", "safe gnp", id="direction override"),
        pytest.param("a\u200fb\u061cc", "a b c", id="direction marks"),
        pytest.param("\x9b31mx", "x", id="C1 introducer"),
        pytest.param("héllo ✓ 日本", "héllo ✓ 日本", id="other scripts stay"),
        pytest.param("bad\udcff", "bad?", id="unpaired surrogate"),
    ],
)
def test_plain_leaves_one_printable_line(text: str, shown: str) -> None:
    assert plain(text) == shown


def clean(*chunks: bytes) -> bytes:
    cleaner = LogCleaner()
    return b"".join(cleaner.feed(chunk) for chunk in chunks) + cleaner.close()


@pytest.mark.parametrize(
    ("chunks", "shown"),
    [
        pytest.param([b"one\ntwo\n"], b"one\ntwo\n", id="plain"),
        pytest.param([b"a\x1b[3", b"1mred\x1b[0", b"m\n"], b"ared\n", id="colour over chunks"),
        pytest.param([b"x\x1b]0;ti", b"tle\x07y"], b"xy", id="title over chunks"),
        pytest.param([b"10%\r20%\r100%\r\ndone"], b"10%\n20%\n100%\ndone", id="carriage returns"),
        pytest.param([b"a\r", b"\nb"], b"a\nb", id="line end over chunks"),
        pytest.param([b"\xc3", b"\xa9 \xc2", b"\xa9"], "é ©".encode(), id="letters over chunks"),
        pytest.param([b"\x00\x08a\tb\x7f"], b"a\tb", id="other controls"),
        pytest.param([b"a\xe2\x80", b"\xaeb\xe2", b"\x81\xa6c\xd8", b"\x9cd"], b"abcd", id="directions over chunks"),
        pytest.param([b"\xe2", b"\x9c\x93 \xd8", b"\xa7"], "✓ \u0627".encode(), id="like directions over chunks"),
        pytest.param([b"end\x1b["], b"end[", id="unfinished at the end"),
        pytest.param([b"\x1bP" + b"x" * 10_000 + b"\n"], b"x" * 10_000 + b"\n", id="endless string control"),
    ],
)
def test_log_cleaner_strips_streams(chunks: list[bytes], shown: bytes) -> None:
    assert clean(*chunks).removeprefix(b"P") == shown


def test_any_cut_of_a_log_gives_the_same_text() -> None:
    log = b"a\x1b[31mb\x1b]0;t\x1b\\c\r\nd\xc2\x9b1me\xe2\x9c\x93\x1b(Bf\rg\xe2\x80\xaeh"
    whole = clean(log)
    assert all(clean(log[:cut], log[cut:]) == whole for cut in range(len(log)))


@pytest.mark.parametrize("byte", [byte for byte in range(256) if byte not in b"\t\n"])
def test_no_single_byte_reaches_the_terminal_as_a_control(byte: int) -> None:
    cleaner = LogCleaner()
    shown = cleaner.feed(b"plain\n") + cleaner.feed(b"a" + bytes([byte]) + b"b\n") + cleaner.close()
    assert all(left >= 32 and left != 127 for left in shown if left not in b"\t\n")
    assert b"\xc2\x9b" not in shown
