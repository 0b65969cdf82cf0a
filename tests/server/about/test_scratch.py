"""Temporary folders in the data directory."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.server import RunningServer

from cictl_server.data_directory import back_up
from cictl_server.services.core.scratch import FOLDER, LEFT_AFTER, Scratch


def test_what_a_killed_server_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "data" / FOLDER)
    scratch.remove_left(datetime.now(UTC))  # as nothing is there yet
    with scratch.folder("git") as used:
        left = scratch.directory / "git-left"
        (left / "objects").mkdir(parents=True)
        old = (datetime.now(UTC) - LEFT_AFTER - timedelta(minutes=1)).timestamp()
        os.utime(left, (old, old))
        scratch.remove_left(datetime.now(UTC))
        assert list(scratch.directory.iterdir()) == [used]
    assert list(scratch.directory.iterdir()) == []


@pytest.mark.tinydb
def test_git_works_there_and_no_backup_has_it(server: RunningServer, tmp_path: Path) -> None:
    place = server.directory / FOLDER
    url = str(make_repository(tmp_path / "origin", {"cictl.yaml": "version: 1\nproject: {name: p}\npipelines: []\n"}))
    server.services.projects.remotes.resolve(url, "")
    assert list(place.iterdir()) == []
    (place / "git-left").mkdir()
    back_up(server.directory, tmp_path / "backup")
    assert not (tmp_path / "backup" / FOLDER).exists()
