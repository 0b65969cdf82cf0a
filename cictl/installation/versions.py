"""Versions of `cictl`: as tags, as PEP 440 versions of packages, and the running one."""

from __future__ import annotations

import re
from functools import total_ordering

import msgspec

from cictl.base.versions import SemanticKey, semantic_key

DEV = "dev"
"""The version of a program that was never released."""

_NUMBER = r"(0|[1-9][0-9]{0,8})"
_CORE = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
_TAG = re.compile(rf"v{_CORE}(?:-(alpha|beta|rc)\.{_NUMBER})?")
_PACKAGE = re.compile(rf"{_CORE}(?:(a|b|rc){_NUMBER})?")
_SHORT = {"alpha": "a", "beta": "b", "rc": "rc"}
_LONG = {short: long for long, short in _SHORT.items()}


@total_ordering
class Tag(msgspec.Struct, frozen=True):
    """The version of a release, ordered as semantic versions are.

    Only `vX.Y.Z` and `vX.Y.Z-(alpha|beta|rc).N` are allowed, because they mean the same in semantic versioning and in
    PEP 440. Others do not: `v1.2.0-1` is before 1.2.0 in the first and after it in the second, and `v1.2.0-x` has no form
    in PEP 440.

    Attributes:
        stage: `alpha`, `beta` or `rc`; empty for a final release.
        number: The number of the pre-release; 0 for a final release.
    """

    major: int
    minor: int
    patch: int
    stage: str = ""
    number: int = 0

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Return the tag that *text* is, such as `v1.2.3-rc.1`.

        Raises:
            ValueError: It has another form.
        """
        return cls._of(_TAG.fullmatch(text), text, stages={stage: stage for stage in _SHORT})

    @classmethod
    def of_package(cls, version: str) -> Tag:
        """Return the tag of a package's version, such as `1.2.3rc1`.

        Raises:
            ValueError: It has no tag.
        """
        return cls._of(_PACKAGE.fullmatch(version), version, stages=_LONG)

    @classmethod
    def _of(cls, match: re.Match[str] | None, text: str, *, stages: dict[str, str]) -> Tag:
        if match is None:
            raise ValueError(f"not a version: {text!r}")
        major, minor, patch, stage, number = match.groups()
        return cls(int(major), int(minor), int(patch), stages[stage] if stage else "", int(number or 0))

    @property
    def is_prerelease(self) -> bool:
        return bool(self.stage)

    @property
    def package_version(self) -> str:
        """The version in the form of PEP 440, `1.2.3rc1`."""
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}{_SHORT[self.stage]}{self.number}" if self.stage else core

    def __str__(self) -> str:
        core = f"v{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{self.stage}.{self.number}" if self.stage else core

    def __lt__(self, other: Tag) -> bool:
        return self._key < other._key

    @property
    def _key(self) -> SemanticKey:
        key = semantic_key(str(self))
        assert key is not None
        return key


def find_tag(text: str) -> Tag | None:
    """Return the tag that *text* is; None if it is no tag."""
    try:
        return Tag.parse(text)
    except ValueError:
        return None


def running_tag(distribution: str = "cictl") -> str:
    """Return the tag of the running version, or `dev` if it was never released.

    A source tree, an editable installation (PEP 610) and a version without a tag, such as `1.2.3.dev4`, count as never
    released.
    """
    from importlib import metadata

    try:
        found = metadata.distribution(distribution)
        version = found.version
    except (metadata.PackageNotFoundError, KeyError):
        return DEV
    if _is_editable(found.read_text("direct_url.json") or "{}"):
        return DEV
    try:
        return str(Tag.of_package(version))
    except ValueError:
        return DEV


def _is_editable(direct_url: str) -> bool:
    import json

    try:
        told = json.loads(direct_url)
    except ValueError:
        return False
    where = told.get("dir_info") if isinstance(told, dict) else None
    return isinstance(where, dict) and where.get("editable") is True
