"""What is special about blobs in a directory: links, other programs, and what a kill leaves."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cictl_server.blobs.contract import BadKey, BlobMissing
from cictl_server.blobs.directory import DirectoryBlobs


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def blobs(files: Path) -> DirectoryBlobs:
    return DirectoryBlobs(files)


def put(blobs: DirectoryBlobs, key: str, content: bytes = b"ours") -> None:
    blobs.put(key, io.BytesIO(content))


def test_the_key_is_the_path(blobs: DirectoryBlobs, files: Path) -> None:
    put(blobs, "artifacts/job-7/1/bin/app")
    assert (files / "artifacts/job-7/1/bin/app").read_bytes() == b"ours"
    assert blobs.of_project("3") == ""


PLANTED: dict[str, Callable[[Path, Path], None]] = {
    "link": lambda place, secret: place.symlink_to(secret),
    "link-to-folder": lambda place, secret: place.symlink_to(secret.parent),
    "pipe": lambda place, _: os.mkfifo(place),
}


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("planted", ["job-7", "job-7/1", "job-7/1/secret"])
def test_what_somebody_else_put_there_is_never_followed(
    blobs: DirectoryBlobs, files: Path, tmp_path: Path, kind: str, planted: str
) -> None:
    secret = tmp_path / "outside" / "secret"
    secret.parent.mkdir()
    secret.write_bytes(b"secret")
    place = files / "artifacts" / planted
    place.parent.mkdir(parents=True)
    PLANTED[kind](place, secret)
    key = "artifacts/job-7/1/secret"
    assert blobs.find(key) is None
    with pytest.raises(BlobMissing):
        blobs.open(key)
    assert list(blobs.iter_below("artifacts/")) == []
    with pytest.raises(BadKey):
        put(blobs, key)
    blobs.delete([key])
    blobs.delete_below(["artifacts/job-7/1/", "artifacts/job-7/"])
    assert secret.read_bytes() == b"secret"


def test_the_first_folder_may_be_on_another_disk(blobs: DirectoryBlobs, files: Path, tmp_path: Path) -> None:
    files.mkdir()
    (tmp_path / "disk").mkdir()
    (files / "artifacts").symlink_to(tmp_path / "disk")
    put(blobs, "artifacts/job-7/1/app")
    with blobs.new_folder("artifacts/job-8/1/") as folder:
        folder.put("app", io.BytesIO(b"ours"))
    keys = sorted(blob.key for blob in blobs.iter_below("artifacts/"))
    assert keys == ["artifacts/job-7/1/app", "artifacts/job-8/1/app"]
    assert (tmp_path / "disk/job-7/1/app").read_bytes() == b"ours"


def test_empty_folders_go_with_their_last_file(blobs: DirectoryBlobs, files: Path) -> None:
    put(blobs, "reports/job-7/1/a")
    put(blobs, "reports/job-7/2/a")
    blobs.delete(["reports/job-7/1/a"])
    assert [path.name for path in (files / "reports/job-7").iterdir()] == ["2"]
    blobs.delete_below(["reports/job-7/2/"])
    assert list((files / "reports").iterdir()) == []


UPLOAD = """
import io, os, signal, sys
from pathlib import Path
from cictl_server.blobs.directory import DirectoryBlobs

class Killing(io.RawIOBase):
    def readable(self):
        return True
    def readinto(self, buffer):
        os.kill(os.getpid(), signal.SIGKILL)

blobs = DirectoryBlobs(Path(sys.argv[1]))
if sys.argv[2] == "put":
    blobs.put("artifacts/job-7/1/app", io.BufferedReader(Killing()))
else:
    with blobs.new_folder("artifacts/job-7/1/") as folder:
        folder.put("whole", io.BytesIO(b"1"))
        folder.put("app", io.BufferedReader(Killing()))
"""


@pytest.mark.parametrize("how", ["put", "folder"])
def test_what_a_killed_put_leaves_is_not_seen_and_removed_later(blobs: DirectoryBlobs, files: Path, how: str) -> None:
    killed = subprocess.run([sys.executable, "-c", UPLOAD, str(files), how], timeout=150, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(blobs.iter_below("artifacts/")) == []
    [left] = (files / "artifacts").iterdir()
    blobs.remove_unfinished(datetime.now(UTC) - timedelta(days=1))
    assert left.exists()
    blobs.remove_unfinished(datetime.now(UTC) + timedelta(seconds=1))
    assert not left.exists()


def test_a_file_in_place_of_the_directory_is_named(blobs: DirectoryBlobs, files: Path) -> None:
    files.write_bytes(b"")
    with pytest.raises(FileExistsError, match=str(files)):
        blobs.check()
