"""Two real versions of cictl with all they need, installed once; each module that changes an installation has a copy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from cictl.installation.layout import Layout
from cictl.installation.releases.release import FetchedRelease
from cictl.installation.staging import PipSettings, stage
from cictl_testing.installs.copies import build_once, copy
from cictl_testing.installs.wheels import package_version, real_wheel, repack_dependencies, sha256_of

OLD, NEW = "v91.0.0", "v91.1.0-rc.1"

BUILD_SECONDS = 400.0
"""How long fetching and building a version may take on a loaded machine."""


@dataclass(frozen=True)
class RealVersions:
    """OLD and NEW as wheels and as installed versions; nobody changes them.

    Attributes:
        links: A folder with the wheels of all dependencies.
    """

    folder: Path

    @property
    def links(self) -> Path:
        return self.folder / "links"

    @property
    def lock(self) -> Path:
        return self.links / "requirements.txt"

    @property
    def settings(self) -> dict[str, str]:
        """What makes a server or an agent install from here."""
        return {"CICTL_UPDATE_INDEX_URL": "none", "CICTL_UPDATE_FIND_LINKS": str(self.links)}

    def wheel(self, tag: str) -> Path:
        [found] = (self.folder / "wheels").glob(f"cictl-{package_version(tag)}-*.whl")
        return found

    def release(self, tag: str) -> dict[str, bytes]:
        """Return the files of a release of *tag*."""
        requirements = f"cictl-{package_version(tag)}-requirements.txt"
        return {self.wheel(tag).name: self.wheel(tag).read_bytes(), requirements: self.lock.read_bytes()}

    def install(self, home: Path, *tags: str) -> Layout:
        """Copy versions to *home*, where none is current."""
        layout = Layout(home, home.parent / "data")
        for tag in tags:
            source = self._layout.folder(tag)
            copy(source, layout.folder(tag), {str(source): str(layout.folder(tag))})
        return layout

    @property
    def _layout(self) -> Layout:
        return Layout(self.folder / "home", self.folder / "data")

    def build(self) -> None:
        """Fill the folder."""
        repack_dependencies(self.links)
        self._layout.home.mkdir()
        pip = PipSettings(index_url="none", find_links=str(self.links))
        for tag in (OLD, NEW):
            wheel = real_wheel(self.folder / "wheels", tag)
            stage(self._layout, FetchedRelease(wheel, sha256_of(wheel), self.lock), tag, pip=pip)


@pytest.fixture(scope="session")
def real_versions(tmp_path_factory: pytest.TempPathFactory) -> RealVersions:
    return RealVersions(build_once(tmp_path_factory, "real-versions", lambda folder: RealVersions(folder).build()))
