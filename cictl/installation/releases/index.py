"""Releases in an index of Python packages, as PEP 503 pages or PEP 691 JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

import msgspec

from cictl.base.typed_json import read_json_as
from cictl.installation.releases.release import (
    API_SECONDS,
    LIST_LIMIT,
    WHEEL_LIMIT,
    WHEEL_SECONDS,
    Asset,
    FetchedRelease,
    Release,
    ReleaseError,
    is_file_name,
    verify,
)
from cictl.installation.releases.settings import ReleaseSettings
from cictl.installation.releases.web import Page, RefusedError, Web, WebError
from cictl.installation.versions import Tag

DEFAULT_INDEX = "https://pypi.org/simple"

_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1"


class _File(msgspec.Struct, frozen=True, rename={"requires_python": "requires-python"}):
    """One file of a project, with the keys of PEP 691.

    Attributes:
        yanked: False if it is not yanked. Else true or the reason, which may be an empty text.
    """

    filename: str
    url: str
    hashes: dict[str, str] = {}
    requires_python: str | None = None
    yanked: bool | str = False


class _Project(msgspec.Struct, frozen=True):
    files: list[_File]


@dataclass(frozen=True)
class _Candidate:
    """A wheel that can run here."""

    tag: Tag
    asset: Asset

    @cached_property
    def order(self) -> tuple[Tag, str]:
        return self.tag, self.asset.name


class SimpleSource:
    """The wheels of one project in an index that are not yanked and can run on this Python and machine."""

    def __init__(self, settings: ReleaseSettings, web: Web) -> None:
        self._settings = settings
        self._web = web

    def latest(self) -> Release:
        """Return the highest version that is not a pre-release."""
        final = [candidate for candidate in self._candidates("latest release") if not candidate.tag.is_prerelease]
        if not final:
            raise ReleaseError(f"latest release: the index has no compatible wheel of {self._settings.package}")
        return self._release(final[0])

    def get(self, tag: str) -> Release:
        label = f"release for tag {tag}"
        found = next((c for c in self._candidates(label) if str(c.tag) == tag), None)
        if found is None:
            raise ReleaseError(f"{label}: the index has no compatible wheel of {self._settings.package}")
        return self._release(found)

    def list_tags(self) -> list[str]:
        return list(dict.fromkeys(str(candidate.tag) for candidate in self._candidates("tags")))

    def fetch(self, release: Release, into: Path) -> FetchedRelease:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = into / release.wheel.name
        try:
            digest = self._web.download(release.wheel.url, path, accept="*/*", limit=WHEEL_LIMIT, seconds=WHEEL_SECONDS)
        except WebError as error:
            raise ReleaseError(f"download update asset: {error}") from error
        if release.wheel.sha256:
            verify({path.name: release.wheel.sha256}, path)
        return FetchedRelease(path, digest)

    def _release(self, candidate: _Candidate) -> Release:
        if self._settings.requires_checksum and not candidate.asset.sha256:
            raise ReleaseError(f"the index has no sha256 checksum of {candidate.asset.name}")
        return Release(str(candidate.tag), self._page_url, candidate.asset)

    @property
    def _page_url(self) -> str:
        index = self._settings.index_url or DEFAULT_INDEX
        return f"{index.rstrip('/')}/{quote(self._settings.package)}/"

    def _candidates(self, label: str) -> list[_Candidate]:
        """Return the wheels that can be installed here, the highest version first."""
        if self._settings.index_url == "none":
            raise ReleaseError("no index of packages is configured: CICTL_UPDATE_INDEX_URL is none")
        try:
            page = self._web.get(self._page_url, accept=_ACCEPT, limit=LIST_LIMIT, seconds=API_SECONDS)
        except RefusedError as error:
            raise ReleaseError(f"{label} query failed: {error}") from error
        except WebError as error:
            raise ReleaseError(f"request {label}: {error}") from error
        try:
            files = _files(page)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ReleaseError(f"decode {label}: {error}") from error
        found = [candidate for file in files if (candidate := self._candidate(file, page.url))]
        return sorted(found, key=lambda candidate: candidate.order, reverse=True)

    def _candidate(self, file: _File, base: str) -> _Candidate | None:
        """Return *file* as a candidate.

        None if it is no wheel of a released version of our package, has a name that leads out of a folder, is yanked, or can't
        run here.
        """
        from packaging.specifiers import InvalidSpecifier, SpecifierSet
        from packaging.tags import sys_tags
        from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

        # `parse_wheel_filename` takes `cictl-1.2.3-1/../x-py3-none-any.whl`, and blanks and newlines around a version.
        if file.yanked is not False or not is_file_name(file.filename):
            return None
        try:
            name, version, _, tags = parse_wheel_filename(file.filename)
            tag = Tag.of_package(str(version))
            pythons = SpecifierSet(file.requires_python or "")
        except (InvalidWheelFilename, InvalidSpecifier, ValueError):
            return None
        python = ".".join(str(number) for number in sys.version_info[:3])
        if name != canonicalize_name(self._settings.package):
            return None
        if not pythons.contains(python, prereleases=True) or tags.isdisjoint(sys_tags()):
            return None
        return _Candidate(tag, Asset(file.filename, urljoin(base, file.url), file.hashes.get("sha256", "").lower()))


def _files(page: Page) -> list[_File]:
    if page.content_type.partition(";")[0].strip().endswith("json"):
        return read_json_as(page.body, _Project).files
    links = _Links()
    links.feed(page.body.decode(errors="replace"))
    links.close()
    return links.files


class _Links(HTMLParser):
    """Reads the links of a PEP 503 page. The last part of a URL's path is the name of the file, its fragment the checksum."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[_File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        href = given.get("href")
        if tag != "a" or not href:
            return
        parts = urlsplit(href)
        sums = parse_qs(parts.fragment).get("sha256", [])
        self.files.append(
            _File(
                filename=unquote(parts.path.rpartition("/")[2]),
                url=parts._replace(fragment="").geturl(),
                hashes={"sha256": sums[0]} if sums else {},
                requires_python=given.get("data-requires-python"),
                yanked="data-yanked" in given,
            )
        )
