"""The web site of the pages: whole, by itself, and with no link that leads nowhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("the site")

ROOT = Path(__file__).parents[2]
SOURCES = ("mkdocs.yml", "install/site.py", "README.md", "CHANGELOG.md", "SECURITY.md")


def copy(place: Path) -> Path:
    """Copy what the site is made from."""
    (place / "install").mkdir(parents=True)
    shutil.copytree(ROOT / "docs", place / "docs")
    for name in SOURCES:
        shutil.copy(ROOT / name, place / name)
    return place


def build(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build"],
        cwd=place,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = copy(tmp_path_factory.mktemp("site") / "source")
    done = build(place)
    assert done.returncode == 0, done.stderr
    return place / "build" / "site"


def pages(site: Path) -> dict[str, str]:
    return {str(path.relative_to(site)): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


def test_each_page_of_the_source_is_there(site: Path) -> None:
    names = {f"{path.stem}/index.html" for path in (ROOT / "docs").glob("*.md")}
    assert {"index.html", "CHANGELOG/index.html", "SECURITY/index.html"} | names <= pages(site).keys()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?(?:https?:)?//|<link\b[^>]*\bhref=\"?(?:https?:)?//"
    )
    styles = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("*.css")}
    assert [name for name, text in pages(site).items() if loads.search(text)] == []
    assert [name for name, text in styles.items() if re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", text)] == []


# On a forge a list may follow its paragraph at once; here it would become part of the paragraph.
def test_lists_and_tables_are_lists_and_tables(site: Path) -> None:
    paragraphs = [
        (name, text) for name, page in pages(site).items() for text in re.findall(r"<p>(.*?)</p>", page, re.DOTALL)
    ]
    assert [(name, text) for name, text in paragraphs if re.search(r"^(?:[-*] |\d+\. |\|)", text, re.MULTILINE)] == []


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    place = copy(tmp_path / "source")
    (place / "docs" / "local.md").write_text(
        "# Here\n\n[a](nowhere.md), [b](cli.md#nowhere), [c](../README.md#nowhere)\n"
    )
    done = build(place)
    assert done.returncode != 0
    for target in ("nowhere.md", "cli.md#nowhere", "index.md#nowhere"):
        assert f"'{target}'" in done.stderr
