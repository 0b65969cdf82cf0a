"""Try a staged version on a copy of the data, before it may open the data itself."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cictl.base.system import children
from cictl.base.system.environment import without_data_access, without_settings
from cictl.installation.environments import clean_environment
from cictl.installation.layout import Layout
from cictl.installation.state import copy_state

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 60.0
TOO_NEW = "cannot open database schema"
"""How a self-check reports data that a newer version wrote."""
NO_DATABASE = "the database does not answer"
"""How it reports that it could not look at them."""


class SmokeError(Exception):
    """A staged version does not work. The text, `smoke test failed: …`, is for the user."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"smoke test failed: {problem}")


class Refused(SmokeError):
    """The version ran, and its self-check found something wrong."""


def smoke(layout: Layout, tag: str, data_dir: Path | None, *, store: str = "") -> None:
    """Let a staged version check itself. If its check fails, it is marked as failed, unless the reason is the data: they are too new for
    it, or can't be reached.

    Args:
        data_dir: A server's data, of which the check gets a copy. The server may be at work. None for an agent.
        store: URL of a server's database, at which the check looks and changes nothing; empty for none.

    Raises:
        SmokeError: It says that it is another version, can't open the data, or can't be run.
    """
    try:
        _check(layout, tag, data_dir, store=store)
    except Refused as refused:
        if not any(text in str(refused) for text in (TOO_NEW, NO_DATABASE)):
            layout.mark_failed(tag)
        raise


def can_open(layout: Layout, tag: str, data_dir: Path) -> bool:
    """Tell whether a version can open the data as it is. If the version could not be run, assume that it can."""
    try:
        _check(layout, tag, data_dir)
    except Refused:
        return False
    except SmokeError:
        logger.exception("could not ask whether the data can be opened version=%s", tag)
    return True


def _check(layout: Layout, tag: str, data_dir: Path | None, *, store: str = "") -> None:
    layout.updates.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.updates, prefix="smoke-") as scratch:
        arguments = []
        if data_dir is not None:
            copy_state(data_dir, Path(scratch))
            arguments = ["--data-dir", scratch]
        told = _version_told(layout, tag, [*arguments, "-o", "json"], store=store)
    if told != tag:
        raise Refused(f"{tag} says that it is {told}")


def _version_told(layout: Layout, tag: str, arguments: Sequence[str], *, store: str) -> str:
    """Run the self-check of a version, and return the version that it names."""
    try:
        command = [str(layout.script(tag)), "self-check", *arguments]
        done = children.run(command, env=_environment(store), seconds=LIMIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SmokeError(f"{tag} did not finish checking itself within {LIMIT_SECONDS:.0f} seconds") from error
    except OSError as error:
        raise SmokeError(f"{tag} can't be started: {error.strerror}") from error
    if done.returncode:
        raise Refused(f"{tag} {_last_words(done.stderr.decode(errors='replace')) or f'ended with {done.returncode}'}")
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(done.stdout)["version"])
    raise Refused(f"{tag} does not know how to check itself")


def _environment(store: str) -> dict[str, str]:
    """Return the environment without settings of `cictl` but the database, so that the check uses the copy and nothing else."""
    clean = without_settings(clean_environment(os.environ))
    return {**clean, "CICTL_STORE": store} if store else without_data_access(clean)


def _last_words(stderr: str) -> str:
    """Return the message of an error: from the JSON line that ends the output of `cictl`, or from plain text."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    if not lines:
        return ""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(lines[-1])["error"]["message"])
    return lines[-1].strip()
