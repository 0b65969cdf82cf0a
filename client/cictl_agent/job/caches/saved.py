"""The caches of a job that lie in its checkout: restored before the steps, saved again after a job that succeeded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from cictl.base.clock import Clock
from cictl.base.job_parts import CacheSpec
from cictl.base.names.git_names import branch_of
from cictl.wire.metadata import JobMetadata
from cictl_agent.job.caches import contents
from cictl_agent.job.caches.directories import PROJECTS_DIR, Cache, cache_name, project_folder
from cictl_agent.job.caches.keys import BadKey, key_of
from cictl_agent.job.warnings import Warnings
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.paths import is_gits_own
from cictl_agent.system.platforms import Platform

_FOLDER = ".saved"
"""Beside the directories of the project. None of them has this name: `cache_name` leaves no dot at the beginning."""
_LOCK = "lock"
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Restored(Cache):
    """One cache as the job found it. `source` is `hit` for the content of its key, `partial` for one of a fallback key, or `miss`.

    Attributes:
        is_current: Content of the same branch is there already, and the key names the files that it was made of. So it need
            not be saved. What else a key says may stay the same while the content grows.
    """

    key: str
    is_current: bool


@dataclass(kw_only=True)
class SavedCaches:
    """The caches of one job that have a path below its checkout.

    Attributes:
        folder: Where the project's contents are.
        branches: Those whose contents the job may take, its own first.
        restored: What `restore` has brought back so far.
    """

    folder: Path
    branches: list[str]
    checkout: Path
    platform: Platform
    log: JobLog
    warnings: Warnings
    clock: Clock
    restored: list[Restored] = field(default_factory=list)

    def restore(self, specs: Iterable[CacheSpec], interruption: Interruption) -> None:
        """Bring back what earlier jobs have saved. A cache that can't be had only costs time, so it is a warning.

        Raises:
            Interrupted: The job was stopped.
        """
        for spec in specs:
            if not spec.path:
                continue
            try:
                restored = self._restore(spec, interruption)
            except (BadKey, OSError) as error:
                self._warn(spec, f"not restored: {error}")
            else:
                self.log.line(f"[cache] {spec.id}: {restored.source} {spec.path} (key {restored.key})")
                self.restored.append(restored)

    def save(self, interruption: Interruption) -> None:
        """Keep what the job leaves in its caches, but for those whose content is there already.

        Raises:
            Interrupted: The order to stop was given.
        """
        for cache in self.restored:
            if cache.is_current:
                continue
            try:
                self._save(cache, interruption)
            except OSError as error:
                self._warn(cache.spec, f"not saved: {error}")
            else:
                self.log.line(f"[cache] {cache.spec.id}: saved {cache.spec.path} (key {cache.key})")

    def _restore(self, spec: CacheSpec, interruption: Interruption) -> Restored:
        key = key_of(spec.key, self.checkout)
        place = self._place(spec)
        with self._locked(spec, interruption) as folder:
            content = contents.find(folder, self.branches, key, [key_of(k, self.checkout) for k in spec.fallback_keys])
            if content is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                content.copy_to(place, interruption.check)
            own = contents.find(folder, self.branches[:1], key, [])
        source = "miss" if content is None else "hit" if content.key == key else "partial"
        return Restored(spec=spec, key=key, path=place, source=source, is_current=own is not None and key != spec.key)

    def _save(self, cache: Restored, interruption: Interruption) -> None:
        self._check_inside(cache.spec, cache.path)
        if cache.path.is_symlink() or not cache.path.is_dir():
            raise NotADirectoryError(f"the job has left no directory {cache.spec.path}")
        with self._locked(cache.spec, interruption) as folder:
            contents.save(folder, self.branches[0], cache.key, cache.path, now=self.clock(), check=interruption.check)

    def _place(self, spec: CacheSpec) -> Path:
        """Return where a cache belongs.

        Raises:
            OSError: That is no place below the checkout, or something is there.
        """
        place = self.checkout / spec.path
        self._check_inside(spec, place)
        if os.path.lexists(place):
            raise FileExistsError(f"{spec.path} is in the checkout already")
        return place

    def _check_inside(self, spec: CacheSpec, place: Path) -> None:
        root = Path(os.path.realpath(self.checkout))
        real = Path(os.path.realpath(place.parent), place.name)
        if ".." in place.parts or not real.is_relative_to(root) or real == root:
            raise OSError(f"{spec.path} is no place below the checkout")
        if any(map(is_gits_own, real.relative_to(root).parts)):
            raise OSError(f"{spec.path} is git's own")

    @contextmanager
    def _locked(self, spec: CacheSpec, interruption: Interruption) -> Iterator[Path]:
        """Yield the folder of a cache while no other job works on it."""
        folder = self.folder / self.platform.file_name(cache_name(spec.id))
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK, thread_local=False)
        while not lock.is_locked:
            interruption.check()
            try:
                lock.acquire(timeout=_WAIT_SECONDS)
            except Timeout:
                continue
        try:
            yield folder
        finally:
            lock.release()

    def _warn(self, spec: CacheSpec, text: str) -> None:
        self.warnings.add("cache", f"{spec.id} is {text}")


def saved_caches(
    facts: JobMetadata,
    *,
    cache_dir: Path,
    checkout: Path,
    platform: Platform,
    log: JobLog,
    warnings: Warnings,
    clock: Clock,
) -> SavedCaches:
    """Return the caches of a job of this project and branch."""
    project = cache_dir / PROJECTS_DIR / platform.file_name(project_folder(facts))
    branches = dict.fromkeys(map(_branch, (facts.pipeline_source_ref_raw, facts.tracked_ref)))
    own, *others = branches
    return SavedCaches(
        folder=project / _FOLDER,
        branches=[own, *filter(None, others)],
        checkout=checkout,
        platform=platform,
        log=log,
        warnings=warnings,
        clock=clock,
    )


def _branch(ref: str) -> str:
    return branch_of(ref) or ref
