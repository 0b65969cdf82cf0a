from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pytest

from cictl.base.zips.composed import ComposedFile, PartLost, opening

BIG = bytes(range(256)) * 1024


@pytest.fixture
def own() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        yield file


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file of its own that the composed one borrows."""
    file = tmp_path / "big"
    file.write_bytes(BIG)
    return file


@pytest.fixture
def composed(own: IO[bytes], big: Path) -> Iterator[ComposedFile]:
    """`head`, the bytes of `big`, and `tail`."""
    file = ComposedFile(own)
    file.write(b"head")
    with file.lent(opening(big)):
        file.write(BIG[:100])
        file.write(BIG[100:])
    file.write(b"tail")
    yield file
    file.close()


def test_it_reads_as_one_file_from_anywhere(composed: ComposedFile) -> None:
    whole = b"head" + BIG + b"tail"
    for start, size in [(0, -1), (0, 4), (2, 4), (4, len(BIG)), (len(BIG), 100), (len(whole) - 2, 9), (len(whole), 1)]:
        composed.seek(start)
        assert composed.read(size) == whole[start:][: size if size >= 0 else None]
    assert composed.seek(-4, os.SEEK_END) == composed.tell() == len(whole) - 4
    composed.seek(0)
    assert b"".join(composed) == whole


def test_what_is_lent_is_not_written(composed: ComposedFile, own: IO[bytes]) -> None:
    composed.flush()
    own.seek(0)
    assert own.read() == b"headtail"


def test_it_can_be_written_before_and_behind_its_parts(composed: ComposedFile, big: Path) -> None:
    composed.seek(0)
    composed.write(b"HEAD")
    composed.seek(0, os.SEEK_END)
    composed.borrow(3, opening(big))
    composed.write(b"end")
    composed.seek(0)
    assert composed.read() == b"HEAD" + BIG + b"tail" + BIG[:3] + b"end"


def test_there_is_nothing_before_the_beginning(composed: ComposedFile) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        composed.seek(-1)


def test_zips_are_written_and_read_with_parts(own: IO[bytes], big: Path) -> None:
    composed = ComposedFile(own)
    with zipfile.ZipFile(cast("IO[bytes]", composed), "w") as archive:
        archive.writestr("small", b"1")
        with archive.open("big", "w") as sink, composed.lent(opening(big)):
            sink.write(BIG)
        archive.writestr("last", b"2")
    composed.seek(0)
    whole = composed.read()
    composed.close()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"small": b"1", "big": BIG, "last": b"2"}


def test_a_part_that_has_become_shorter_is_an_error(composed: ComposedFile, big: Path) -> None:
    big.write_bytes(BIG[:-1])
    composed.seek(0)
    with pytest.raises(PartLost):
        composed.read()
