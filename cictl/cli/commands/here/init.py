"""`cictl init`: the first project file of a repository."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cictl.cli.app.commands import with_examples
from cictl.cli.app.confirmation import may
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.output.table import Result
from cictl.cli.projects.place import find_repository, name_of
from cictl.cli.projects.project_file import write_project_file
from cictl.cli.starter.file import Starter, starter_for


class Initialised(msgspec.Struct, frozen=True, kw_only=True):
    """What `init -o json` shows.

    Attributes:
        file: The file that was written.
        found: The kinds of code that it is for.
        other_ci: Files of other CIs, relative to the repository.
    """

    file: str
    found: tuple[str, ...]
    other_ci: tuple[str, ...]


@with_examples("cictl init\ncictl init --print\ncictl init ../shop --name shop")
def init(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The repository, or a directory in it; default: here.")
    ] = Path(),
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The project's name; default: that of the repository.")
    ] = "",
    prints: Annotated[bool, typer.Option("--print", help="Print the file, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
) -> None:
    """Write a project file for the code in a repository.

    It looks for Python, Node, Go, Rust, Java, C and container images, and writes a `cictl.yaml` that builds and tests what it finds. Comments in it
    say what is what. On a terminal it offers to run it at once, as `cictl run --local` does.
    """
    session = Session.of(context)
    if not directory.is_dir():
        raise usage(f"{directory} is no directory", hint="cictl init DIR")
    root = find_repository(directory) or directory.absolute()
    starter = starter_for(root, name=name or name_of(root))
    if prints:
        session.stdout.write(starter.text)
        return
    file = write_project_file(root, starter.text, force=force)
    shown = Initialised(file=str(file), found=starter.kinds, other_ci=starter.other_ci)
    session.show_done(Result(message=shown, rows=[shown], columns=(), name=lambda s: s.file), _wrote(file, starter))
    _tell_of_other_ci(session, starter)
    if not session.wants_data:
        _go_on(session, root)


def _wrote(file: Path, starter: Starter) -> str:
    found = ", ".join(starter.kinds) or "nothing that I know was found, so its only step is yours to write"
    return f"wrote {file}: {found}"


def _tell_of_other_ci(session: Session, starter: Starter) -> None:
    if starter.other_ci:
        files = ", ".join(starter.other_ci)
        session.note(
            f"there is {files} too, which stays as it is; `cictl convert {shlex.quote(starter.other_ci[0])}` tells it as a project file"
        )


def _go_on(session: Session, root: Path) -> None:
    """Offer to run the file; where nobody can be asked, name the command."""
    if not may(session, "run it here now?"):
        session.suggest("cictl run --local")
        return
    command = [sys.executable, "-m", "cictl", "run", "--local"]
    raise typer.Exit(subprocess.run(command, cwd=root, check=False).returncode)  # noqa: S603 - this program
