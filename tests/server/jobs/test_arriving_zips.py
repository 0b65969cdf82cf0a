"""Zips as they arrive: whatever pieces they come in and whatever their headers say, the same bytes come out."""

from __future__ import annotations

import io
import os
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

import pytest
from cictl_testing.files import zipped
from cictl_testing.server import RunningServer

from cictl.base.zips.arriving import ArrivingZip
from cictl.wire.jobs import JobExecution
from cictl_server.blobs.directory import DirectoryBlobs

MIB = 1 << 20
NOISE = random.Random(1).randbytes(MIB + 7)
FILES = {"first": b"1" * 100, "noise": NOISE, "dir/more": NOISE[::-1], "last": b"2"}
AGENT = {"X-CIWI-Agent-ID": "a"}


class Unseekable(io.RawIOBase):
    """A file into which a zip is written with the sizes behind the entries."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += data
        return len(data)


def stored() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return file.getvalue()


def with_sizes_behind() -> bytes:
    file = Unseekable()
    with zipfile.ZipFile(cast("IO[bytes]", file), "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return bytes(file.written)


def for_large_files() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(data)
    return file.getvalue()


@pytest.fixture
def arriving(tmp_path: Path) -> Iterator[ArrivingZip]:
    blobs = DirectoryBlobs(tmp_path / "blobs")
    with ArrivingZip(tmp_path, lambda: blobs.new_part("artifacts/")) as arriving:
        yield arriving


@pytest.fixture
def job(server: RunningServer) -> JobExecution:
    server.enqueue()
    return server.running()


def parts(directory: Path) -> list[Path]:
    return list((directory / "artifacts").glob("upload-*"))


@pytest.mark.parametrize("step", [1 << 20, 65_536, 4093])
@pytest.mark.parametrize(
    ("make", "count"),
    [
        pytest.param(stored, 2, id="stored"),
        pytest.param(for_large_files, 2, id="zip64"),
        pytest.param(with_sizes_behind, 0, id="sizes-behind"),
        pytest.param(lambda: os.urandom(3 * MIB), 0, id="no-zip"),
    ],
)
def test_it_reads_as_it_was_written(
    arriving: ArrivingZip, tmp_path: Path, make: Callable[[], bytes], count: int, step: int
) -> None:
    body = make()
    for start in range(0, len(body), step):
        arriving.write(body[start : start + step])
    assert len(parts(tmp_path / "blobs")) == count
    arriving.content.seek(0)
    assert arriving.content.read() == body
    arriving.close()
    assert parts(tmp_path / "blobs") == []


def test_half_a_zip_goes_with_its_connection(arriving: ArrivingZip, tmp_path: Path) -> None:
    arriving.write(stored()[: 2 * MIB])
    assert len(parts(tmp_path / "blobs")) == 2
    arriving.close()
    assert parts(tmp_path / "blobs") == []


def upload(server: RunningServer, job: JobExecution, body: bytes) -> int:
    path = f"/api/v1/jobs/{job.id}/artifacts/upload-zip"
    return server.http.simulate_post(path, body=body, headers=AGENT).status_code


@pytest.mark.parametrize("make", [stored, for_large_files, with_sizes_behind])
def test_each_file_is_kept_whole(server: RunningServer, job: JobExecution, make: Callable[[], bytes]) -> None:
    assert upload(server, job, make()) == 200
    assert {name: server.get(f"/artifacts/{job.id}/{name}").content for name in FILES} == FILES
    assert parts(server.directory) == []


def test_an_archive_of_large_files_tells_its_length_and_is_whole(server: RunningServer, job: JobExecution) -> None:
    assert upload(server, job, stored()) == 200
    answer = server.get(f"/api/v1/jobs/{job.id}/artifacts/download-all")
    assert answer.headers["Content-Length"] == str(len(answer.content))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES


def test_an_archive_stays_whole_while_an_upload_replaces_its_files(server: RunningServer, job: JobExecution) -> None:
    assert upload(server, job, stored()) == 200
    with server.services.artifacts.artifacts.archive(job.id) as packed:
        assert upload(server, job, zipped({"other": b"1"})) == 200
        with zipfile.ZipFile(io.BytesIO(packed.read())) as archive:
            assert archive.read("noise") == NOISE


def test_a_large_file_with_another_checksum_is_refused(server: RunningServer, job: JobExecution) -> None:
    body = bytearray(stored())
    body[body.index(NOISE[:100]) + MIB] ^= 1
    assert upload(server, job, bytes(body)) == 400
    assert parts(server.directory) == []
    assert server.get(f"/api/v1/jobs/{job.id}/artifacts").json == {"artifacts": []}


def test_what_the_directory_says_of_sizes_counts(server: RunningServer, job: JobExecution) -> None:
    body = bytearray(stored())
    header = body.index(b"noise") - 30
    struct.pack_into("<2L", body, header + 18, MIB + 1, MIB + 1)
    assert upload(server, job, bytes(body)) == 200
    assert server.get(f"/artifacts/{job.id}/noise").content == NOISE
    assert server.get(f"/artifacts/{job.id}/dir/more").content == NOISE[::-1]
