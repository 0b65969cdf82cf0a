from __future__ import annotations

import pytest

from cictl.base.names.artifact_paths import (
    BadArtifactPath,
    clean_path,
    ends_of_links,
    link_target,
    link_text,
)


@pytest.mark.parametrize(
    ("path", "on_windows", "clean"),
    [
        ("./a//b", False, "a/b"),
        ("a\\b", False, "a/b"),
        ("12:30.log", False, "12:30.log"),
        ("12:30.log", True, None),
        ("con/x", False, "con/x"),
        ("con/x", True, None),
        ("c:/x", False, None),
        ("c:", False, None),
        ("a/../..", False, None),
        ("a\0", False, None),
        ("\udcff", False, None),
        ("é" * 127, False, "é" * 127),
        ("é" * 128, False, None),
    ],
)
def test_paths_are_cleaned_or_refused(path: str, on_windows: bool, clean: str | None) -> None:
    if clean is None:
        with pytest.raises(BadArtifactPath):
            clean_path(path, on_windows=on_windows)
    else:
        assert clean_path(path, on_windows=on_windows) == clean


@pytest.mark.parametrize(
    ("path", "text", "target"),
    [("x", "y", "y"), ("a/x", "y", "a/y"), ("a/x", "../y", "y"), ("a/b/x", "../c/y", "a/c/y")],
)
def test_links_are_read_and_written(path: str, text: str, target: str) -> None:
    assert link_target(path, text) == target
    assert link_text(path, target) == text


@pytest.mark.parametrize("text", ["/etc/passwd", "../../x", "..", "..\\x", "a\0"])
def test_links_that_lead_out_are_refused(text: str) -> None:
    with pytest.raises(BadArtifactPath):
        link_target("d/x", text)


def test_the_end_of_a_link_is_a_file_or_none() -> None:
    links = {"a": "b", "b": "f", "c": "a", "lost": "nowhere", "x": "y", "y": "x", "into": "x", "self": "self"}
    assert ends_of_links(links, {"f"}) == {"a": "f", "b": "f", "c": "f"}


def test_the_ends_of_a_long_chain_are_found_in_one_pass() -> None:
    links = {str(n): str(n + 1) for n in range(20_000)}
    assert set(ends_of_links(links, {"20000"}).values()) == {"20000"}
