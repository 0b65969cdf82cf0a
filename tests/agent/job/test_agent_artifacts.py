from __future__ import annotations

import os
from pathlib import Path

import pytest

from cictl_agent.job.artifacts import collect
from cictl_agent.log.spool import JobLog


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with files, dot files, and links inside and out of it."""
    root = tmp_path / "tree"
    for name in ("a.txt", "dist/app", "dist/lib/x.so", ".git/config", ".env/x", "deep/er/b.txt", "sub/.git", "sub/c"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "f").write_text("outside")
    (root / "to-a").symlink_to("a.txt")
    (root / "to-dist").symlink_to("dist")
    (root / "to-secret").symlink_to(tmp_path / "secret")
    (root / "to-outside").symlink_to(tmp_path / "outside")
    (root / "broken").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    return root


def names(globs: list[str], tree: Path, log: JobLog, **limits: int) -> list[str]:
    return [found.path for found in collect(globs, tree, log, **limits)]


@pytest.mark.weakness("A12.9a")
@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        pytest.param(["*.txt"], ["a.txt"], id="top"),
        pytest.param(["**/*.txt", "a.*"], ["a.txt", "deep/er/b.txt"], id="each-file-once"),
        pytest.param([".env/*"], [".env/x"], id="dot-files"),
        pytest.param([".git/*", "**/.git", "sub/**", ".git"], ["sub/c"], id="never-gits-own"),
        pytest.param(["dist"], [], id="directory"),
        pytest.param(["dist/**"], ["dist/app", "dist/lib/x.so"], id="tree"),
        pytest.param(["to-*"], ["to-a"], id="file-links"),
        pytest.param(["to-outside/**", "to-secret"], [], id="links-out"),
        pytest.param(["to-dist/**"], ["to-dist/app", "to-dist/lib/x.so"], id="linked-directory"),
        pytest.param(["pipe", "broken"], [], id="neither-file-nor-directory"),
        pytest.param(["../secret", "/etc/passwd", "./a.txt"], [], id="never"),
    ],
)
def test_what_is_collected(tree: Path, log: JobLog, globs: list[str], expected: list[str]) -> None:
    assert names(globs, tree, log) == expected


def test_links_cannot_lead_in_circles(tree: Path, log: JobLog) -> None:
    (tree / "deep" / "up").symlink_to("..")
    assert names(["deep/**/b.txt"], tree, log) == ["deep/er/b.txt", "deep/up/deep/er/b.txt"]


def test_bad_pattern_is_logged_and_the_others_count(tree: Path, log: JobLog) -> None:
    assert names(["[a", "a.txt"], tree, log) == ["a.txt"]
    assert "pattern '[a' skipped" in log.tail(1000)


def test_file_that_is_too_large_is_logged_and_left_out(tree: Path, log: JobLog) -> None:
    assert names(["a.txt", "dist/app"], tree, log, most_bytes=5) == ["a.txt"]
    assert "skipped dist/app: 8 bytes" in log.tail(1000)


def test_too_many_files_are_logged_and_cut(tree: Path, log: JobLog) -> None:
    assert names(["a.txt", "dist/app"], tree, log, most_files=1) == ["a.txt"]
    assert "only the first 1 are kept" in log.tail(1000)


def test_name_that_is_not_utf8_is_logged_and_left_out(tree: Path, log: JobLog) -> None:
    Path(os.fsdecode(bytes(tree) + b"/\xff.txt")).touch()
    assert names(["*.txt"], tree, log) == ["a.txt"]
    assert "its name is not UTF-8" in log.tail(1000)
