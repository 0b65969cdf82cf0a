"""A virtual environment made and filled by pip, with nothing of what pip finds around it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cictl.base import children
from cictl.base.environment import setting

LIMIT_SECONDS = 600.0
_SHOWN_LINES = 6


class BuildFailed(Exception):
    """A step of making an environment failed; the text tells which, and the end of what it said."""


@dataclass(frozen=True)
class PipSettings:
    """Where dependencies come from.

    Attributes:
        index_url: A simple index; empty for pip's own default, `none` for no index at all.
        find_links: A folder or page of wheels; empty for none.
    """

    index_url: str = ""
    find_links: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> PipSettings:
        """Read `CICTL_UPDATE_INDEX_URL` and `CICTL_UPDATE_FIND_LINKS`, else their `CIWI_` twins."""
        return cls(setting(environ, "UPDATE_INDEX_URL"), setting(environ, "UPDATE_FIND_LINKS"))

    def arguments(self) -> list[str]:
        index = (
            ["--no-index"] if self.index_url == "none" else ["--index-url", self.index_url] if self.index_url else []
        )
        return [*index, *(["--find-links", self.find_links] if self.find_links else [])]


class Environment:
    """The environment at *folder*; all steps together may take ten minutes."""

    def __init__(self, folder: Path, pip: PipSettings) -> None:
        self._folder = folder
        self._settings = pip
        self._deadline = time.monotonic() + LIMIT_SECONDS

    def create(self) -> None:
        """Make it with the interpreter that this one is based on.

        It gets a pip of its own only when this process has none, as the environments have that were made by uv or by this
        function: then the interpreter must bring `ensurepip`.

        Raises:
            BuildFailed: It could not be made.
        """
        without = ["--without-pip"] if _has_pip() else []
        self._run("venv", [sys.executable, "-I", "-m", "venv", *without, str(self._folder)])

    def install(self, arguments: Sequence[str]) -> None:
        """Install wheels; never a source, which could run anything.

        Raises:
            BuildFailed: pip could not, or a hash was another.
        """
        fixed = ["--no-input", "--no-cache-dir", "--progress-bar=off", "--only-binary=:all:"]
        self._pip("install", *fixed, *self._settings.arguments(), *arguments)

    def check(self) -> None:
        """Compare what is installed with what it says it needs.

        Raises:
            BuildFailed: Something is missing or of the wrong version.
        """
        self._pip("check")

    def _pip(self, command: str, *arguments: str) -> None:
        if _has_pip():
            pip = [sys.executable, "-m", "pip", "--python", str(self._folder)]
        else:
            pip = [str(self._folder / "bin" / "python"), "-m", "pip"]
        options = ["--isolated", "--disable-pip-version-check", "--no-color"]
        self._run(f"pip {command}", [*pip, *options, command, *arguments])

    def _run(self, what: str, command: Sequence[str]) -> None:
        try:
            done = children.run(
                command,
                env=clean_environment(os.environ),
                cwd=self._folder.parent,
                stderr=subprocess.STDOUT,
                seconds=max(1.0, self._deadline - time.monotonic()),
            )
        except subprocess.TimeoutExpired as error:
            raise BuildFailed(f"{what} took longer than {LIMIT_SECONDS:.0f} seconds") from error
        if done.returncode:
            lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
            raise BuildFailed(f"{what} failed: {' / '.join(lines[-_SHOWN_LINES:])}")


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* without what would change what pip installs, or what Python imports.

    pip's `--isolated` alone still reads the files of the machine. Proxies and certificates (`HTTPS_PROXY`,
    `REQUESTS_CA_BUNDLE`, `SSL_CERT_FILE`) stay as they are.
    """
    kept = {key: value for key, value in environ.items() if not key.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull}


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None
