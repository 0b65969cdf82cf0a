"""How an agent updates itself: it installs a version beside its own, lets that check itself, switches, and ends.

The service manager then starts the new version, which is on trial until the server accepts a heartbeat of it. A version
that is started repeatedly without that is given up; the version before it runs again, and tells the server.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import filelock

from cictl.base.clock import Clock, utc_now
from cictl.base.system.environment import setting
from cictl.installation import manifest, reconcile
from cictl.installation.capability import detect
from cictl.installation.environments import PipSettings
from cictl.installation.layout import Layout
from cictl.installation.releases.release import ReleaseError, ReleaseSource
from cictl.installation.releases.settings import ReleaseSettings
from cictl.installation.releases.sources import open_source
from cictl.installation.smoke import SmokeError, smoke
from cictl.installation.staging import StageError, find_staged, stage
from cictl.installation.versions import find_tag
from cictl.wire.words import CICTL_WHEEL, NOT_A_SERVICE, UPDATER
from cictl_agent.system.service_managers import Service

logger = logging.getLogger(__name__)

CAPABILITY = {UPDATER: CICTL_WHEEL}
"""Tells a server that this agent can install wheels by itself."""

DEFAULT_HEALTH_SECONDS = 60.0
_LIFETIME = timedelta(hours=1)
_LOCK_SECONDS = 10.0
"""An order may come while the agent, at its start, holds the lock itself to settle the last update and tidy up."""


class UpdateFailed(Exception):
    """The update failed and the agent stays as it is; the text is meant for the server."""


@dataclass(frozen=True, kw_only=True)
class WantedVersion:
    """A version that a server asks for, and where to fetch it from; what is empty comes from the agent's settings."""

    target: str
    repository: str = ""
    api_base: str = ""


@dataclass(frozen=True, kw_only=True)
class Updater:
    """The installation that this agent runs from.

    Attributes:
        version: Tag of what runs, or `dev`.
        refusal: Why this agent can't be updated; empty when it can.
        layout: None where there is no managed installation.
        lock_seconds: How long to wait for another process that holds the installation.
        health_seconds: How long a version on trial may take until the server accepts a heartbeat of it.
    """

    version: str
    refusal: str = ""
    layout: Layout | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    health_seconds: float = DEFAULT_HEALTH_SECONDS
    lock_seconds: float = _LOCK_SECONDS
    clock: Clock = utc_now

    @property
    def capability(self) -> Mapping[str, str]:
        """The capabilities that follow from this: one for an agent that can be updated, else none."""
        return {} if self.refusal else CAPABILITY

    @property
    def is_on_trial(self) -> bool:
        """Whether this version was switched to, and has not been found to work yet."""
        wanted = manifest.find_applying(self.layout) if self.layout else None
        return wanted is not None and wanted.target_version == self.version

    def begin(self) -> str:
        """Count this start. Call it once in a process, before anything that could fail, such as reading settings.

        Returns:
            Empty to go on. Otherwise a text: this version failed to start too often, and the one before is current again.
            The agent must end then, so that its service manager starts that one.
        """
        outcome = reconcile.begin(self.layout, self.version, now=self.clock()) if self.layout else None
        return outcome.message if outcome else ""

    def confirm(self) -> None:
        """End the trial: the server has accepted a heartbeat of this version."""
        if self.layout:
            reconcile.reconcile(self.layout, self.version, now=self.clock())

    def failure(self) -> str:
        """Return why the last update failed, if the server was not told yet; else empty."""
        last = manifest.read_result(self.layout) if self.layout else None
        return last.message if last and last.status == "failed" else ""

    def forget_failure(self) -> None:
        """Note that the server was told."""
        if self.layout:
            manifest.forget_result(self.layout)

    def install(self, wanted: WantedVersion) -> str:
        """Install the wanted version beside the running one, let it check itself, and return its tag.

        A version that is installed already, complete and unchanged, is not fetched again.

        Raises:
            UpdateFailed: There is nothing to switch to.
        """
        tag = find_tag(wanted.target)
        if self.layout is None or self.refusal:
            raise UpdateFailed(self.refusal)
        if tag is None:
            raise UpdateFailed(f"not a version to update to: {wanted.target!r}")
        with _locked(self.layout, seconds=self.lock_seconds):
            if find_staged(self.layout, str(tag)) is None:
                self._fetch(self.layout, str(tag), self._source(wanted))
            smoke(self.layout, str(tag), None)
        return str(tag)

    def switch(self, tag: str) -> None:
        """Make an installed version the one that is started next. The agent must end afterwards.

        The update is recorded before the switch. If this is broken off in between, the next start settles it.

        Raises:
            UpdateFailed: Nothing was switched.
        """
        assert self.layout is not None, "what was installed has a place"
        with _locked(self.layout, seconds=self.lock_seconds):
            pending = manifest.new_pending(
                self.layout, tag, from_version=self.version, rollback=False, now=self.clock(), lifetime=_LIFETIME
            )
            self.layout.point_updater(self.version)
            manifest.write_applying(self.layout, pending)
            self.layout.switch(tag)
        logger.info("switched to version=%s from=%s", tag, self.version)

    def _fetch(self, layout: Layout, tag: str, source: ReleaseSource) -> None:
        fetched = source.fetch(source.get(tag), layout.downloads / tag)
        stage(layout, fetched, tag, pip=PipSettings.from_environment(self.environ))

    def _source(self, wanted: WantedVersion) -> ReleaseSource:
        """Return where to fetch the version. The agent's token is sent to the API of its own settings only."""
        own = ReleaseSettings.from_environment(self.environ)
        base = wanted.api_base.rstrip("/") or own.api_base
        repository = wanted.repository or own.repository
        token = own.token if base == own.api_base else ""
        return open_source(dataclasses.replace(own, api_base=base, repository=repository, token=token))


@contextmanager
def _locked(layout: Layout, *, seconds: float) -> Iterator[None]:
    """Hold the lock of an installation, and turn what goes wrong in the context into `UpdateFailed`.

    Raises:
        UpdateFailed: Another process holds the lock, or an error of the context.
    """
    try:
        with layout.lock().acquire(timeout=seconds):
            yield
    except filelock.Timeout as error:
        raise UpdateFailed("update already in progress") from error
    except (ReleaseError, StageError, SmokeError) as error:
        raise UpdateFailed(str(error)) from error
    except OSError as error:
        raise UpdateFailed(f"update failed: {error}") from error


def find_updater(
    environ: Mapping[str, str], *, service: Service | None, version: str, prefix: Path, work_dir: Path
) -> Updater:
    """Return the updater for the way this agent was installed and started.

    Args:
        environ: Holds the same `CICTL_UPDATE_…` settings as a server's.
        service: The service that starts the agent anew when it ends.
        version: Tag of what runs, or `dev`.
        prefix: `sys.prefix`.
    """
    # *service* already tells whether a manager watches the agent, so `detect` must not look for one: it is told of a
    # process that no manager watches and that may restart itself.
    unwatched = {**environ, "INVOCATION_ID": "", "CICTL_UPDATE_ALLOW_REEXEC": "1"}
    found = detect(unwatched, version=version, prefix=prefix, data_dir=work_dir)
    seconds = setting(environ, "UPDATE_HEALTH_TIMEOUT")
    return Updater(
        version=version,
        refusal=found.reason if service else NOT_A_SERVICE,
        layout=found.layout if found.is_supported else None,
        environ=environ,
        health_seconds=float(seconds) if seconds.isdecimal() else DEFAULT_HEALTH_SECONDS,
    )
