"""The first project file, from what is in a directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

from cictl.cli.starter import compiled, node, python
from cictl.cli.starter.part import Part, quoted

_OTHER_CI = (
    ".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml", ".woodpecker.yml", ".woodpecker.yaml",
    ".woodpecker/*.yml", ".woodpecker/*.yaml", ".forgejo/workflows/*.yml", ".gitea/workflows/*.yml", "Jenkinsfile",
    ".circleci/config.yml", ".travis.yml", "azure-pipelines.yml", ".drone.yml",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Starter:
    """A project file that can be written.

    Attributes:
        text: The file.
        kinds: What was found, such as `Python with pytest`; none if nothing was known.
        other_ci: Files of other CIs, relative to the directory.
    """

    text: str
    kinds: tuple[str, ...]
    other_ci: tuple[str, ...]


def starter_for(root: Path, *, name: str) -> Starter:
    """Return the project file for the code in *root*.

    Args:
        name: The project's.
    """
    parts = [part for find in _KINDS if (part := find(root)) is not None]
    jobs = "\n".join(part.job for part in parts) or _UNKNOWN
    return Starter(
        text=_FILE.format(name=quoted(name), jobs=indent(jobs, " " * 6)),
        kinds=tuple(part.label for part in parts),
        other_ci=tuple(str(file.relative_to(root)) for pattern in _OTHER_CI for file in sorted(root.glob(pattern))),
    )


def _find_image(root: Path) -> Part | None:
    file = next((name for name in ("Dockerfile", "Containerfile") if (root / name).exists()), "")
    return Part(label="a container image", job=_IMAGE.format(file=file)) if file else None


_KINDS: tuple[Callable[[Path], Part | None], ...] = (
    python.find,
    node.find,
    compiled.find_go,
    compiled.find_rust,
    compiled.find_java,
    compiled.find_c,
    _find_image,
)
"""What is looked for; each that is there gets a job."""

_FILE = """\
# What cictl runs for this repository. `cictl lint` checks this file, and `cictl run --local` runs it here and now.
version: 1
project:
  name: {name}

pipelines:
  - id: build
    # What starts it, once a server watches the repository. Until then `cictl run` does.
    on:
      push: {{}}
      pull_request: {{}}
    # What its jobs check out: this repository.
    vcs_source: {{repo: self}}
    # Jobs run side by side, on any agent that has what they require, unless one `needs` another.
    jobs:
{jobs}"""

_IMAGE = """\
- id: image
  # The agent that takes it must have this.
  requires: {{tools: {{docker: "*"}}}}
  steps:
    - {{name: Build the image, run: docker build -f {file} .}}
"""

_UNKNOWN = """\
- id: test
  steps:
    # Write your own commands here.
    - run: ls
"""
