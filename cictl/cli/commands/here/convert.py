"""`cictl convert`: a file of another CI as a project file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cictl.cli.app.commands import with_examples
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.convert.converted import Converted
from cictl.cli.convert.converted import convert as converted
from cictl.cli.convert.tally import Left
from cictl.cli.output.table import Column, Result
from cictl.cli.projects.place import find_repository, name_of
from cictl.cli.projects.project_file import write_project_file
from cictl.project_file import Finding, lint


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """What `convert -o json` shows.

    Attributes:
        kind: Whose file it was.
        text: The project file.
        said: How many things it says.
        needless: How many need nothing, because it is so anyway.
        left: What has no equal, with `line`, `what` and `why`.
        findings: What `cictl lint` would find in the text.
    """

    kind: str
    text: str
    said: int
    needless: int
    left: list[Left]
    findings: tuple[Finding, ...]


@with_examples(
    "cictl convert .github/workflows/ci.yml\ncictl convert .gitlab-ci.yml --write\n"
    "cictl convert .woodpecker.yml -o json --query left[].what"
)
def convert(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A workflow of GitHub Actions, Forgejo, Gitea, GitLab or Woodpecker.")
    ],
    write: Annotated[
        bool, typer.Option("--write", help="Write it as cictl.yaml of the repository, instead of to stdout.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The project's name; default: that of the repository.")
    ] = "",
) -> None:
    """Tell a file of another CI as a project file.

    What has an equal is said; what has none stands there as a comment with its line and with what there is instead. Read it before you use it: the words
    are alike, the machines are yours.
    """
    session = Session.of(context)
    root = find_repository(file.parent) or file.parent.absolute()
    found = converted(_read(file), path=str(file), project=name or name_of(root))
    findings = lint(found.text, config_file="cictl.yaml")
    if session.wants_data:
        session.show(_result(found, findings))
    elif not write:
        session.stdout.write(found.text)
    if write:
        session.note(f"wrote {write_project_file(root, found.text, force=force)}")
    _tell(session, found, findings, file)
    session.suggest("cictl run --local" if write else f"cictl convert {shlex.quote(str(file))} --write")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Failure(f"cannot read {file}: {reason}", exit_code=ExitCode.USAGE, code="unreadable") from error


def _tell(session: Session, found: Converted, findings: tuple[Finding, ...], file: Path) -> None:
    tally = found.tally
    counts = [f"{tally.said} things of {file} are said", f"{tally.needless} need nothing"]
    counts.append(
        f"{len(tally.left)} have no equal and stand there as `# line N: …`" if tally.left else "nothing was left"
    )
    session.note(f"{found.kind}: {', '.join(counts)}")
    for finding in findings:
        session.note(f"cictl.yaml:{finding.line}:{finding.column}: {finding.message}")


def _result(found: Converted, findings: tuple[Finding, ...]) -> Result[Left]:
    tally = found.tally
    message = Conversion(
        kind=found.kind, text=found.text, said=tally.said, needless=tally.needless, left=tally.left, findings=findings
    )
    columns: tuple[Column[Left], ...] = (Column("LINE", lambda left: left.line), Column("WHAT", lambda left: left.what))
    return Result(message=message, rows=tally.left, columns=columns, name=lambda left: left.text)
