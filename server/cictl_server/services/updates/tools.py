"""The effects of an update on the machine, in one place: the services decide, and these functions act."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec.structs import replace

from cictl.base.system.environment import setting
from cictl.installation import activation, smoke, staging
from cictl.installation.capability import Capability, detect
from cictl.installation.environments import PipSettings
from cictl.installation.layout import Layout
from cictl.installation.manifest import Pending
from cictl.installation.releases.release import FetchedRelease, ReleaseSource
from cictl.installation.releases.settings import ReleaseSettings
from cictl.installation.releases.sources import open_source


class Stage(Protocol):
    """Installs a fetched release: the type of `staging.stage`."""

    def __call__(
        self, layout: Layout, fetched: FetchedRelease, tag: str, *, on_phase: Callable[[str], None]
    ) -> object: ...


_APPLY_WAIT = timedelta(seconds=25)
_DRAIN = timedelta(0)
_HEALTH = timedelta(seconds=60)
_UNIT = "cictl.service"


class UpdateTools(msgspec.Struct, frozen=True, kw_only=True):
    """The functions and settings of an update.

    Attributes:
        capability: Returns whether and how this installation can update itself.
        releases: Where releases come from; agents are told the same.
        apply_wait: How long a request waits for its update to be staged; the reference's page gives up after 30 s.
        drain: How long running jobs may go on before the server is replaced.
        health: How long a new version may take to become healthy.
    """

    capability: Callable[[], Capability]
    source: ReleaseSource
    stage: Stage
    smoke: Callable[[Layout, str], None]
    start_helper: Callable[[Layout, Pending], object] = activation.start_helper
    releases: ReleaseSettings = msgspec.field(default_factory=ReleaseSettings)
    apply_wait: timedelta = _APPLY_WAIT
    drain: timedelta = _DRAIN
    health: timedelta = _HEALTH
    unit: str = _UNIT

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], *, version: str, data_dir: Path, store: str = "", needs_grown: bool = False
    ) -> UpdateTools:
        """Return the tools of a real server, from `CICTL_` variables or else their `CIWI_` twins.

        Args:
            store: URL of its database, at which a new version looks before it is switched to.
            needs_grown: It uses PostgreSQL or S3, so a new version gets what these take.

        Raises:
            ReleaseError: The source of releases has an unknown kind or a bad address.
        """
        releases = ReleaseSettings.from_environment(environ)
        pip = PipSettings.from_environment(environ)
        pip = replace(pip, needs_grown=pip.needs_grown or needs_grown)
        return cls(
            capability=lambda: detect(environ, version=version, prefix=Path(sys.prefix), data_dir=data_dir),
            source=open_source(releases),
            stage=lambda layout, fetched, tag, *, on_phase: staging.stage(
                layout, fetched, tag, pip=pip, on_phase=on_phase
            ),
            smoke=lambda layout, tag: smoke.smoke(layout, tag, data_dir, store=store),
            releases=releases,
            apply_wait=_seconds(environ, "UPDATE_APPLY_WAIT", _APPLY_WAIT),
            drain=_seconds(environ, "UPDATE_DRAIN_SECONDS", _DRAIN),
            health=_seconds(environ, "UPDATE_HEALTH_TIMEOUT", _HEALTH),
            unit=setting(environ, "SERVER_SERVICE_NAME") or _UNIT,
        )


def _seconds(environ: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    """Return a setting in seconds. A value that is not a number from 0 to 86,400 counts as unset."""
    try:
        seconds = float(setting(environ, name) or "x")
    except ValueError:
        return default
    return timedelta(seconds=seconds) if 0 <= seconds <= 86400 else default
