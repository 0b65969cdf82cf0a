"""Trying a staged version on a copy of the data before it is allowed near the data itself."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cictl.installation.environments import clean_environment
from cictl.installation.layout import Layout
from cictl.installation.state import copy_state

LIMIT_SECONDS = 60.0


class SmokeError(Exception):
    """A staged version does not work; the text, `smoke test failed: …`, is what to tell the user."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"smoke test failed: {problem}")


def smoke(layout: Layout, tag: str, data_dir: Path | None) -> None:
    """Let a staged version check itself; one that can't is marked as failed unless only this data is too new for it.

    Args:
        data_dir: A server's data; it is copied, however busy the server is. None for an agent.

    Raises:
        SmokeError: It tells another version, can't open the data, or can't answer.
    """
    layout.updates.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.updates, prefix="smoke-") as scratch:
        arguments = []
        if data_dir is not None:
            copy_state(data_dir, Path(scratch))
            arguments = ["--data-dir", scratch]
        try:
            told = _version_told(layout.script(tag), [*arguments, "-o", "json"])
            if told != tag:
                layout.mark_failed(tag)
                raise SmokeError(f"{tag} says that it is {told}")
        except (OSError, subprocess.TimeoutExpired, _Refused) as error:
            raise SmokeError(f"{tag} {_reason(error)}") from error


class _Refused(Exception):
    """The version ran, and said that something is wrong."""


def _version_told(script: Path, arguments: Sequence[str]) -> str:
    """Run the self-check of a version and return which it says it is."""
    done = subprocess.run(
        [str(script), "self-check", *arguments],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise _Refused(_last_words(done.stderr) or f"ended with {done.returncode}")
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(done.stdout)["version"])
    raise _Refused("does not know how to check itself")


def _environment() -> dict[str, str]:
    """Return the environment without the settings of the server that runs: the check uses nothing but the copy."""
    clean = clean_environment(os.environ)
    return {key: value for key, value in clean.items() if not key.startswith(("CICTL_", "CIWI_"))}


def _last_words(stderr: str) -> str:
    """Return what an error says, from the JSON line that cictl ends with or from plain text."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    if not lines:
        return ""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(lines[-1])["error"]["message"])
    return lines[-1].strip()


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"did not finish checking itself within {LIMIT_SECONDS:.0f} seconds"
    if isinstance(error, OSError):
        return f"can't be started: {error.strerror}"
    return str(error)
