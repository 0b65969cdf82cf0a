"""What every place for blobs does, as the contract says."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import IO

import pytest

from cictl_server.blobs.contract import BadKey, BlobExists, BlobMissing, Blobs, read_whole

KEY = "reports/job-7/1/report.json"


def put(blobs: Blobs, key: str = KEY, content: bytes = b"0123456789", *, if_absent: bool = False) -> int:
    return blobs.put(key, io.BytesIO(content), if_absent=if_absent)


def fill(blobs: Blobs, prefix: str, files: Mapping[str, IO[bytes]]) -> None:
    with blobs.new_folder(prefix) as folder:
        for path, content in files.items():
            folder.put(path, content)


def keys(blobs: Blobs, prefix: str) -> list[str]:
    return sorted(blob.key for blob in blobs.iter_below(prefix))


class Broken(io.RawIOBase):
    """A stream that ends with an error, as the body of a client that has gone."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise ConnectionResetError("gone")


def test_what_is_put_is_found_read_and_listed(blobs: Blobs) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    assert put(blobs) == 10
    found = blobs.find(KEY)
    assert found is not None
    assert (found.key, found.size, found.etag[0], found.etag[-1]) == (KEY, 10, '"', '"')
    assert before < found.modified < before + timedelta(minutes=2)
    assert read_whole(blobs, KEY) == b"0123456789"
    assert list(blobs.iter_below("reports/")) == [found]


def test_content_is_put_from_where_the_stream_stands(blobs: Blobs) -> None:
    content = io.BytesIO(b"headbody")
    content.seek(4)
    assert blobs.put(KEY, content) == 4
    assert read_whole(blobs, KEY) == b"body"


def test_nothing_at_all_can_be_put(blobs: Blobs) -> None:
    assert put(blobs, content=b"") == 0
    assert read_whole(blobs, KEY) == b""
    assert blobs.find(KEY) is not None


def test_new_content_takes_the_place_of_the_old(blobs: Blobs) -> None:
    put(blobs)
    old = blobs.find(KEY)
    put(blobs, content=b"other text")
    new = blobs.find(KEY)
    assert read_whole(blobs, KEY) == b"other text"
    assert old is not None
    assert new is not None
    assert old.etag != new.etag


def test_a_reader_reads_to_the_end_what_was_there_when_it_began(blobs: Blobs) -> None:
    put(blobs)
    with blobs.open(KEY) as reader:
        put(blobs, content=b"other text")
        assert b"".join(iter(lambda: reader.read(3), b"")) == b"0123456789"


@pytest.mark.parametrize(
    ("start", "length", "content"),
    [
        (0, None, b"0123456789"),
        (4, None, b"456789"),
        (0, 4, b"0123"),
        (2, 3, b"234"),
        (8, 99, b"89"),
        (9, 1, b"9"),
        (0, 0, b""),
        (5, 0, b""),
        (10, None, b""),
        (11, 5, b""),
        (10**18, None, b""),
    ],
)
def test_parts(blobs: Blobs, start: int, length: int | None, content: bytes) -> None:
    put(blobs)
    with blobs.open(KEY, start=start, length=length) as reader:
        assert b"".join(iter(lambda: reader.read(4), b"")) == content


@pytest.mark.parametrize("start", [0, 5])
def test_nothing_is_found_where_nothing_was_put(blobs: Blobs, start: int) -> None:
    put(blobs)
    for missing in ("reports/job-7/1/other", "reports/job-7/1", f"{KEY}/below", "elsewhere/x", "reports/job"):
        assert blobs.find(missing) is None
        with pytest.raises(BlobMissing):
            blobs.open(missing, start=start)
    assert keys(blobs, "elsewhere/") == []


def test_a_prefix_ends_with_its_folder(blobs: Blobs) -> None:
    for key in ("reports/job-1/a", "reports/job-1/b/c", "reports/job-10/a", "artifacts/job-1/a"):
        put(blobs, key)
    assert keys(blobs, "reports/job-1/") == ["reports/job-1/a", "reports/job-1/b/c"]
    blobs.delete_below(["reports/job-1/", "reports/job-2/"])
    assert keys(blobs, "reports/") == ["reports/job-10/a"]
    assert keys(blobs, "artifacts/") == ["artifacts/job-1/a"]


def test_what_is_deleted_is_gone_and_may_be_gone_already(blobs: Blobs) -> None:
    put(blobs)
    put(blobs, "reports/job-7/1/other")
    blobs.delete([KEY, "reports/never/was"])
    blobs.delete([KEY])
    assert keys(blobs, "reports/") == ["reports/job-7/1/other"]
    assert blobs.find(KEY) is None


def test_of_many_that_want_to_be_first_one_is(blobs: Blobs) -> None:
    start = Barrier(8)

    def claim(number: int) -> int | None:
        start.wait()
        try:
            put(blobs, content=f"from {number}".encode(), if_absent=True)
        except BlobExists:
            return None
        return number

    with ThreadPoolExecutor(max_workers=8) as pool:
        won = [number for number in pool.map(claim, range(8)) if number is not None]
    assert len(won) == 1
    assert read_whole(blobs, KEY) == f"from {won[0]}".encode()
    with pytest.raises(BlobExists):
        put(blobs, if_absent=True)
    assert keys(blobs, "reports/") == [KEY]


def test_of_many_puts_at_once_one_is_there_whole(blobs: Blobs) -> None:
    contents = [bytes([number]) * 300_000 for number in range(8)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        assert list(pool.map(lambda content: put(blobs, content=content), contents)) == [300_000] * 8
    assert read_whole(blobs, KEY) in contents


def test_a_put_that_breaks_off_changes_nothing(blobs: Blobs) -> None:
    put(blobs)
    for key in (KEY, "reports/job-8/1/new"):
        with pytest.raises(ConnectionResetError):
            blobs.put(key, io.BufferedReader(Broken()))
    assert read_whole(blobs, KEY) == b"0123456789"
    assert keys(blobs, "reports/") == [KEY]


def test_a_folder_is_there_when_it_is_full(blobs: Blobs) -> None:
    files = {"bin/app": b"#!", "a b#?.txt": b"text", "deep/" * 20 + "x": b"", "large": bytes(3 << 20)}
    with blobs.new_folder("artifacts/job-7/123/") as folder:
        for path, content in files.items():
            folder.put(path, io.BytesIO(content), is_executable=path == "bin/app")
    assert keys(blobs, "artifacts/") == sorted(f"artifacts/job-7/123/{path}" for path in files)
    for path, content in files.items():
        with blobs.open(f"artifacts/job-7/123/{path}") as reader:
            assert reader.is_executable == (path == "bin/app")
        assert read_whole(blobs, f"artifacts/job-7/123/{path}") == content


def test_an_empty_folder_is_none(blobs: Blobs) -> None:
    with blobs.new_folder("artifacts/job-7/1/"):
        pass
    assert keys(blobs, "artifacts/") == []


def test_nothing_stays_of_a_folder_that_was_given_up(blobs: Blobs) -> None:
    with pytest.raises(ConnectionResetError):
        fill(blobs, "artifacts/job-7/1/", {"whole": io.BytesIO(b"1"), "broken": io.BufferedReader(Broken())})
    assert keys(blobs, "artifacts/") == []


def test_a_folder_takes_no_place_of_another(blobs: Blobs) -> None:
    put(blobs, "artifacts/job-7/1/x", b"first")
    with pytest.raises(BlobExists):
        fill(blobs, "artifacts/job-7/1/", {"x": io.BytesIO(b"second"), "y": io.BytesIO(b"second")})
    assert keys(blobs, "artifacts/") == ["artifacts/job-7/1/x"]
    assert read_whole(blobs, "artifacts/job-7/1/x") == b"first"


HOSTILE = [
    "\u202egnp.exe",
    "a\nb",
    "tab\there",
    "%2e%2e",
    "100%",
    "a?b=c&d#e",
    "12:30.log",
    "con.txt",
    "sp ace",
    "+",
    "~",
    "\\",
    "'\"",
    "{}[]<>^`|",
    "\x7f",
    "\u00e4\u0308",
    "\U0001f600",
    "x" * 255,
    "...",
    "a..",
    ".hidden",
    "*",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strange_name_comes_back_as_it_was(blobs: Blobs, name: str) -> None:
    key = f"artifacts/job-7/{name}/{name}"
    put(blobs, key, b"strange")
    put(blobs, "artifacts/job-7/plain", b"plain")
    assert keys(blobs, f"artifacts/job-7/{name}/") == [key]
    assert read_whole(blobs, key) == b"strange"
    found = blobs.find(key)
    assert found is not None
    assert found.key == key
    blobs.delete([key])
    assert keys(blobs, "artifacts/") == ["artifacts/job-7/plain"]


CALLS: dict[str, Callable[[Blobs, str], object]] = {
    "put": lambda blobs, path: put(blobs, path),
    "find": lambda blobs, path: blobs.find(path),
    "open": lambda blobs, path: blobs.open(path),
    "delete": lambda blobs, path: blobs.delete([path]),
    "list": lambda blobs, path: list(blobs.iter_below(f"{path}/")),
    "delete below": lambda blobs, path: blobs.delete_below([f"{path}/"]),
    "folder": lambda blobs, path: blobs.new_folder(f"{path}/").__enter__(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("path", ["/x/y", "../x", "a/../../x", "a//b", "a/./b", "a/b\0c", "", "."])
def test_a_key_that_leads_out_is_refused(blobs: Blobs, call: str, path: str) -> None:
    with pytest.raises(BadKey):
        CALLS[call](blobs, path)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", "\0"])
def test_a_path_out_of_a_new_folder_is_refused(blobs: Blobs, path: str) -> None:
    with pytest.raises(BadKey), blobs.new_folder("artifacts/job-7/1/") as folder:
        folder.put(path, io.BytesIO(b"out"))
    assert keys(blobs, "artifacts/") == []


def test_a_name_longer_than_any_place_takes_is_refused(blobs: Blobs) -> None:
    for key in ("artifacts/" + "x" * 2000, "artifacts/" + "x/" * 2500 + "x"):
        with pytest.raises(BadKey):
            put(blobs, key)
        assert blobs.find(key) is None


def test_only_a_folder_is_a_prefix(blobs: Blobs) -> None:
    for prefix in ("", "/", "artifacts", "artifacts/job-1"):
        with pytest.raises(BadKey):
            list(blobs.iter_below(prefix))
        with pytest.raises(BadKey):
            blobs.delete_below([prefix])


def test_a_place_that_works_says_so(blobs: Blobs) -> None:
    blobs.check()
    put(blobs)
    blobs.check()


def test_a_copied_blob_tells_when_its_original_was_put(blobs: Blobs) -> None:
    then = datetime(2024, 2, 29, 23, 59, 58, 123456, tzinfo=UTC)
    with blobs.new_folder("artifacts/job-7/1/") as folder:
        for path, size in (("small", 3), ("large", 17 << 20)):
            folder.put(path, io.BytesIO(bytes(size)), modified=then)
    for path in ("small", "large"):
        key = f"artifacts/job-7/1/{path}"
        found = blobs.find(key)
        assert found is not None
        with blobs.open(key, length=1) as reader:
            assert (found.modified, reader.blob.modified) == (then, then)
