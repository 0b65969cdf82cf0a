"""`cictl version`."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

import typer

import cictl
from cictl.cli.app.commands import with_examples
from cictl.cli.app.session import Session


@dataclass(frozen=True)
class Version:
    """What runs here."""

    version: str
    python: str
    platform: str


@with_examples("cictl version\ncictl version -o json")
def version(context: typer.Context) -> None:
    """Show the version of cictl.

    The server has its own version: see `cictl info`.
    """
    session = Session.of(context)
    if not session.wants_data:
        session.stdout.write(f"cictl {cictl.__version__}\n")
        return
    from cictl.cli.output.table import Result

    found = Version(cictl.__version__, platform.python_version(), sys.platform)
    session.show(Result(message=found, rows=[found], columns=(), name=lambda v: v.version))
