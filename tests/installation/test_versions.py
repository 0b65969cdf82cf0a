"""Tags, packages' versions, and what counts as released."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from cictl.installation.versions import Tag, find_tag, running_tag

ASCENDING = [
    "v0.9.10",
    "v1.0.0-alpha.1",
    "v1.0.0-alpha.2",
    "v1.0.0-alpha.10",
    "v1.0.0-beta.1",
    "v1.0.0-rc.1",
    "v1.0.0",
    "v1.0.1-alpha.1",
    "v1.2.0",
    "v1.10.0",
    "v2.0.0",
]


def test_tags_sort_as_semantic_versions_and_as_packages_do() -> None:
    tags = [Tag.parse(text) for text in ASCENDING]
    assert sorted([*tags[5:], *tags[:5]]) == tags
    assert sorted(tags, key=lambda tag: Version(tag.package_version)) == tags


@pytest.mark.parametrize(
    ("tag", "package"), [("v1.2.3", "1.2.3"), ("v1.2.3-alpha.0", "1.2.3a0"), ("v10.0.1-rc.12", "10.0.1rc12")]
)
def test_a_tag_and_its_package_tell_the_same_version(tag: str, package: str) -> None:
    assert Tag.parse(tag).package_version == package
    assert str(Tag.of_package(package)) == tag == str(Tag.parse(tag))
    assert str(Version(package)) == package, "it is the form that packages have"


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3",
        "v1.2",
        "v1.2.3.4",
        "v01.2.3",
        "v1.2.3-1",
        "v1.2.3-rc",
        "v1.2.3-rc.01",
        "v1.2.3-alpha.beta",
        "v1.2.3+build",
        "v1.2.3\n",
        " v1.2.3",
        "v1.2.3-rc.1/../../x",
        "v1.2.٣",
        "latest",
        "",
    ],
)
def test_what_the_two_worlds_do_not_agree_on_is_no_tag(text: str) -> None:
    assert find_tag(text) is None
    with pytest.raises(ValueError, match="not a version"):
        Tag.parse(text)


def install(directory: Path, version: str, *, direct_url: str = "") -> None:
    info = directory / f"thing-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n")
    if direct_url:
        (info / "direct_url.json").write_text(direct_url)


EDITABLE = '{"url": "file:///src", "dir_info": {"editable": true}}'
COPIED = '{"url": "file:///src", "dir_info": {}}'


@pytest.mark.parametrize(
    ("version", "direct_url", "expected"),
    [
        pytest.param("1.2.3", "", "v1.2.3", id="a wheel of an index"),
        pytest.param("1.2.3rc1", "", "v1.2.3-rc.1", id="a pre-release"),
        pytest.param("1.2.3", COPIED, "v1.2.3", id="a copy of a tree"),
        pytest.param("1.2.3", EDITABLE, "dev", id="an editable installation"),
        pytest.param("1.2.3", "{broken", "v1.2.3", id="a note that nobody can read"),
        pytest.param("1.2.3.dev4", "", "dev", id="a development version"),
        pytest.param("1.2.3+local", "", "dev", id="a local version"),
        pytest.param("1.2.3.post1", "", "dev", id="a version without a tag"),
    ],
)
def test_what_was_not_released_is_dev(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, direct_url: str, expected: str
) -> None:
    install(tmp_path, version, direct_url=direct_url)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert running_tag("thing") == expected


def test_what_is_not_installed_is_dev() -> None:
    assert running_tag("no-such-distribution") == "dev"
