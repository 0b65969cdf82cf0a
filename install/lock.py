"""Renew the lists of pinned packages with their hashes, for all systems and Pythons that cictl supports. `make lock` runs it.

| list | of what |
| --- | --- |
| `constraints.txt` | everything: what runs cictl, its extras, and what builds it |
| `build-requirements.txt` | what builds it |
| `cictl/installation/requirements.txt` | what runs it; it is part of the wheel |
| `cictl/installation/requirements-grown.txt` | the same with PostgreSQL and S3, for servers whose settings name them |

Versions stay as they are where they can. `--upgrade` takes the newest of all, `--upgrade-package NAME` of one. The index is that
of pip's configuration, and no list names it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
EVERYTHING = "constraints.txt"
BUILD = "build-requirements.txt"
RUNTIME = "cictl/installation/requirements.txt"
GROWN = "cictl/installation/requirements-grown.txt"

_COMPILE = (
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-annotate"),
    *("--custom-compile-command", "make lock"),
)


def main() -> None:
    build = "\n".join(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"])
    _compile(EVERYTHING, "pyproject.toml", "-", "--all-extras", *sys.argv[1:], needed=build)
    _compile(BUILD, "-", "--constraint", EVERYTHING, "--python-version", "3.11", needed=build)
    _compile(RUNTIME, "pyproject.toml", "--constraint", EVERYTHING)
    _compile(GROWN, "pyproject.toml", "--constraint", EVERYTHING, "--extra", "postgres", "--extra", "s3")


def _compile(output: str, *arguments: str, needed: str = "") -> None:
    command = [*_COMPILE, "--output-file", output, *arguments]
    subprocess.run(command, cwd=ROOT, env=_environment(), input=needed, text=True, check=True)  # noqa: S603 - our words, run by developers


def _environment() -> dict[str, str]:
    """Return the environment, with the index of pip's configuration for uv, which does not read that."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    index = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - our words, run by developers
    return {**os.environ, **({"UV_DEFAULT_INDEX": index} if index else {})}


if __name__ == "__main__":
    main()
