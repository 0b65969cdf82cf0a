from __future__ import annotations

import os
from pathlib import Path

import pytest

from cictl.wire.jobs import LONGEST_WARNING, MOST_WARNINGS
from cictl_agent.job.artifacts.collection import Limits, collect
from cictl_agent.job.warnings import Warnings
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
    (root / "to-git").symlink_to(".git/config")
    (root / "to-gits").symlink_to(".git")
    (root / "broken").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def warnings(log: JobLog) -> Warnings:
    return Warnings(log)


def names(globs: list[str], tree: Path, warnings: Warnings, limits: Limits | None = None) -> list[str]:
    return [found.path for found in collect(globs, tree, warnings, limits=limits)]


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
        pytest.param(["to-git", "to-gits/**"], [], id="links-into-gits-own"),
        pytest.param(["**/*.txt", "!deep"], ["a.txt"], id="excluded-directory"),
        pytest.param(["sub/.git", "!sub/c"], [], id="never-gits-own-with-exclusions"),
        pytest.param(["to-dist/**"], ["to-dist/app", "to-dist/lib/x.so"], id="linked-directory"),
        pytest.param(["pipe", "broken"], [], id="neither-file-nor-directory"),
        pytest.param(["../secret", "/etc/passwd", "./a.txt"], [], id="never"),
    ],
)
def test_what_is_collected(tree: Path, warnings: Warnings, globs: list[str], expected: list[str]) -> None:
    assert names(globs, tree, warnings) == expected


def test_links_cannot_lead_in_circles(tree: Path, warnings: Warnings) -> None:
    (tree / "deep" / "up").symlink_to("..")
    assert names(["deep/**/b.txt"], tree, warnings) == ["deep/er/b.txt", "deep/up/deep/er/b.txt"]


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        pytest.param(["[a", "a.txt"], "pattern '[a' is skipped: a [ is not closed", id="bad-pattern"),
        pytest.param(["a.txt", "*.zip"], "pattern '*.zip' matches no file", id="no-match"),
        pytest.param(["dist"], "pattern 'dist' matches a directory and no file; write dist/**", id="directory"),
        pytest.param(["./a.txt"], "pattern './a.txt' matches no file; write a.txt", id="hint"),
        pytest.param(["!*.zip"], "every pattern excludes, so nothing is kept", id="only-exclusions"),
        pytest.param(
            ["to-secret", "broken", "to-git"],
            "left out, the link leads nowhere, out of the workspace, or into .git: broken, to-git, to-secret",
            id="links",
        ),
        pytest.param(["pipe"], "left out, not a regular file: pipe", id="special-file"),
        pytest.param(
            ["c:/x"], "left out, no artifact can have the name, it is not a path below a directory: c:/x", id="name"
        ),
    ],
)
def test_what_is_not_kept_is_a_warning_and_a_line_of_the_log(
    tree: Path, warnings: Warnings, globs: list[str], expected: str
) -> None:
    (tree / "c:").mkdir()
    (tree / "c:" / "x").touch()
    collect(globs, tree, warnings)
    assert warnings.report() == [expected]
    assert warnings.log.tail(4000) == f"[artifacts] warning: {expected}\n"


def test_all_good_is_no_warning(tree: Path, warnings: Warnings) -> None:
    assert names(["a.txt", "!*.map"], tree, warnings) == ["a.txt"]
    assert (warnings.report(), warnings.log.tail(100)) == ([], "")


def test_files_beyond_the_limits_of_a_server_are_left_out_by_name(tree: Path, warnings: Warnings) -> None:
    (tree / "big").write_bytes(b"x" * 2000)
    assert names(["a.txt", "dist/**", "big"], tree, warnings, Limits(file_bytes=1024, files=2)) == ["a.txt", "dist/app"]
    assert warnings.report() == [
        "left out, larger than 1.0 KiB, the most that this server takes: big",
        "left out, more than the 2 files that this server takes: dist/lib/x.so",
    ]


def test_failed_job_is_not_warned_of_files_that_it_never_came_to_make(tree: Path, warnings: Warnings) -> None:
    assert collect(["*.zip"], tree, warnings, has_failed=True) == []
    assert warnings.report() == []
    assert warnings.log.tail(1000) == "[artifacts] pattern '*.zip' matches no file\n"


def test_name_that_is_not_utf8_is_left_out(tree: Path, warnings: Warnings) -> None:
    Path(os.fsdecode(bytes(tree) + b"/\xff.txt")).touch()
    assert names(["*.txt"], tree, warnings) == ["a.txt"]
    assert warnings.report() == ["left out, no artifact can have the name, it is not UTF-8: ?.txt"]


def test_bad_names_cost_the_others_nothing(tree: Path, warnings: Warnings) -> None:
    for name in ("12:30.log", "x" * 255, "README", "readme", "a\\b.log", "a.log"):
        (tree / name).touch()
    deep = tree.joinpath("d" * 20, *["e"] * 70)
    deep.mkdir(parents=True)
    (deep / "f.log").touch()
    (tree / "a").mkdir()
    (tree / "a" / "b.log").touch()
    found = names(["**/*.log", "x*", "[Rr]*"], tree, warnings)
    assert found == ["12:30.log", "README", "a.log", "a/b.log", "readme", "x" * 255]
    deep_name = f"{'d' * 20}/{'e/' * 70}f.log"
    assert warnings.report() == [
        "left out, the name without secrets and backslashes is that of another file: a\\b.log",
        f"left out, no artifact can have the name, it has 72 parts, the limit is 64: {deep_name}",
    ]


def test_warnings_are_bounded_in_number_and_length(warnings: Warnings) -> None:
    for number in range(MOST_WARNINGS + 5):
        warnings.add("x", f"{number} " + "x" * 1000)
    assert len(warnings.report()) == MOST_WARNINGS
    assert max(map(len, warnings.report())) == LONGEST_WARNING
    assert warnings.report()[-1] == "6 more warnings are in the job's log"
    assert f"{MOST_WARNINGS + 4} " + "x" * 1000 in warnings.log.tail(2000)


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        pytest.param(
            ["lib/*"],
            {"lib/x.so": "lib/x.so.1", "lib/x.so.1": "lib/x.so.1.2", "lib/x.so.1.2": "", "lib/abs": "lib/x.so.1.2"},
            id="chain",
        ),
        pytest.param(["lib/x.so"], {"lib/x.so": ""}, id="target-not-kept"),
        pytest.param(["lib/x.so", "lib/x.so.1"], {"lib/x.so": "", "lib/x.so.1": ""}, id="end-not-kept"),
        pytest.param(
            ["to-lib/x.so*", "lib/x.so.1.2"],
            {"lib/x.so.1.2": "", **dict.fromkeys(("to-lib/x.so", "to-lib/x.so.1", "to-lib/x.so.1.2"), "")},
            id="below-a-linked-directory",
        ),
        pytest.param(["through", "lib/x.so.1.2"], {"through": "lib/x.so.1.2", "lib/x.so.1.2": ""}, id="through-a-link"),
        pytest.param(["to-git", "to-secret", "a.txt"], {"a.txt": ""}, id="never-out-or-into-gits-own"),
    ],
)
def test_links_to_kept_files_are_kept_as_links(
    tree: Path, warnings: Warnings, globs: list[str], expected: dict[str, str]
) -> None:
    (tree / "lib").mkdir()
    (tree / "lib" / "x.so.1.2").write_text("code")
    (tree / "lib" / "x.so.1").symlink_to("x.so.1.2")
    (tree / "lib" / "x.so").symlink_to("x.so.1")
    (tree / "lib" / "abs").symlink_to(tree / "lib" / "x.so.1.2")
    (tree / "to-lib").symlink_to("lib")
    (tree / "through").symlink_to("to-lib/x.so.1.2")
    assert {found.path: found.link for found in collect(globs, tree, warnings, with_links=True)} == expected
    assert not any(found.link for found in collect(globs, tree, warnings))
