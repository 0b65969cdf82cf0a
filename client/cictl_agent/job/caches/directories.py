"""Caches outside of the checkout: directories that outlive jobs. Opening them for a job, measuring and deleting them.

Each project has caches of its own: what one project's jobs leave in a cache, another project's jobs must not run. They share
those that both of their files call `shared`. Those of a project are in `.projects/PROJECT/ID`, shared ones in `ID`.

Jobs that run at the same time on one agent may want the same cache. Most tools expect to be alone in a directory, so a job has
a cache to itself: while another job has it, the next one gets a second directory of the same id, and so on. Each of them
stays, so it is warm the next time. The caches of tools that lock them on their own are shared by all jobs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from cictl.base.job_parts import CacheSpec
from cictl.wire.jobs import CacheStat
from cictl.wire.metadata import JobMetadata
from cictl_agent.system.beneath import make_marker
from cictl_agent.system.paths import is_link
from cictl_agent.system.platforms import Platform
from cictl_agent.system.trees import remove_tree

_MARKER = ".ciwi-cache-touch"
_FALLBACK_DIR = ".ciwi-cache"
_LOCKS_DIR = ".locks"
PROJECTS_DIR = ".projects"
"""No cache has one of these names: `cache_name` leaves no dot at the beginning."""
_NAME_LENGTH = 60
_CCACHE_SECONDS = 10


SHARED_VARIABLES = frozenset(
    {
        "CARGO_HOME",
        "CCACHE_DIR",
        "GOCACHE",
        "GOMODCACHE",
        "NPM_CONFIG_CACHE",
        "PIP_CACHE_DIR",
        "SCCACHE_DIR",
        "UV_CACHE_DIR",
    }
)
"""Variables, in upper case, of tools that let any number of processes use one cache."""

_MOST_COPIES = 64
_COUNTING_SECONDS = 5.0
"""How long the files of a job's caches are counted, all together."""

Late = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Cache:
    """One cache of a job. `source` is as in `CacheStat`; `error` says why it is a fallback.

    Attributes:
        lock: Held while the job has the directory to itself; None for one that jobs share.
    """

    spec: CacheSpec
    path: Path
    source: str
    error: str = ""
    lock: FileLock | None = field(default=None, repr=False, compare=False)


def open_caches(
    specs: Iterable[CacheSpec], *, cache_dir: Path, project: str, execution_dir: Path, platform: Platform
) -> list[Cache]:
    """Find or create a directory for each cache that has an id and a variable. Call `close_caches` when the job is over.

    A directory that can't be used is replaced by one inside the execution directory: the job then runs without its cache.

    Args:
        project: The folder of the job's project, as `project_folder` names it.

    Raises:
        OSError: The replacement can't be created either.
    """
    own = cache_dir / PROJECTS_DIR / platform.file_name(project)
    return [
        _open(spec, platform.file_name(cache_name(spec.id)), cache_dir if spec.shared else own, execution_dir)
        for spec in specs
        if spec.id and spec.env and not spec.path
    ]


def project_folder(facts: JobMetadata) -> str:
    """Return the name of the folder with the caches of a job's project.

    The server's number and name of the project tell whose they are. The repository that the job checks out would not: a
    project file can name that of another project.
    """
    return telling_name(facts.project or "none", identity=f"{facts.project_id}/{facts.project}")


def telling_name(shown: str, *, identity: str) -> str:
    """Return the name of a folder that tells people by *shown* what it is of, and that only one *identity* has."""
    return f"{cache_name(shown)[:_NAME_LENGTH]}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def cache_environment(caches: Iterable[Cache]) -> dict[str, str]:
    """Return the variables that tell steps where their caches are; paths have slashes on every system."""
    return {cache.spec.env: cache.path.as_posix() for cache in caches}


def close_caches(caches: Iterable[Cache]) -> None:
    """Let other jobs have the directories."""
    for cache in caches:
        if cache.lock is not None:
            cache.lock.release()


def measure_all(caches: Iterable[Cache]) -> list[CacheStat]:
    """Count the files, directories and bytes of a job's caches, for some seconds at most."""
    until = time.monotonic() + _COUNTING_SECONDS
    return [measure(cache, is_late=lambda: time.monotonic() > until) for cache in caches]


def measure(cache: Cache, *, is_late: Late = lambda: False) -> CacheStat:
    """Count the files, directories and bytes of a cache until *is_late*; links are not followed.

    One in the checkout is told by its path there, because inside a container the directory has another one. That the job has
    removed it is no error.
    """
    stat = CacheStat(
        id=cache.spec.id,
        env=cache.spec.env,
        type=_kind(cache.spec),
        path=cache.spec.path or str(cache.path),
        source=cache.source,
        error=cache.error,
    )
    if cache.spec.path and not cache.path.is_dir():
        return stat
    try:
        stat = _counted(stat, cache.path, is_late)
    except OSError as error:
        return msgspec.structs.replace(stat, error=str(error))
    metrics = _ccache_metrics(cache.path) if stat.type == "ccache" else {}
    return msgspec.structs.replace(stat, tool_metrics=metrics)


def wipe_caches(cache_dir: Path) -> None:
    """Delete the contents of all caches, those of all projects and shared ones."""
    remove_tree(cache_dir)
    cache_dir.mkdir(parents=True, exist_ok=True)


def cache_name(cache_id: str) -> str:
    """Return the directory name for an id; the name never leads out of the cache directory."""
    return re.sub(r"[^a-z0-9_.-]", "-", cache_id.lower()).strip("-.") or "cache"


def _open(spec: CacheSpec, name: str, cache_dir: Path, execution_dir: Path) -> Cache:
    lock = None
    try:
        if spec.env.upper() not in SHARED_VARIABLES:
            name, lock = _claim(name, cache_dir)
        path = cache_dir / name
        source = "hit" if path.is_dir() else "miss"
        _touch(path)
    except OSError as error:
        if lock is not None:
            lock.release()
        path = execution_dir / _FALLBACK_DIR / name
        _touch(path)
        return Cache(spec=spec, path=path, source="fallback", error=str(error))
    return Cache(spec=spec, path=path, source=source, lock=lock)


def _claim(name: str, cache_dir: Path) -> tuple[str, FileLock]:
    """Lock the first directory for *name* that no other job has: `name`, `name~2`, `name~3` and so on.

    Raises:
        OSError: They are all taken, or no file can be locked here.
    """
    locks = cache_dir / _LOCKS_DIR
    locks.mkdir(parents=True, exist_ok=True)
    for number in range(1, _MOST_COPIES + 1):
        candidate = name if number == 1 else f"{name}~{number}"
        lock = FileLock(locks / candidate, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        return candidate, lock
    raise OSError(f"{_MOST_COPIES} jobs use the cache")


def _touch(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    make_marker(path, _MARKER)


def _kind(spec: CacheSpec) -> str:
    words = f"{spec.id} {spec.env}".lower()
    return next((kind for kind in ("ccache", "fetchcontent") if kind in words), "generic")


def _counted(stat: CacheStat, path: Path, is_late: Late) -> CacheStat:
    """Return *stat* with the numbers of files, of directories, and of bytes below *path*, as far as there was time."""
    files = directories = size = 0
    incomplete = False
    left: list[str | Path] = [path]
    while left and not incomplete:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                if incomplete := is_late():
                    break
                if entry.is_dir(follow_symlinks=False) and not is_link(entry):
                    directories += 1
                    left.append(entry.path)
                else:
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_size
    return msgspec.structs.replace(stat, files=files, directories=directories, size_bytes=size, incomplete=incomplete)


def _ccache_metrics(path: Path) -> dict[str, str]:
    """Return ccache's statistics of its directory; empty where there is no ccache."""
    if shutil.which("ccache") is None:
        return {}
    command = ["ccache", "--dir", str(path), "--show-stats", "--verbose"]
    try:
        done = subprocess.run(  # noqa: S603 - our words and the path of a cache
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_CCACHE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    metrics: dict[str, str] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() and value.strip():
            metrics.setdefault(key.strip(), value.strip())
    return metrics
