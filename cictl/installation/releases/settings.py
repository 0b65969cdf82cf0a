"""The settings that tell where releases come from, and how to fetch them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cictl.base.system.environment import setting

NO_REPOSITORY = "no releases are configured: set CICTL_UPDATE_REPO to the owner/name of their repository, or CICTL_UPDATE_SOURCE=simple"


@dataclass(frozen=True, kw_only=True)
class ReleaseSettings:
    """Where to look for releases.

    Attributes:
        source: `github`, or `simple` for an index of packages (PEP 503, PEP 691).
        api_base: URL of a GitHub-compatible API, without a slash at its end.
        repository: `owner/name`. There is no default, because another project's releases are not ours.
        token: Sent to the server of `api_base` only.
        index_url: Of the simple index; empty for pip's own default, `none` for no index.
        package: The project's name in the index.
        checksum_asset: Name of the list of checksums among a release's files.
        requires_checksum: Whether a release without checksums is refused.
        public_key: The Ed25519 key that must have signed each release, as `Verifier.of` takes it; empty for any release.
    """

    source: str = "github"
    api_base: str = "https://api.github.com"
    repository: str = ""
    token: str = field(default="", repr=False)
    index_url: str = ""
    package: str = "cictl"
    checksum_asset: str = "cictl-checksums.txt"
    requires_checksum: bool = True
    public_key: str = ""

    @property
    def has_wheels(self) -> bool:
        """Whether the releases have our wheels. Those of a repository `ciwi` are the reference's: programs for each system."""
        return self.source == "simple" or self.repository.rpartition("/")[2] != "ciwi"

    @property
    def names_a_place(self) -> bool:
        """Whether there is a place to look for releases: an index, or a repository."""
        return self.source == "simple" or bool(self.repository)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ReleaseSettings:
        """Read `CICTL_UPDATE_SOURCE`, `…_API_BASE`, `…_REPO`, `…_INDEX_URL`, `…_PACKAGE`, `…_CHECKSUM_ASSET`,
        `…_REQUIRE_CHECKSUM`, `…_PUBLIC_KEY` and `CICTL_GITHUB_TOKEN`, else their `CIWI_` twins, else the defaults."""
        return cls(
            source=setting(environ, "UPDATE_SOURCE") or cls.source,
            api_base=(setting(environ, "UPDATE_API_BASE") or cls.api_base).rstrip("/"),
            repository=setting(environ, "UPDATE_REPO") or cls.repository,
            token=setting(environ, "GITHUB_TOKEN"),
            index_url=setting(environ, "UPDATE_INDEX_URL"),
            package=setting(environ, "UPDATE_PACKAGE") or cls.package,
            checksum_asset=setting(environ, "UPDATE_CHECKSUM_ASSET") or cls.checksum_asset,
            requires_checksum=setting(environ, "UPDATE_REQUIRE_CHECKSUM") != "false",
            public_key=setting(environ, "UPDATE_PUBLIC_KEY"),
        )
