"""What mkdocs does besides building the pages of docs/: it adds those of the repository's root, and lets links find them.

On a forge, pages link each other by their places in the repository. The README is the site's first page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

_ROOT = Path(__file__).parents[1]
_PAGES = {"README.md": "index.md", "CHANGELOG.md": "CHANGELOG.md", "SECURITY.md": "SECURITY.md"}
"""The pages of the root, and what they are called in the site."""

_LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?!https?:|#)(?P<place>[^)#\s]+)(?P<anchor>#[^)\s]+)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let headings have the anchors that they have on a forge."""
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root."""
    for place, name in _PAGES.items():
        files.append(File.generated(config, name, content=(_ROOT / place).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn the links of a page from places in the repository into those in the site."""
    name = page.file.src_uri
    folder = _ROOT if name in _PAGES.values() else _ROOT / "docs"
    return _LINK.sub(lambda link: _turn(link, folder), markdown)


def _turn(link: re.Match[str], folder: Path) -> str:
    """Return *link* as the site has it; its text alone where it leads to what is no part of the site, such as a folder of scripts."""
    place = (folder / link["place"]).resolve().relative_to(_ROOT).as_posix()
    if place not in _PAGES and not place.startswith("docs/"):
        return link["text"]
    return f"[{link['text']}]({_PAGES.get(place, place.removeprefix('docs/'))}{link['anchor'] or ''})"
