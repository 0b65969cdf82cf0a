"""What outsiders say can't forge a line of a program's log, or steer the terminal that shows it."""

from __future__ import annotations

import logging
import sys
import unicodedata

import pytest

from cictl.base.log_output import LogFormatter
from cictl.base.text.characters import escaped, without_steering

FORGED = "\n2026-01-01 00:00:00,000 INFO cictl_server all is well"


def record(message: str, *values: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("cictl", logging.INFO, __file__, 1, message, values, exc_info)


@pytest.mark.parametrize(
    "text", [FORGED, "\r" + FORGED, "a\x1b[2Jb", "\x9b31m", "a\u202eb", "a\u2028b", "\x85", "\x00"]
)
def test_a_record_is_one_line_of_harmless_characters(text: str) -> None:
    line = LogFormatter().format(record("agent=%s", text))
    assert len(line.splitlines()) == 1
    assert not [c for c in line if unicodedata.category(c) in ("Cc", "Zl", "Zp")]
    assert "\u202e" not in line


def test_what_is_harmless_stays_as_it_is() -> None:
    assert LogFormatter("%(message)s").format(record("job %s: größer 日本 ✓", 7)) == "job 7: größer 日本 ✓"


def test_a_traceback_keeps_its_lines_and_none_of_them_looks_like_a_record() -> None:
    error = ValueError(f"bad value{FORGED}\x1b[31m")
    first, *others = LogFormatter().format(record("request failed", error=error)).split("\n")
    assert first.endswith("INFO cictl request failed")
    assert "    ValueError: bad value" in others
    assert all(line.startswith("    ") and "\x1b" not in line for line in others)


def test_every_control_and_every_turn_of_direction_is_escaped() -> None:
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    harmful = [
        c
        for c in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(c) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(c) in turning
    ]
    assert len(harmful) > 70
    assert escaped("".join(harmful)).isascii()
    assert without_steering("".join(harmful), instead="") == ""
