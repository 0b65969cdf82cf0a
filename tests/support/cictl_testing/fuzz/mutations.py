"""Damaging bytes and texts as disks, networks and foreign writers do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

_MOST_CHANGES = 4
_BYTES = [b"\0", b"\xff", b"\n", b"\r\n", b"\t", b"9" * 30, b"-1", b"\xf0\x9f", b"<", b"&#0;", b"]]>", b'"', b"{", b","]

T = TypeVar("T")

_Change = Callable[[bytes, random.Random], bytes]


def mostly(usual: st.SearchStrategy[T], odd: st.SearchStrategy[T], *, times: int = 30) -> st.SearchStrategy[T]:
    """Return what is *odd* once in so many *times*: where one odd part makes the whole refused, most must be as usual."""
    return st.integers(1, times).flatmap(lambda turn: odd if turn == times else usual)


def damaged(contents: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return one of *contents* with a few changes: bits turned, bytes cut, put in, doubled or moved, lines swapped."""
    return st.builds(
        _damage,
        st.sampled_from(list(contents)),
        st.integers(0, _MOST_CHANGES),
        st.randoms(use_true_random=False, note_method_calls=False),
    )


def _damage(content: bytes, changes: int, chance: random.Random) -> bytes:
    for _ in range(changes):
        content = chance.choice(_CHANGES)(content, chance)
    return content


def _turn_bit(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return content
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def _cut_end(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randint(0, len(content))]


def _cut_out(content: bytes, chance: random.Random) -> bytes:
    start, stop = _span(content, chance)
    return content[:start] + content[stop:]


def _double(content: bytes, chance: random.Random) -> bytes:
    start, stop = _span(content, chance)
    return content[:stop] + content[start:]


def _move(content: bytes, chance: random.Random) -> bytes:
    start, stop = _span(content, chance)
    rest = content[:start] + content[stop:]
    at = chance.randint(0, len(rest))
    return rest[:at] + content[start:stop] + rest[at:]


def _put_in(content: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(content))
    return content[:at] + chance.choice(_BYTES) + content[at:]


def _blank(content: bytes, chance: random.Random) -> bytes:
    start, stop = _span(content, chance)
    return content[:start] + bytes(stop - start) + content[stop:]


def _change_line(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            lines[one], lines[other] = lines[other], lines[one]
        case 1:
            del lines[one]
        case _:
            lines.insert(one, lines[other])
    return b"".join(lines)


def _span(content: bytes, chance: random.Random) -> tuple[int, int]:
    """Return where a piece begins and ends; most pieces are short."""
    start = chance.randint(0, len(content))
    length = chance.choice([1, 4, 20, len(content)])
    return start, min(len(content), start + chance.randint(0, length))


_CHANGES: tuple[_Change, ...] = (_turn_bit, _cut_end, _cut_out, _double, _move, _put_in, _blank, _change_line)
