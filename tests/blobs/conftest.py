"""One fixture for each kind of place there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cictl_server.blobs.contract import Blobs
from cictl_server.blobs.directory import DirectoryBlobs


@pytest.fixture(params=["directory"])
def blobs(tmp_path: Path) -> Blobs:
    return DirectoryBlobs(tmp_path / "files")
