"""Open the source of releases that the settings name."""

from __future__ import annotations

from cictl.installation.releases.release import ReleaseError, ReleaseSource
from cictl.installation.releases.settings import ReleaseSettings
from cictl.installation.releases.signatures import SETTING, Verifier
from cictl.installation.releases.web import Web, WebError


def open_source(settings: ReleaseSettings) -> ReleaseSource:
    """Return the source that *settings* name.

    Raises:
        ReleaseError: The kind of source is unknown, its URL or the key of its signatures is unusable, or it has no signatures
            and must have some.
    """
    if settings.source == "github":
        from cictl.installation.releases.github import GithubSource

        verifier = Verifier.of(settings.public_key) if settings.public_key else None
        try:
            web = Web(token=settings.token, token_url=settings.api_base)
        except WebError as error:
            raise ReleaseError(f"CICTL_UPDATE_API_BASE is {error}") from error
        return GithubSource(settings, web, verifier)
    if settings.source == "simple":
        from cictl.installation.releases.index import SimpleSource

        if settings.public_key:
            raise ReleaseError(
                f"{SETTING} is set, and an index of packages has no signatures: use CICTL_UPDATE_SOURCE=github"
            )
        return SimpleSource(settings, Web())
    raise ReleaseError(f'unknown update source "{settings.source}"; it is github or simple')
