"""Folders and links of an installation."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cictl_testing.installs.wheels import install_stub

from cictl.installation.layout import FAILED_NAME, RECORD_NAME, Layout


def install(layout: Layout, *tags: str) -> None:
    for tag in tags:
        install_stub(layout, tag)


def test_an_empty_installation_runs_nothing(layout: Layout) -> None:
    assert (layout.current(), layout.previous(), layout.complete_versions()) == (None, None, [])
    assert not layout.is_complete("v1.0.0")


def test_a_switch_remembers_what_was_current(layout: Layout) -> None:
    install(layout, "v1.0.0", "v1.1.0")
    layout.switch("v1.0.0")
    assert (layout.current(), layout.previous()) == ("v1.0.0", None)
    layout.switch("v1.1.0")
    assert (layout.current(), layout.previous()) == ("v1.1.0", "v1.0.0")
    assert (layout.home / "current").readlink() == Path("versions/v1.1.0")


def test_a_switch_to_what_is_current_changes_nothing(layout: Layout) -> None:
    install(layout, "v1.0.0", "v1.1.0")
    for tag in ("v1.0.0", "v1.1.0", "v1.1.0"):
        layout.switch(tag)
    assert layout.previous() == "v1.0.0"


def test_a_switch_to_nothing_is_refused(layout: Layout) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such version: v1\.0\.0"):
        layout.switch("v1.0.0")


def test_there_is_always_a_current_version_while_it_is_switched(layout: Layout) -> None:
    install(layout, "v1.0.0", "v1.1.0")
    layout.switch("v1.0.0")
    done = threading.Event()

    def switch() -> None:
        for _ in range(100):
            layout.switch("v1.1.0")
            layout.switch("v1.0.0")
        done.set()

    switcher = threading.Thread(target=switch)
    switcher.start()
    seen = set()
    while not done.is_set():
        seen.add(layout.current_script.exists())
    switcher.join()
    assert seen == {True}


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "/v1.0.0", "a\\b"])
def test_no_version_lies_elsewhere(layout: Layout, name: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        layout.folder(name)


def test_newest_installation_first(layout: Layout) -> None:
    install(layout, "v1.1.0", "v1.0.0", "v1.2.0")
    assert layout.complete_versions() == ["v1.2.0", "v1.0.0", "v1.1.0"]


@pytest.mark.parametrize("lacks", ["record", "a readable record", "success"])
def test_what_is_incomplete_or_failed_is_not_offered(layout: Layout, lacks: str) -> None:
    install(layout, "v1.0.0")
    if lacks == "record":
        (layout.folder("v1.0.0") / RECORD_NAME).unlink()
    elif lacks == "a readable record":
        (layout.folder("v1.0.0") / RECORD_NAME).write_bytes(b'{"tag":"\xff')
    else:
        layout.mark_failed("v1.0.0")
        assert (layout.folder("v1.0.0") / FAILED_NAME).exists()
    assert layout.complete_versions() == []
    assert not layout.is_complete("v1.0.0")


def test_pruning_keeps_what_links_name_and_one_more(layout: Layout) -> None:
    install(layout, "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0", "v1.5.0")
    layout.point_updater("v1.0.0")
    layout.switch("v1.4.0")
    layout.switch("v1.5.0")
    layout.mark_failed("v1.3.0")
    assert layout.prune() == ["v1.1.0", "v1.3.0"]
    assert sorted(path.name for path in layout.versions.iterdir()) == ["v1.0.0", "v1.2.0", "v1.4.0", "v1.5.0"]


def test_leftovers_are_removed(layout: Layout) -> None:
    install(layout, "v1.0.0", "v1.1.0")
    (layout.folder("v1.1.0") / RECORD_NAME).unlink()
    part = layout.downloads / "v1.2.0" / "cictl.whl.part"
    part.parent.mkdir(parents=True)
    part.touch()
    whole = part.with_suffix("")
    whole.touch()
    layout.remove_leftovers()
    assert [path.name for path in layout.versions.iterdir()] == ["v1.0.0"]
    assert (part.exists(), whole.exists()) == (False, True)


def test_the_lock_has_one_holder(layout: Layout) -> None:
    assert not layout.is_locked()
    with layout.lock():
        assert layout.is_locked()
    assert not layout.is_locked()


def test_paths(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "h", tmp_path / "d")
    assert layout.script("v1.0.0") == tmp_path / "h" / "versions" / "v1.0.0" / "bin" / "cictl"
    assert layout.downloads == tmp_path / "d" / "updates" / "download"
