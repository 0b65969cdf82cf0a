"""Open the source of releases that the settings name."""

from __future__ import annotations

from cictl.installation.releases.release import ReleaseError, ReleaseSource
from cictl.installation.releases.settings import ReleaseSettings
from cictl.installation.releases.web import Web, WebError


def open_source(settings: ReleaseSettings) -> ReleaseSource:
    """Return the source that *settings* name.

    Raises:
        ReleaseError: The kind of source is unknown, or its URL is unusable.
    """
    from cictl.installation.releases.github import GithubSource
    from cictl.installation.releases.index import SimpleSource

    if settings.source == "github":
        try:
            return GithubSource(settings, Web(token=settings.token, token_url=settings.api_base))
        except WebError as error:
            raise ReleaseError(f"CICTL_UPDATE_API_BASE is {error}") from error
    if settings.source == "simple":
        return SimpleSource(settings, Web())
    raise ReleaseError(f'unknown update source "{settings.source}"; it is github or simple')
