"""Logs with secrets: whatever the secrets and wherever the output is cut, none of their bytes is stored or shown."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from cictl_testing.fuzz.budget import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from cictl.redaction import Cover, Redactor, forms_of
from cictl_agent.log.spool import JobLog
from cictl_server.errors import LogGap
from cictl_server.log_writer.files import FileLogs
from cictl_server.services.logs.book import LogBook
from cictl_server.services.secrets.masks import Masks
from cictl_server.services.secrets.sensitive import SensitiveValues

# None holds the mask's own character: a secret made of stars could not be told from its mask.
VALUES = st.one_of(
    st.text("ab", min_size=1, max_size=5),
    st.text("abé\n", min_size=1, max_size=8),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="*"), min_size=1, max_size=12),
    st.sampled_from(
        [
            "hunter22",
            "-----BEGIN-----\nabcdefgh\nijklmnop\n",
            "p'a\"s$s w\\d",
            "a b&c=d/e",
            "ü" * 5,
            "abcdabcd",
            "\r\nabcd",
        ]
    ),
)
SECRETS = st.lists(VALUES, min_size=1, max_size=3)
NOISE = st.sampled_from(
    [b"", b"a", b"b", b"ab", b"\n", b" ", b"\xff", b"\xc3", b"\xe2\x82", b"=", b"0123456789", "é€😀".encode()]
)


@st.composite
def outputs(draw: st.DrawFn, secrets: list[str]) -> bytes:
    """Return output in which secrets stand in all their forms, whole and in part, beside and inside each other."""
    forms = [form.encode("utf-8", "replace") for form in forms_of(secrets)] or [b"x"]
    parts = []
    for form in draw(st.lists(st.sampled_from(forms), max_size=5)):
        start, stop = draw(
            st.sampled_from([(0, None), (0, None), (0, -1), (1, None), (0, len(form) // 2), (len(form) // 2, None)])
        )
        parts += [draw(NOISE), form[start:stop]]
    return b"".join([*parts, draw(NOISE)])


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[str], list[bytes]]:
    """Return secrets, and an output cut anywhere, also inside a character."""
    secrets = draw(SECRETS)
    output = draw(outputs(secrets))
    cuts = sorted({0, len(output), *draw(st.lists(st.integers(0, len(output)), max_size=6))})
    return secrets, [output[a:b] for a, b in pairwise(cuts)]


def shows(data: bytes, secrets: list[str]) -> list[str]:
    return [form for form in forms_of(secrets) if form.encode("utf-8", "replace") in data]


@contextmanager
def agents_log(secrets: list[str]) -> Iterator[tuple[JobLog, Path]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "log")
        with JobLog(path, Redactor(secrets)) as log:
            yield log, path


@fuzzed(examples=150)
@given(logs())
def test_an_agents_log_never_holds_a_secret_and_is_the_same_at_any_cut(case: tuple[list[str], list[bytes]]) -> None:
    secrets, pieces = case
    with agents_log(secrets) as (log, path):
        for piece in pieces:
            log.write(piece)
            assert not shows(path.read_bytes(), secrets)
        log.finish()
        stored = path.read_bytes()
        assert stored == Redactor(secrets).redact(b"".join(pieces).decode(errors="replace")).encode()
        assert (log.size, log.sha256()) == (len(stored), hashlib.sha256(stored).hexdigest())


@fuzzed(examples=100)
@given(logs(), st.lists(st.sampled_from(["remark", "", "a", "é", "\ud800"]), max_size=4), st.data())
def test_an_agents_log_with_remarks_is_read_by_offsets(
    case: tuple[list[str], list[bytes]], remarks: list[str], data: st.DataObject
) -> None:
    secrets, pieces = case
    with agents_log(secrets) as (log, path):
        for number, piece in enumerate(pieces):
            log.write(piece)
            if number < len(remarks):
                log.line(remarks[number])
            assert not shows(path.read_bytes(), secrets)
        log.finish()
        stored, read = path.read_bytes(), b""
        while len(read) < log.size:
            part = log.read(len(read), data.draw(st.integers(4, 9)))
            part.decode()
            assert part
            read += part
        assert read == stored
        start = log.character_start(data.draw(st.integers(0, len(stored) + 3)))
        stored[:start].decode()
        assert not shows(log.tail(data.draw(st.integers(4, 20))).encode(), secrets)


@contextmanager
def servers_log(secrets: list[str]) -> Iterator[LogBook]:
    with tempfile.TemporaryDirectory() as directory:
        sensitive = SensitiveValues()
        sensitive.remember("job-1", secrets)
        yield LogBook(FileLogs(Path(directory)), Masks(sensitive))


@fuzzed(examples=150)
@given(logs(), st.data())
def test_a_servers_log_never_shows_a_secret_however_it_arrives(
    case: tuple[list[str], list[bytes]], data: st.DataObject
) -> None:
    """Pieces come by offset, some twice, between snapshots of the whole, some of them late, from an agent that masks nothing."""
    secrets, pieces = case
    with servers_log(secrets) as log:
        whole = b""
        for piece in pieces:
            whole += piece
            match data.draw(st.sampled_from(["append", "append", "again", "snapshot", "late", "gap"])):
                case "snapshot":
                    snapshot(log, whole)
                case "late" if len(whole) > len(piece):
                    log.append("job-1", piece, offset=len(whole) - len(piece))
                    snapshot(log, whole[: data.draw(st.integers(1, len(whole)))])
                case "again":
                    overlap = data.draw(st.integers(0, len(whole) - len(piece)))
                    log.append("job-1", whole[overlap:], offset=overlap)
                case "gap":
                    refuse_gap(log, len(whole) + 1)
                    log.append("job-1", piece, offset=len(whole) - len(piece))
                case _:
                    log.append("job-1", piece, offset=len(whole) - len(piece))
            assert log.size("job-1") == len(whole)
            shown = log.read("job-1", offset=0, limit=log.shown_size("job-1"))
            assert not shows(shown, secrets)
            assert all(new in (old, ord("*")) for old, new in zip(whole, shown, strict=False))
        everything = log.read("job-1", offset=0, limit=len(whole))
        assert everything == Cover(secrets).covered(whole)
        at = data.draw(st.integers(0, len(whole) + 2))
        assert log.read("job-1", offset=at, limit=3) == everything[at : at + 3]


def snapshot(log: LogBook, content: bytes) -> None:
    """Store a snapshot as a report does."""
    written = log.continue_by("job-1", content) if content else None
    if written is not None and written.other is not None:
        log.overwrite("job-1", written, is_last=False)


def refuse_gap(log: LogBook, offset: int) -> None:
    try:
        log.append("job-1", b"x", offset=offset)
    except LogGap:
        return
    raise AssertionError("a gap was filled")
