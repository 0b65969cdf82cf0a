"""Virtual environments filled by pip, without any settings that pip would find on the machine."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from cictl.base.system import children
from cictl.base.system.environment import setting, without_data_access, without_settings

LIMIT_SECONDS = 600.0
_SHOWN_LINES = 6


class BuildFailed(Exception):
    """A step of making an environment failed. The text tells which, and how its output ended."""


class PipSettings(msgspec.Struct, frozen=True):
    """Where pip gets dependencies from.

    Attributes:
        index_url: URL of a simple index; empty for pip's default, `none` for no index.
        find_links: A folder or page of wheels; empty for none.
        needs_grown: The server's settings name PostgreSQL or S3, so what these take is installed too.
    """

    index_url: str = ""
    find_links: str = ""
    needs_grown: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> PipSettings:
        """Read `CICTL_UPDATE_INDEX_URL` and `CICTL_UPDATE_FIND_LINKS`, else their `CIWI_` twins; and `CICTL_STORE` and `CICTL_FILES`."""
        return cls(
            setting(environ, "UPDATE_INDEX_URL"),
            setting(environ, "UPDATE_FIND_LINKS"),
            needs_grown=bool(environ.get("CICTL_STORE")) or "://" in environ.get("CICTL_FILES", ""),
        )

    def arguments(self) -> list[str]:
        """Return the options of pip that show no login."""
        index = ["--no-index"] if self.index_url == "none" else []
        return [*index, *(["--find-links", self.find_links] if self.find_links else [])]

    def variables(self) -> dict[str, str]:
        """Return the variables of pip. Everybody on the machine can read options, and the index may need a login."""
        return {"PIP_INDEX_URL": self.index_url} if self.index_url not in ("", "none") else {}


class Environment:
    """The environment at *folder*. All its steps together may take ten minutes."""

    def __init__(self, folder: Path, pip: PipSettings) -> None:
        self._folder = folder
        self._settings = pip
        self._deadline = time.monotonic() + LIMIT_SECONDS

    def create(self) -> None:
        """Create it from the interpreter that this one is based on.

        It gets a pip of its own only if this process has none to lend. That is so in environments that uv or this function
        made. The interpreter must have `ensurepip` then.

        Raises:
            BuildFailed: It could not be created.
        """
        without = ["--without-pip"] if _has_pip() else []
        self._run("venv", [sys.executable, "-I", "-m", "venv", *without, str(self._folder)])

    def install(self, arguments: Sequence[str]) -> None:
        """Install wheels. Source distributions are refused, because building one runs its code.

        Raises:
            BuildFailed: pip failed, or a hash did not match.
        """
        fixed = ["--no-input", "--no-cache-dir", "--progress-bar=off", "--only-binary=:all:"]
        self._pip("install", *fixed, *self._settings.arguments(), *arguments)

    def check(self) -> None:
        """Check that each installed package has the dependencies that it requires.

        Raises:
            BuildFailed: One is missing, or has the wrong version.
        """
        self._pip("check")

    def _pip(self, command: str, *arguments: str) -> None:
        if _has_pip():
            pip = [sys.executable, "-m", "pip", "--python", str(self._folder)]
        else:
            pip = [str(self._folder / "bin" / "python"), "-m", "pip"]
        options = ["--disable-pip-version-check", "--no-color"]
        self._run(f"pip {command}", [*pip, *options, command, *arguments])

    def _run(self, what: str, command: Sequence[str]) -> None:
        try:
            done = children.run(
                command,
                env={**_without_our_own(clean_environment(os.environ)), **self._settings.variables()},
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
    """Return *environ* without the variables that change what pip installs or what Python imports.

    pip's `--isolated` would not do: pip still reads the configuration files of the machine then, and no variable of ours.
    Proxies and certificates stay (`HTTPS_PROXY`, `REQUESTS_CA_BUNDLE`, `SSL_CERT_FILE`).
    """
    kept = {key: value for key, value in environ.items() if not key.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull}


def _without_our_own(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* without what a server or an agent alone has to know."""
    return without_data_access(without_settings(environ))


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None
