"""Building a version in its place, beside those that run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cictl.installation.capability import setting
from cictl.installation.layout import Layout


class StageError(Exception):
    """A version could not be staged; the text is what to tell the user."""


class PreflightError(StageError):
    """It was not even tried: the text says what this machine lacks."""


class Fetched(Protocol):
    """A verified download."""

    @property
    def wheel(self) -> Path: ...

    @property
    def wheel_sha256(self) -> str: ...

    @property
    def requirements(self) -> Path | None: ...


@dataclass(frozen=True)
class PipSettings:
    """Where dependencies come from.

    Attributes:
        index_url: A simple index; empty for pip's own default, `none` for no index at all.
        find_links: A folder or page of wheels; empty for none.
    """

    index_url: str = ""
    find_links: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> PipSettings:
        """Read `CICTL_UPDATE_INDEX_URL` and `CICTL_UPDATE_FIND_LINKS`."""
        return cls(setting(environ, "UPDATE_INDEX_URL"), setting(environ, "UPDATE_FIND_LINKS"))

    def arguments(self) -> list[str]:
        index = (
            ["--no-index"] if self.index_url == "none" else ["--index-url", self.index_url] if self.index_url else []
        )
        return [*index, *(["--find-links", self.find_links] if self.find_links else [])]


@dataclass(frozen=True)
class StagedVersion:
    """A version that is ready to be tried.

    Attributes:
        was_reused: It was there already, untouched.
    """

    tag: str
    folder: Path
    sha256: str
    was_reused: bool


def stage(
    layout: Layout,
    fetched: Fetched,
    tag: str,
    *,
    pip: PipSettings,
    on_phase: Callable[[str], None] = lambda _: None,
) -> StagedVersion:
    """Install what was fetched as the version *tag*. The caller holds the layout's lock.

    Its dependencies are those of the pinned list, by their hashes; without a list, what the wheel asks for. No setting of
    pip in the environment or in files has a say. The record is written last, so what is interrupted stays incomplete.

    Args:
        on_phase: Told `build` when the work begins.

    Raises:
        PreflightError: The machine lacks something; nothing was changed.
        StageError: It could not be installed; nothing is left of it.
    """
    raise StageError("stage update: not built yet")
