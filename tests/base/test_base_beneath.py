"""Joining a folder of ours with a path from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cictl.base.system.beneath import NotBeneath, beneath


def test_files_folders_and_what_is_not_there_yet_are_beneath(tmp_path: Path) -> None:
    (tmp_path / "job-1").mkdir()
    (tmp_path / "job-1" / "app").touch()
    for path in ("job-1", "job-1/app", "job-1/new", "job-2/new/app", "..a/b.."):
        assert beneath(tmp_path, path) == tmp_path / path


@pytest.mark.parametrize("path", ["", "/etc/passwd", "..", "a/../../b", "a//b", "./a", "a/", "a\0b", "x" * 300])
def test_paths_that_lead_out_or_no_file_can_have_are_not(tmp_path: Path, path: str) -> None:
    with pytest.raises(NotBeneath):
        beneath(tmp_path, path)


def test_links_and_pipes_on_the_way_are_not(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    for path in ("link", "folder", "folder/passwd", "pipe"):
        with pytest.raises(NotBeneath):
            beneath(tmp_path, path)


def test_the_folder_itself_may_be_a_link_of_its_owner(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "app").touch()
    (tmp_path / "artifacts").symlink_to("disk")
    assert beneath(tmp_path / "artifacts", "app").is_file()
