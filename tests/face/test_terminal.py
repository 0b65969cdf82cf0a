"""Lines of logs as markup: colours as classes, the rest as text."""

from __future__ import annotations

import pytest

from cictl_server.face.drawing.terminal import terminal_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("\x1b[1;31mred\x1b[0m off", '<span class="t-b f1">red</span> off', id="bold red"),
        pytest.param("\x1b[31mred \x1b[39mdefault", '<span class="f1">red </span>default', id="default ink"),
        pytest.param("\x1b[1;2mx\x1b[22my", '<span class="t-b t-d">x</span>y', id="an end of two styles"),
        pytest.param("\x1b[94;101mx", '<span class="f12 g9">x</span>', id="bright ones"),
        pytest.param("\x1b[38;5;208mx", '<span class="f11">x</span>', id="one of 256"),
        pytest.param("\x1b[38;5;1;4mx", '<span class="t-u f1">x</span>', id="one of 256, then a style"),
        pytest.param("\x1b[48;2;20;20;200mx", '<span class="g4">x</span>', id="one of millions"),
        pytest.param("\x1b[38;5;250mx", '<span class="f15">x</span>', id="grey"),
        pytest.param("\x1b[mx\x1b[999;;mx", "xx", id="nothing that is known"),
        pytest.param("10%\r50%\r100%\r", "100%", id="progress"),
        pytest.param("ends\r", "ends", id="the line end of Windows"),
        pytest.param("a\x1b[2Kb\x1b[1;5Hc\x1b(Bd", "abcd", id="moves"),
        pytest.param("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab", id="titles and links"),
        pytest.param("a\x1b]0;never ends", "a", id="a title without an end"),
        pytest.param("<img onerror=x> & \"'", "&lt;img onerror=x&gt; &amp; &#34;&#39;", id="markup"),
        pytest.param('\x1b[31"><b>m', "\\u001b[31&#34;&gt;&lt;b&gt;m", id="markup in a sequence"),
        pytest.param("\u202eevil\u2066", "\\u202eevil\\u2066", id="directions"),
        pytest.param("a\x00b\x08c\td", "a\\u0000b\\u0008c\td", id="controls"),
    ],
)
def test_lines(text: str, expected: str) -> None:
    assert terminal_line(text) == expected


def test_each_line_begins_without_colour() -> None:
    assert terminal_line("\x1b[31mred") != terminal_line("then")
    assert terminal_line("then") == "then"
