"""The lists of pinned packages: nothing is installed from the checkout without a hash that is known before."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cictl_testing.installs.wheels import SOURCE, build_wheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))
LISTS = (
    "constraints.txt",
    "build-requirements.txt",
    "cictl/installation/requirements.txt",
    "cictl/installation/requirements-grown.txt",
)


def pinned(name: str) -> dict[str, tuple[str, ...]]:
    """Return the version and the hashes of each package of a list."""
    text = (SOURCE / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", line.strip())
            parsed = Requirement(requirement)
            [specifier] = parsed.specifier
            assert specifier.operator == "=="
            found[canonicalize_name(parsed.name)] = (specifier.version, *hashes)
    return found


@pytest.mark.parametrize("name", LISTS)
def test_every_package_has_hashes_and_no_list_names_an_index(name: str) -> None:
    for version, *hashes in pinned(name).values():
        assert version
        assert hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes)
    assert "://" not in (SOURCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LISTS[1:])
def test_the_lists_agree(name: str) -> None:
    assert pinned(name).items() <= pinned(LISTS[0]).items()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        pytest.param(LISTS[2], PROJECT["project"]["dependencies"], id="runtime"),
        pytest.param(
            LISTS[3],
            [one for extra in ("postgres", "s3") for one in PROJECT["project"]["optional-dependencies"][extra]],
            id="grown",
        ),
        pytest.param(LISTS[1], PROJECT["build-system"]["requires"], id="build"),
        pytest.param(
            LISTS[0],
            [one for extra in PROJECT["project"]["optional-dependencies"].values() for one in extra],
            id="extras",
        ),
    ],
)
def test_what_the_project_asks_for_is_pinned_as_it_asks(name: str, wanted: list[str]) -> None:
    """What these packages need in turn, pip misses itself: with hashes it takes nothing that is not listed."""
    versions = pinned(name)
    asked = [Requirement(text) for text in wanted]
    assert [one for one in asked if versions[canonicalize_name(one.name)][0] not in one.specifier] == []


def test_another_file_of_a_pinned_version_is_not_installed(tmp_path: Path) -> None:
    version = pinned(LISTS[0])["tinydb"][0]
    build_wheel(tmp_path / "links", "tinydb", version, {"tinydb.py": b"evil"})
    folder = tmp_path / "into"
    command = [*(sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", str(folder)), "-q"]
    hashes = " ".join(f"--hash={one}" for one in pinned(LISTS[0])["tinydb"][1:])
    (tmp_path / "one.txt").write_text(f"tinydb=={version} {hashes}\n")
    options = ["--find-links", str(tmp_path / "links"), "--require-hashes", "-r", str(tmp_path / "one.txt")]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not folder.exists()


@pytest.mark.parametrize("name", ["Makefile", "Containerfile", ".ci/run"])
def test_nothing_is_installed_without_hashes(name: str) -> None:
    text = (SOURCE / name).read_text(encoding="utf-8").replace("\\\n", " ").replace("$(PIP)", "pip install")
    lines = [
        line
        for line in text.splitlines()
        if re.search(r"\bpip (--\S+ \S+ )?(install|wheel)\b", line) and ":= " not in line
    ]
    assert lines
    assert [line for line in lines if not re.search(r"--require-hashes|--no-deps", line)] == []
