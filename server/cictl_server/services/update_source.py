"""Where agents fetch the versions that they are asked to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class UpdateSource:
    """A repository of releases.

    Attributes:
        repository: `owner/name`.
        api_base: URL without a slash at its end.
    """

    repository: str = "izzyreal/ciwi"
    api_base: str = "https://api.github.com"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> UpdateSource:
        """Read `CICTL_UPDATE_REPO` and `CICTL_UPDATE_API_BASE`, else their `CIWI_` twins, else the defaults."""
        repository = _setting(environment, "UPDATE_REPO") or cls.repository
        api_base = _setting(environment, "UPDATE_API_BASE") or cls.api_base
        return cls(repository=repository, api_base=api_base.rstrip("/"))


def _setting(environment: Mapping[str, str], name: str) -> str:
    return environment.get(f"CICTL_{name}", "").strip() or environment.get(f"CIWI_{name}", "").strip()
