"""`cictl projects forge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.names import find_project
from cictl.cli.output.slow import reading_text, told_when_slow
from cictl.cli.output.table import Column, Result
from cictl.wire.codec import Message
from cictl.wire.forges import Forge, ForgeKind, ForgeRequest, ForgeTest

app = new_group(
    "cictl projects forge set shop --kind github --api https://api.github.com --token-file token.txt\n"
    "cictl projects forge test shop\ncictl projects forge show shop\ncictl projects forge remove shop --yes"
)

ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name, its beginning, or its id.")]

_COLUMNS: tuple[Column[Forge], ...] = (
    Column("Kind", lambda f: f.kind.value),
    Column("API", lambda f: f.api),
    Column("Repository", lambda f: f.repository),
    Column("Waiting", lambda f: f.waiting),
    Column("Problem", lambda f: f.problem),
    Column("Since", lambda f: f.problem_utc),
)


class RemovedForge(Message):
    """What `projects forge remove -o json` shows; the API itself answers with an empty body."""

    removed: bool
    project_id: int


@app.command("show", cls=Command, epilog="cictl projects forge show shop\ncictl projects forge show shop -o json")
def show(context: typer.Context, project: ProjectName) -> None:
    """Show which forge is told of a project's runs, how many statuses it has not taken yet, and why."""
    session = Session.of(context)
    session.show(_result(session.client.get_forge(find_project(session.client, project).id)))


@app.command(
    "set",
    cls=Command,
    epilog="cictl projects forge set shop --kind github --api https://api.github.com --token-file token.txt\n"
    "cictl projects forge set shop --kind gitea --api https://git.example.com/api/v1 --token-file token.txt\n"
    "cictl projects forge set shop --kind gitlab --api https://gitlab.example.com/api/v4 --repository tea/shop --token-file token.txt",
)
def set_forge(
    context: typer.Context,
    project: ProjectName,
    kind: Annotated[ForgeKind, typer.Option("--kind", help="Whose API it is; gitea for Forgejo too.")],
    api: Annotated[str, typer.Option("--api", metavar="URL", help="What the URLs of its API begin with.")],
    token_file: Annotated[
        Path, typer.Option("--token-file", metavar="FILE", help="A file with a token that may set statuses of commits.")
    ],
    repository: Annotated[
        str,
        typer.Option("--repository", metavar="OWNER/NAME", help="Default: what the URL of the repository says."),
    ] = "",
) -> None:
    """Let the commits that a project's runs build show how they stand.

    Each pipeline is one status, called cictl/PIPELINE, with a link to the run. The server keeps the token sealed, and shows it to
    nobody. Runs that are over are not told.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"set the forge of {project}")
    found = find_project(session.client, project)
    request = ForgeRequest(kind=kind.value, api=api, token=_token(token_file), repository=repository)
    forge = session.client.set_forge(found.id, request)
    session.show_done(_result(forge), f"{forge.kind.value} is told of the runs of {found.name}, as {forge.repository}")


@app.command("test", cls=Command, epilog="cictl projects forge test shop")
def test(context: typer.Context, project: ProjectName) -> None:
    """Ask the forge for the repository, with the token. The exit code is 1 if it does not show it."""
    session = Session.of(context)
    found = find_project(session.client, project)
    with told_when_slow(session, reading_text(f"the forge of {found.name}", limit="ten seconds")):
        answer = session.client.test_forge(found.id)
    columns: tuple[Column[ForgeTest], ...] = (
        Column("OK", lambda _: "yes" if answer.ok else "no"),
        Column("DETAIL", lambda _: answer.detail, folds=True),
    )
    session.show(Result(message=answer, rows=[answer], columns=columns, name=lambda _: found.name))
    if not answer.ok:
        raise typer.Exit(ExitCode.ERROR)


@app.command("remove", cls=DestructiveCommand, epilog="cictl projects forge remove shop --yes")
def remove(context: typer.Context, project: ProjectName) -> None:
    """Tell no forge of a project's runs any more, and forget the token.

    Asks on a terminal, and needs --yes elsewhere.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"remove the forge of {project}")
    found = find_project(session.client, project)
    confirm(session, f"remove the forge of {found.name}?")
    session.client.remove_forge(found.id)
    answer = RemovedForge(removed=True, project_id=found.id)
    result = Result(message=answer, rows=[answer], columns=(), name=lambda _: found.name)
    session.show_done(result, f"removed the forge of {found.name}")


def _token(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise usage(f"{file}: {reason}") from error


def _result(forge: Forge) -> Result[Forge]:
    return Result(message=forge, rows=[forge], columns=_COLUMNS, name=lambda f: f.repository, detailed=True)
