"""Caches: directories that outlive jobs. Opening them for a job, measuring and deleting them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cictl.base.job_parts import CacheSpec
from cictl.wire.jobs import CacheStat
from cictl_agent.system.paths import is_link
from cictl_agent.system.platforms import Platform
from cictl_agent.system.trees import remove_tree

_MARKER = ".ciwi-cache-touch"
_FALLBACK_DIR = ".ciwi-cache"
_CCACHE_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Cache:
    """One cache of a job. `source` is `hit`, `miss` or `fallback`; `error` says why it is a fallback."""

    spec: CacheSpec
    path: Path
    source: str
    error: str = ""


def open_caches(specs: Iterable[CacheSpec], *, cache_dir: Path, execution_dir: Path, platform: Platform) -> list[Cache]:
    """Find or create the directory of each cache that has an id and a variable.

    A directory that can't be used is replaced by one inside the execution directory: the job then runs without its cache.

    Raises:
        OSError: The replacement can't be created either.
    """
    return [
        _open(spec, platform.file_name(cache_name(spec.id)), cache_dir, execution_dir)
        for spec in specs
        if spec.id and spec.env
    ]


def cache_environment(caches: Iterable[Cache]) -> dict[str, str]:
    """Return the variables that tell steps where their caches are; paths have slashes on every system."""
    return {cache.spec.env: cache.path.as_posix() for cache in caches}


def measure(cache: Cache) -> CacheStat:
    """Count the files, directories and bytes of a cache; links are not followed."""
    stat = CacheStat(
        id=cache.spec.id,
        env=cache.spec.env,
        type=_kind(cache.spec),
        path=str(cache.path),
        source=cache.source,
        error=cache.error,
    )
    try:
        files, directories, size = _count(cache.path)
    except OSError as error:
        return msgspec.structs.replace(stat, error=str(error))
    metrics = _ccache_metrics(cache.path) if stat.type == "ccache" else {}
    return msgspec.structs.replace(stat, files=files, directories=directories, size_bytes=size, tool_metrics=metrics)


def wipe_caches(cache_dir: Path) -> None:
    """Delete the contents of all caches."""
    remove_tree(cache_dir)
    cache_dir.mkdir(parents=True, exist_ok=True)


def cache_name(cache_id: str) -> str:
    """Return the directory name for an id; the name never leads out of the cache directory."""
    return re.sub(r"[^a-z0-9_.-]", "-", cache_id.lower()).strip("-.") or "cache"


def _open(spec: CacheSpec, name: str, cache_dir: Path, execution_dir: Path) -> Cache:
    path = cache_dir / name
    source = "hit" if path.is_dir() else "miss"
    try:
        _touch(path)
    except OSError as error:
        path = execution_dir / _FALLBACK_DIR / name
        _touch(path)
        return Cache(spec=spec, path=path, source="fallback", error=str(error))
    return Cache(spec=spec, path=path, source=source)


def _touch(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / _MARKER).touch()


def _kind(spec: CacheSpec) -> str:
    words = f"{spec.id} {spec.env}".lower()
    return next((kind for kind in ("ccache", "fetchcontent") if kind in words), "generic")


def _count(path: Path) -> tuple[int, int, int]:
    """Return the numbers of files, of directories, and of bytes below *path*."""
    files = directories = size = 0
    left: list[str | Path] = [path]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and not is_link(entry):
                    directories += 1
                    left.append(entry.path)
                else:
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_size
    return files, directories, size


def _ccache_metrics(path: Path) -> dict[str, str]:
    """Return ccache's statistics of its directory; empty where there is no ccache."""
    if shutil.which("ccache") is None:
        return {}
    command = ["ccache", "--dir", str(path), "--show-stats", "--verbose"]
    try:
        done = subprocess.run(
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
