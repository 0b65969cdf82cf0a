"""Uploads of zips: each is stored whole and as it is, or refused with everything as it was."""

from __future__ import annotations

import io
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from cictl_testing.fuzz.budget import fuzzed
from cictl_testing.fuzz.mutations import damaged, mostly
from cictl_testing.server import RunningServer
from hypothesis import given
from hypothesis import strategies as st

from cictl.base.names.artifact_paths import link_entry
from cictl_server.data_directory import examine

BEFORE = {"kept.txt": b"kept"}
LARGE = bytes(50_000)


def zip_of(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zip_with_links() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lib/x.so.1", b"so")
        archive.writestr(link_entry("lib/x.so"), "x.so.1")
        archive.writestr(link_entry("x"), "lib/x.so")
        archive.mkdir("empty")
    return buffer.getvalue()


def zip_of_64() -> bytes:
    """Return a zip whose entries have the extra fields of zip64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("big.bin", "w", force_zip64=True) as entry:
        entry.write(b"x" * 300)
    return buffer.getvalue()


ZIPS = [
    zip_of({}),
    zip_of({"a.txt": b"a", "b/c.txt": b"bc" * 100, "é/ü.bin": LARGE}),
    zip_of({"a.txt": b"hello"}, method=zipfile.ZIP_STORED, comment=b"PK\5\6 a comment"),
    zip_of({"a": b"x" * 400}, method=zipfile.ZIP_BZIP2),
    zip_of({"a": b"x" * 400}, method=zipfile.ZIP_LZMA),
    zip_with_links(),
    zip_of_64(),
]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry as a liar writes it: `local` and `central` differ from the truth where they say so."""

    name: bytes
    content: bytes
    method: int
    flags: int
    mode: int
    sizes: tuple[int | None, int | None]
    crc: int | None
    offset: int | None
    extra: bytes

    def packed(self) -> bytes:
        if self.method != zipfile.ZIP_DEFLATED:
            return self.content
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(self.content) + packer.flush()

    def _fields(self, *, lies: bool) -> tuple[int, int, int]:
        packed, unpacked = self.sizes if lies else (None, None)
        return (
            zlib.crc32(self.content) if self.crc is None or not lies else self.crc,
            len(self.packed()) if packed is None else packed,
            len(self.content) if unpacked is None else unpacked,
        )

    def local(self) -> bytes:
        head = struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, self.flags, self.method, 0, 33, *self._fields(lies=False), len(self.name), 0
        )
        return head + self.name + self.packed()

    def central(self, offset: int) -> bytes:
        given = offset if self.offset is None else self.offset
        fields = (20, 3, 20, 0, self.flags, self.method, 0, 33, *self._fields(lies=True))
        rest = (len(self.name), len(self.extra), 0, 0, 0, self.mode << 16, given)
        return struct.pack("<4s4B4H3L5H2L", b"PK\1\2", *fields, *rest) + self.name + self.extra


def assembled(entries: list[Entry], *, count: int | None, size: int | None, offset: int | None, zip64: bool) -> bytes:
    """Return the zip of *entries*, with the figures of its end record if they are given."""
    body, directory = b"", b""
    for entry in entries:
        directory += entry.central(len(body))
        body += entry.local()
    told = (len(entries) if count is None else count, len(directory) if size is None else size)
    place = len(body) if offset is None else offset
    end = b""
    if zip64:
        at = len(body) + len(directory)
        end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, told[0], told[0], told[1], place)
        end += struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
        told, place = (0xFFFF, 0xFFFFFFFF), 0xFFFFFFFF
    end += struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, told[0] & 0xFFFF, told[0] & 0xFFFF, told[1] & 0xFFFFFFFF, place & 0xFFFFFFFF, 0
    )
    return body + directory + end


NAMES = st.sampled_from(
    [
        "a",
        "b",
        "a/b",
        "a/b/c",
        "A",
        "./a",
        "a//b",
        "a/../b",
        "../x",
        "/x",
        "C:/x",
        "c:x",
        "a\\b",
        "..\\x",
        "",
        "/",
        ".",
        "a/",
        "x\0y",
        "é",
        "e\u0301",
        "\u202e",
        "a" * 256,
        "a/" * 65 + "x",
        "kept.txt",
        "con",
        "a ",
        "a.",
        "job-1/1/x",
        "\r\nX: y",
    ]
).map(str.encode) | st.binary(min_size=1, max_size=6)
LIES = st.sampled_from([0, 1, 5, 10_000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
LENGTHS = mostly(st.none(), LIES)
EXTRAS = st.sampled_from(
    [
        b"",
        b"",
        b"\1\0\0\0",
        b"\1\0\x10\0" + b"\xff" * 16,
        b"\1\0\x18\0" + struct.pack("<3Q", 5, 5, 2**63),
        b"\1\0\x08\0" + b"\0" * 7,
    ]
)
ENTRIES = st.builds(
    Entry,
    name=NAMES,
    content=st.sampled_from([b"", b"hello", b"b", b"../x", b"a/b", b"/etc/passwd", LARGE]),
    method=mostly(st.sampled_from([0, 8]), st.sampled_from([1, 9, 12, 14, 93, 99])),
    flags=mostly(st.sampled_from([0, 0x800]), st.sampled_from([0x1, 0x8, 0x20, 0x2000, 0xFFFF])),
    mode=st.sampled_from([0, 0o100644, 0o100755, 0o120777]) | st.sampled_from([0o040755, 0o010644, 0o060644, 0o104755]),
    sizes=st.tuples(LENGTHS, LENGTHS),
    crc=mostly(st.none(), st.integers(0, 2**32 - 1)),
    offset=LENGTHS,
    extra=mostly(st.just(b""), EXTRAS),
)
LYING = st.builds(
    assembled, st.lists(ENTRIES, max_size=4), count=LENGTHS, size=LENGTHS, offset=LENGTHS, zip64=st.booleans()
)


@dataclass(frozen=True, kw_only=True)
class Ground:
    data: Path
    job_id: str


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Data with a running execution that has kept `BEFORE`."""
    server = RunningServer(tmp_path_factory.mktemp("zips") / "data")
    server.enqueue()
    job_id = server.running().id
    assert upload(server, job_id, zip_of(BEFORE)) == 200
    server.close()
    return Ground(data=server.directory, job_id=job_id)


@contextmanager
def copied(ground: Ground) -> Iterator[RunningServer]:
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(ground.data, Path(directory, "data"))
        server = RunningServer(Path(directory, "data"))
        try:
            yield server
        finally:
            server.close()


def upload(server: RunningServer, job_id: str, body: bytes) -> int:
    headers = {"X-CIWI-Agent-ID": "a"}
    return server.http.simulate_post(
        f"/api/v1/jobs/{job_id}/artifacts/upload-zip", body=body, headers=headers
    ).status_code


def kept(server: RunningServer, job_id: str) -> dict[str, bytes]:
    """Return the artifacts by path, each as it is downloaded."""
    listed = server.get(f"/api/v1/jobs/{job_id}/artifacts").json["artifacts"] or []
    found = {}
    for artifact in listed:
        answer = server.get(f"/artifacts/{job_id}/{quote(artifact['path'])}")
        assert answer.status_code == 200, artifact
        assert len(answer.content) == artifact["size_bytes"]
        found[artifact["path"]] = answer.content
    assert len(found) == len(listed)
    return found


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir() or path.is_symlink()}


def files_outside(server: RunningServer) -> set[str]:
    return {name for name in files(server.directory) if not name.startswith("artifacts/")}


def read_by_the_library(body: bytes) -> list[bytes] | None:
    """Return the contents of the files and links of a zip, sorted; None if any can't be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return sorted(archive.read(info) for info in archive.infolist() if not info.filename.endswith("/"))
    except Exception:  # noqa: BLE001  the library raises a dozen kinds
        return None


def check(ground: Ground, body: bytes) -> None:
    with copied(ground) as server:
        outside, place = files_outside(server), server.directory / "artifacts"
        [kept_file] = files(place)
        status = upload(server, ground.job_id, body)
        assert status in (200, 400, 413)
        found = kept(server, ground.job_id)
        assert files_outside(server) == outside
        assert {name.split("/")[0] for name in files(place)} <= {ground.job_id}
        assert not list(place.glob("upload-*")), "what was staged is left behind"
        assert not [path for path in place.rglob("*") if path.is_symlink()]
        if status != 200:
            assert found == BEFORE
            assert files(place) == {kept_file}
        elif body:
            links = any(
                a.get("link") for a in server.get(f"/api/v1/jobs/{ground.job_id}/artifacts").json["artifacts"] or []
            )
            assert links or sorted(found.values()) == read_by_the_library(body)
            assert {name.split("/", 2)[2] for name in files(place)} <= found.keys()
            assert len({name.split("/")[1] for name in files(place) | {kept_file}}) == (2 if files(place) else 1)
        everything = server.get(f"/api/v1/jobs/{ground.job_id}/artifacts/download-all")
        with zipfile.ZipFile(io.BytesIO(everything.content)) as archive:
            assert {info.filename: archive.read(info) for info in archive.infolist()} == found
        server.close()
        assert examine(server.directory).problems == []


@fuzzed(examples=60)
@given(body=damaged(ZIPS) | st.binary(max_size=40))
def test_a_damaged_zip_is_stored_whole_or_refused(ground: Ground, body: bytes) -> None:
    check(ground, body)


@fuzzed(examples=60)
@given(body=LYING)
def test_a_zip_that_lies_about_itself_is_stored_whole_or_refused(ground: Ground, body: bytes) -> None:
    check(ground, body)
