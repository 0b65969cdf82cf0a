"""One fixture for each kind of place there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.servers.seaweed import Seaweed, own_seaweed, seaweed

from cictl_server.blobs.contract import Blobs
from cictl_server.blobs.directory import DirectoryBlobs

__all__ = ["own_seaweed", "seaweed"]


@pytest.fixture(params=["directory", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "directory":
        return DirectoryBlobs(tmp_path / "files")
    server: Seaweed = request.getfixturevalue("seaweed")
    return server.blobs()
