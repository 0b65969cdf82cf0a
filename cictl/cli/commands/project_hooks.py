"""`cictl projects hook`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.session import Session
from cictl.cli.names import find_project
from cictl.cli.output.table import Column, Result
from cictl.wire.triggers import HookSecret, ProjectHook

app = new_group("cictl projects hook rotate shop\ncictl projects hook show shop")

ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name, its beginning, or its id.")]

_PLACES = (
    "GitHub: Settings, Webhooks, Add webhook; content type application/json",
    "Gitea and Forgejo: Settings, Webhooks, Add webhook",
    "GitLab: Settings, Webhooks, Add new webhook; the secret goes into Secret token",
    "others: Standard Webhooks with the key",
)

_SHOWN: tuple[Column[ProjectHook], ...] = (
    Column("URL", lambda hook: hook.url),
    Column("Secret", lambda hook: "is set" if hook.has_secret else "none yet: `cictl projects hook rotate` makes one"),
    Column("Last webhook", lambda hook: hook.last_hook_utc),
    Column("Where to paste", lambda _: list(_PLACES)),
)
_MADE: tuple[Column[HookSecret], ...] = (
    Column("URL", lambda hook: hook.url),
    Column("Secret", lambda hook: hook.secret),
    Column("Key", lambda hook: hook.standard_webhooks_key),
    Column("Where to paste", lambda _: list(_PLACES)),
)


@app.command("show", cls=Command, epilog="cictl projects hook show shop\ncictl projects hook show shop -o json")
def show(context: typer.Context, project: ProjectName) -> None:
    """Show where a forge sends the webhooks of a project, and when the last one came."""
    session = Session.of(context)
    found = find_project(session.client, project)
    hook = session.client.get_project_hook(found.id)
    session.show(Result(message=hook, rows=[hook], columns=_SHOWN, name=lambda one: one.url, detailed=True))


@app.command("rotate", cls=Command, epilog="cictl projects hook rotate shop")
def rotate(context: typer.Context, project: ProjectName) -> None:
    """Make another secret for the webhooks of a project, and show it this once.

    The old one counts no more. Paste URL and secret into the settings of the repository at its forge.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"make another webhook secret of {project}")
    found = find_project(session.client, project)
    hook = session.client.rotate_project_hook(found.id)
    session.show(Result(message=hook, rows=[hook], columns=_MADE, name=lambda one: one.url, detailed=True))
