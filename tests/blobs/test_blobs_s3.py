"""What is special about blobs in a bucket: sizes, credentials, and a server that is away."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest
from cictl_testing.certificates import Authority
from cictl_testing.ports import free_port
from cictl_testing.servers.nginx import RunningNginx, needs_nginx
from cictl_testing.servers.seaweed import READERS_KEY, READERS_SECRET, Seaweed

from cictl_server.blobs.contract import BadKey, BlobMissing, BlobsAway, BlobsRefused, blocks, read_whole
from cictl_server.blobs.opening import open_blobs, wait_for
from cictl_server.blobs.s3.address import BucketAddress, parse_address
from cictl_server.blobs.s3.blobs import S3Blobs
from cictl_server.errors import InvalidRequest

KEY = "artifacts/job-7/1/app"
MIB = 1 << 20


@pytest.fixture
def blobs(seaweed: Seaweed) -> S3Blobs:
    return seaweed.blobs()


def pattern(size: int) -> bytes:
    """Return bytes of which no two blocks are alike."""
    return b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(size // 32 + 1))[:size]


class Trickle(io.RawIOBase):
    """A stream that gives less than was asked for, as the body of a request does."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, 100_001))


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1, 16 * MIB, 16 * MIB + 1, 40 * MIB])
def test_every_way_to_send_keeps_every_byte(blobs: S3Blobs, size: int) -> None:
    content = pattern(size)
    assert blobs.put(KEY, Trickle(content)) == size
    found = blobs.find(KEY)
    assert found is not None
    assert found.size == size
    with blobs.open(KEY, start=size - 70_000, length=60_000) as reader:
        assert b"".join(blocks(reader, size=9999)) == content[size - 70_000 : size - 10_000]
    assert read_whole(blobs, KEY) == content


def test_a_condition_is_for_what_goes_in_one_request(blobs: S3Blobs) -> None:
    assert blobs.put(KEY, io.BytesIO(bytes(16 * MIB)), if_absent=True) == 16 * MIB
    with pytest.raises(ValueError, match="too large to be put if absent"):
        blobs.put(KEY + "2", io.BytesIO(bytes(16 * MIB + 1)), if_absent=True)
    assert blobs.find(KEY + "2") is None


def test_a_large_object_is_read_in_pieces_and_only_while_it_is_the_same(blobs: S3Blobs) -> None:
    blobs.put(KEY, io.BytesIO(bytes(9 * MIB)))
    with blobs.open(KEY) as reader:
        assert reader.read(MIB) == bytes(MIB)
        blobs.put(KEY, io.BytesIO(b"\1" * 9 * MIB))
        with pytest.raises(BlobMissing):
            list(blocks(reader))


def test_a_program_is_one_whatever_its_size(blobs: S3Blobs) -> None:
    sizes = {"empty": 0, "small": 10, "large": 17 * MIB}
    with blobs.new_folder("artifacts/job-7/1/") as folder:
        for name, size in sizes.items():
            folder.put(name, io.BytesIO(bytes(size)), is_executable=True)
    for name in sizes:
        with blobs.open(f"artifacts/job-7/1/{name}") as reader:
            assert reader.is_executable


def test_many_small_ones_are_all_there(blobs: S3Blobs) -> None:
    with blobs.new_folder("artifacts/job-7/1/") as folder:
        for number in range(1200):
            folder.put(f"{number}", io.BytesIO(b"%d" % number))
    assert len(list(blobs.iter_below("artifacts/"))) == 1200
    assert read_whole(blobs, "artifacts/job-7/1/1199") == b"1199"
    blobs.delete_below([f"artifacts/job-{number}/" for number in range(20)])
    assert list(blobs.iter_below("artifacts/")) == []


def test_the_objects_of_a_project_have_a_prefix(seaweed: Seaweed) -> None:
    blobs = seaweed.blobs()
    assert blobs.of_project("3") == "projects/3/"
    assert blobs.of_project("") == ""
    for project in ("..", ".", "a/b", "\0", "%2e"):
        key = f"{blobs.of_project(project)}icons/project-1"
        blobs.put(key, io.BytesIO(b"x"))
        assert read_whole(blobs, key) == b"x"


def test_a_key_has_room_in_the_bucket_or_is_refused(blobs: S3Blobs) -> None:
    path = "/".join(["\u00e4" * 125] * 4)
    assert blobs.put(f"a/{path[:480]}", io.BytesIO(b"x")) == 1
    with pytest.raises(BadKey, match="the limit is 1024"):
        blobs.put(f"artifacts/job-7/1/{path}", io.BytesIO(b"x"))
    with pytest.raises(BadKey, match="not UTF-8"):
        blobs.put("artifacts/\ud800", io.BytesIO(b"x"))


def test_what_is_put_has_a_checksum_that_the_bucket_keeps(seaweed: Seaweed) -> None:
    url = seaweed.place()
    seaweed.blobs(url).put(KEY, io.BytesIO(b"checked"))
    assert seaweed.checksum(f"{parse_address(url).prefix}/{KEY}") == hashlib.sha256(b"checked").hexdigest()


def test_without_the_right_key_nothing_can_be_read(seaweed: Seaweed) -> None:
    for key, secret in (("nobody", "wrong"), (READERS_KEY, "wrong")):
        stranger = seaweed.blobs(key=key, secret=secret)
        with pytest.raises(BlobsRefused, match=r"(?s)InvalidAccessKeyId|SignatureDoesNotMatch") as caught:
            stranger.check()
        assert (secret in str(caught.value), caught.value.is_missing) == (False, False)
        with pytest.raises(BlobsRefused):
            stranger.find(KEY)


def test_a_reader_is_found_out_by_writing(seaweed: Seaweed) -> None:
    reader = seaweed.blobs(key=READERS_KEY, secret=READERS_SECRET)
    reader.check()
    with pytest.raises(BlobsRefused, match="AccessDenied"):
        wait_for(reader)


def test_an_address_without_tls_has_to_be_allowed(seaweed: Seaweed) -> None:
    url = seaweed.place()
    environment = {**seaweed.environment(), "AWS_ALLOW_HTTP": ""}
    code = "import sys; from pathlib import Path; from cictl_server.blobs.opening import *\n"
    code += "open_blobs(sys.argv[1], data_dir=Path(), environ={}).check()"
    ran = subprocess.run(
        [sys.executable, "-c", code, url], env=environment, capture_output=True, text=True, check=False
    )
    assert f"BlobsRefused: the files in {url} can't be reached: its address begins with http://" in ran.stderr


@needs_nginx
def test_a_certificate_of_an_own_authority_is_trusted_if_it_is_named(
    seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "authority")
    own, port = authority.issue("server"), free_port()
    tls = f"listen 127.0.0.1:{port} ssl; ssl_certificate {own.cert}; ssl_certificate_key {own.key};"
    passing = f"location / {{ proxy_pass {seaweed.endpoint}; proxy_set_header Host $http_host; }}"
    nginx = RunningNginx(tmp_path / "nginx", f"server {{ {tls} {passing} }}", port=port)
    for name, value in {**seaweed.environment(), "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}"}.items():
        monkeypatch.setenv(name, value)
    url = seaweed.place()
    trusting = open_blobs(url, data_dir=tmp_path, environ={"CICTL_CA_FILE": str(authority.ca)})
    trusting.check(by_writing=True)
    with pytest.raises(BlobsAway):
        open_blobs(url, data_dir=tmp_path, environ={}).check()
    nginx.stop()


def test_a_blank_variable_is_as_none(seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As compose files pass variables on that nobody has set."""
    blank = dict.fromkeys(("AWS_SKIP_SIGNATURE", "AWS_ENDPOINT", "AWS_SESSION_TOKEN"), "")
    for name, value in {**seaweed.environment(), **blank}.items():
        monkeypatch.setenv(name, value)
    open_blobs(seaweed.place(), data_dir=tmp_path, environ=os.environ).check(by_writing=True)
    assert {name: os.environ[name] for name in blank} == blank


def test_an_authority_that_is_not_there_is_told(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.pem")
    with pytest.raises(InvalidRequest, match=r"CICTL_CA_FILE: .*absent\.pem is no file"):
        open_blobs("s3://bucket", data_dir=tmp_path, environ={"CICTL_CA_FILE": absent})


def test_a_bucket_is_not_made(seaweed: Seaweed) -> None:
    absent = seaweed.blobs("s3://absent/prefix")
    for _ in range(2):
        with pytest.raises(BlobsRefused, match="NoSuchBucket") as caught:
            wait_for(absent)
        assert caught.value.is_missing


@pytest.mark.slow
def test_while_it_is_away_all_fail_soon_and_then_go_on(own_seaweed: Seaweed) -> None:
    blobs = own_seaweed.blobs(patience=timedelta(seconds=1))
    blobs.put(KEY, io.BytesIO(bytes(9 * MIB)))
    own_seaweed.stop()
    begun = time.monotonic()
    with pytest.raises(BlobsAway, match="can't be reached"):
        blobs.put(KEY, io.BytesIO(b"new"))
    first = time.monotonic() - begun
    for _ in range(20):
        with pytest.raises(BlobsAway):
            blobs.find(KEY)
    assert time.monotonic() - begun < 2 * first, "who comes later waits no more"
    with pytest.raises(BlobsAway):
        wait_for(blobs, patience=1, pause=0.3)
    own_seaweed.start()
    wait_for(blobs, pause=0.1)
    found = blobs.find(KEY)
    assert found is not None
    assert found.size == 9 * MIB


def test_a_short_outage_is_waited_out(own_seaweed: Seaweed) -> None:
    blobs = own_seaweed.blobs()
    own_seaweed.freeze()
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(blobs.put, KEY, io.BytesIO(b"patient"))
        with pytest.raises(BlobsAway):
            blobs.check()
        own_seaweed.thaw()
        assert waiting.result() == 7
    assert read_whole(blobs, KEY) == b"patient"


UPLOAD = """
import io, os, signal, sys
from cictl_server.blobs.opening import open_blobs

class Killing:
    sent = 0
    def read(self, size):
        self.sent += size
        if self.sent > 40 << 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return bytes(size)

blobs = open_blobs(sys.argv[1], data_dir=None, environ=os.environ)
if sys.argv[2] == "put":
    blobs.put("artifacts/job-7/1/app", Killing())
else:
    with blobs.new_folder("artifacts/job-7/1/") as folder:
        folder.put("app", Killing())
"""


@pytest.mark.parametrize("how", ["put", "folder"])
def test_of_a_killed_put_nothing_is_seen(seaweed: Seaweed, how: str) -> None:
    url = seaweed.place()
    command = [sys.executable, "-c", UPLOAD, url, how]
    killed = subprocess.run(command, env=seaweed.environment(), timeout=150, check=False)
    assert killed.returncode == -signal.SIGKILL
    blobs = seaweed.blobs(url)
    assert blobs.find(KEY) is None
    assert list(blobs.iter_below("artifacts/")) == []


def test_what_a_kill_left_apart_is_removed_later(blobs: S3Blobs) -> None:
    blobs.put("unfinished/0123", io.BytesIO(b"x"))
    blobs.remove_unfinished(datetime.now(UTC) - timedelta(days=1))
    assert blobs.find("unfinished/0123") is not None
    blobs.remove_unfinished(datetime.now(UTC) + timedelta(minutes=1))
    assert blobs.find("unfinished/0123") is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://bucket", BucketAddress("bucket")),
        ("s3://bucket/", BucketAddress("bucket")),
        ("s3://bucket/a/b/", BucketAddress("bucket", "a/b")),
    ],
)
def test_addresses(url: str, address: BucketAddress) -> None:
    assert parse_address(url) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3:///x", "s3://b/../x", "s3://b//x", "s3://key:secret@b/x", "gs://b/x", "https://b/x", "s3://b?x=1"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="names no bucket"):
        open_blobs(url, data_dir=Path("unused"), environ={})


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("cictl_server.blobs.s3")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(InvalidRequest, match="needs the package obstore") as caught:
        open_blobs("s3://bucket", data_dir=Path("unused"), environ={})
    assert caught.value.hint == 'pip install "cictl[s3]"'


def test_objects_are_written_by_names_that_any_server_takes(seaweed: Seaweed) -> None:
    url = seaweed.place()
    seaweed.blobs(url).put("artifacts/job-7/a\nb\\c%", io.BytesIO(b"x"))
    [[found]] = obstore.list(seaweed.blobs(url)._store)
    assert found["path"] == "artifacts/job-7/a%0Ab%5Cc%25"
