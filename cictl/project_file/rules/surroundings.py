"""The rules of what a script finds around it: environment, shell, directory, time limit. All levels of a file have some."""

from cictl.base.job_parts import HIGHEST_PRIORITY, LEAST_PRIORITY
from cictl.project_file.findings import quote
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.schema import TextMap
from cictl.project_file.source.structure import join_key
from cictl.project_file.templates import has_malformed_secret, secret_names

_RESERVED = frozenset(f"{prefix}_DEP_ARTIFACT_JOB_{noun}" for prefix in ("CIWI", "CICTL") for noun in ("ID", "IDS"))
"""Variables by which the plan tells the agent whose artifacts to restore."""


def check_environment(env: TextMap, path: str, collector: Collector) -> None:
    """Check the names of the variables at *path*."""
    for name in env:
        where = join_key(path, name)
        if is_blank(name):
            collector.say_key(where, f"{path} key must not be empty")
        elif "=" in name or "\0" in name:
            collector.say_key(where, f"{where} is no name of a variable: it has a = or a NUL")


def check_shared_environment(env: TextMap, path: str, collector: Collector) -> None:
    """Check the variables at *path*, which several steps get."""
    check_environment(env, path, collector)
    for name, value in env.items():
        where = join_key(path, name)
        if name.upper() in _RESERVED:
            collector.say_key(where, f"{where} is set by cictl itself; choose another name")
        refuse_secrets(value, where, collector)


def check_placeholders(env: TextMap, path: str, collector: Collector) -> None:
    """Check the placeholders of secrets at *path*. A mistake there would otherwise fail the job only when it is leased."""
    for name, value in env.items():
        if has_malformed_secret(value):
            collector.add(join_key(path, name), "has a malformed secret placeholder; write {{ secret.NAME }}")


def refuse_secrets(text: str, path: str, collector: Collector) -> None:
    """Add a finding for each secret that the text at *path* names: only the environment of a step or a service may."""
    for name in secret_names(text):
        collector.add(path, f"uses secret {quote(name)}, but secrets are resolved only in step env")


def check_directory(directory: str, path: str, collector: Collector) -> None:
    """Check that the directory at *path* lies in the checkout. An empty one is absent."""
    if leaves_checkout(directory):
        collector.add(path, "must be a relative in-repo path")
    refuse_secrets(directory, path, collector)


def leaves_checkout(path: str) -> bool:
    """Tell whether a path of the file leads out of the checkout, on any system."""
    path = path.strip()
    return path.startswith(("/", "\\", "..")) or "../" in path or "..\\" in path


def check_priority(priority: int | None, path: str, collector: Collector) -> None:
    """Check the priority at *path*."""
    if priority is not None and not LEAST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        collector.add(path, f"must be {LEAST_PRIORITY} to {HIGHEST_PRIORITY}")


def is_folder_below(path: str) -> bool:
    """Tell whether *path* stays below the folder that it is relative to, on any system. `.` and nothing do."""
    parts = path.split("/")
    is_plain = path.isprintable() and not any(letter in path for letter in "\\:")
    return path in ("", ".") or (is_plain and not any(part in ("", ".", "..") for part in parts))


def check_limit(seconds: int | None, path: str, collector: Collector) -> None:
    """Check the time limit at *path*."""
    if seconds is not None and seconds < 0:
        collector.add(path, "must be >= 0")
