"""Releases of a repository, read by GitHub's API or a compatible one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from cictl.base.typed_json import read_json_as
from cictl.installation.releases.release import (
    API_SECONDS,
    LIST_LIMIT,
    TEXT_LIMIT,
    TEXT_SECONDS,
    WHEEL_LIMIT,
    WHEEL_SECONDS,
    Asset,
    FetchedRelease,
    Release,
    ReleaseError,
    read_checksums,
    verify,
)
from cictl.installation.releases.settings import NO_REPOSITORY, ReleaseSettings
from cictl.installation.releases.signatures import SETTING, SUFFIX, Verifier
from cictl.installation.releases.web import RefusedError, Web, WebError
from cictl.installation.versions import Tag, find_tag

T = TypeVar("T")


_JSON = "application/vnd.github+json"
_BYTES = "application/octet-stream"
_OTHER_CHECKSUMS = "checksums.txt"
_PAGE = 100
_PAGES = 3


class _Asset(msgspec.Struct, frozen=True):
    name: str = ""
    url: str = ""


class _Release(msgspec.Struct, frozen=True):
    tag_name: str = ""
    html_url: str = ""
    draft: bool = False
    assets: list[_Asset] = []

    def find(self, *names: str) -> Asset | None:
        """Return the asset with the first of *names* that the release has."""
        by_name = {asset.name: asset for asset in self.assets if asset.url}
        return next((Asset(name, by_name[name].url) for name in names if name in by_name), None)


class _Tag(msgspec.Struct, frozen=True):
    name: str = ""


class GithubSource:
    """The releases of a repository.

    Each has a wheel, a list of checksums, and perhaps a list of pinned requirements and a signature of the checksums.
    """

    def __init__(self, settings: ReleaseSettings, web: Web, verifier: Verifier | None = None) -> None:
        """Ask nothing yet.

        Args:
            verifier: Checks the signatures, which every release must have then.
        """
        self._settings = settings
        self._web = web
        self._verifier = verifier
        self._base = f"{settings.api_base}/repos/{quote(settings.repository)}"

    def latest(self) -> Release:
        return self._release("/releases/latest", label="latest release")

    def get(self, tag: str) -> Release:
        return self._release(f"/releases/tags/{quote(tag, safe='')}", label=f"release for tag {tag}")

    def list_tags(self) -> list[str]:
        """Return the tags that have a release. If the API lists no releases, return all tags."""
        names = [tag.name.strip() for tag in self._pages("/tags", list[_Tag])]
        tags = [name for name in dict.fromkeys(names) if find_tag(name)]
        with suppress(ReleaseError):  # an API without a list of releases: every tag may have one
            released = {r.tag_name.strip() for r in self._pages("/releases", list[_Release]) if not r.draft}
            tags = [tag for tag in tags if tag in released]
        return tags

    def fetch(self, release: Release, into: Path) -> FetchedRelease:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = [asset for asset in (release.wheel, release.requirements) if asset]
        sums = self._checksums(release)
        try:
            digests = [self._download(asset, into / asset.name) for asset in files]
            if sums is not None:
                for asset in files:
                    verify(sums, into / asset.name)
        except ReleaseError:
            for asset in files:
                (into / asset.name).unlink(missing_ok=True)
            raise
        requirements = into / release.requirements.name if release.requirements else None
        return FetchedRelease(into / release.wheel.name, digests[0], requirements)

    def _release(self, path: str, *, label: str) -> Release:
        found = self._ask(path, _Release, label=label, decoding=label)
        tag = find_tag(found.tag_name.strip())
        if tag is None:
            raise ReleaseError(f'{label} has an unsupported tag "{found.tag_name}"')
        return self._described(found, tag)

    def _described(self, found: _Release, tag: Tag) -> Release:
        wheel_name = f"cictl-{tag.package_version}-py3-none-any.whl"
        wheel = found.find(wheel_name)
        if wheel is None:
            raise ReleaseError(f'latest release has no compatible asset "{wheel_name}"')
        expected = self._settings.checksum_asset
        checksums = found.find(expected, _OTHER_CHECKSUMS)
        if checksums is None and self._settings.requires_checksum:
            raise ReleaseError(f'latest release has no checksum asset (expected "{expected}")')
        signature = found.find(checksums.name + SUFFIX) if checksums else None
        if self._verifier and signature is None:
            wanted = (checksums.name if checksums else expected) + SUFFIX
            raise ReleaseError(f'release {tag} is not signed, and {SETTING} is set (expected "{wanted}")')
        requirements = found.find(f"cictl-{tag.package_version}-requirements.txt")
        return Release(str(tag), found.html_url, wheel, requirements, checksums, signature)

    def _pages(self, path: str, type_: type[list[T]]) -> list[T]:
        found: list[T] = []
        for page in range(1, _PAGES + 1):
            rest = f"&page={page}" if page > 1 else ""
            items = self._ask(f"{path}?per_page={_PAGE}{rest}", type_, label="tags", decoding="tags response")
            found += items
            if len(items) < _PAGE:
                break
        return found

    def _ask(self, path: str, type_: type[T], *, label: str, decoding: str) -> T:
        if not self._settings.repository:
            raise ReleaseError(NO_REPOSITORY)
        try:
            page = self._web.get(self._base + path, accept=_JSON, limit=LIST_LIMIT, seconds=API_SECONDS)
            return read_json_as(page.body, type_)
        except RefusedError as error:
            raise ReleaseError(f"{label} query failed: {error}") from error
        except WebError as error:
            raise ReleaseError(f"request {label}: {error}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ReleaseError(f"decode {decoding}: {error}") from error

    def _download(self, asset: Asset, into: Path) -> str:
        try:
            return self._web.download(asset.url, into, accept=_BYTES, limit=WHEEL_LIMIT, seconds=WHEEL_SECONDS)
        except WebError as error:
            raise ReleaseError(f"download update asset: {error}") from error

    def _checksums(self, release: Release) -> dict[str, str] | None:
        """Return the sums of the release's files; None if it has no list. The list's signature is right, if one is wanted."""
        if release.checksums is None:
            return None
        content = self._text(release.checksums, what="checksum")
        if self._verifier:
            assert release.signature is not None, "releases without one were refused"
            signature = self._text(release.signature, what="signature")
            self._verifier.check(content, signature, name=release.checksums.name)
        return read_checksums(content.decode(errors="replace"))

    def _text(self, asset: Asset, *, what: str) -> bytes:
        try:
            return self._web.get(asset.url, accept=_BYTES, limit=TEXT_LIMIT, seconds=TEXT_SECONDS).body
        except WebError as error:
            raise ReleaseError(f"download {what} asset: {error}") from error
