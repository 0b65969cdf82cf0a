"""`cictl tokens`, and `cictl whoami`."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cictl.base.text.durations import parse_duration
from cictl.cli.app.commands import Command, DestructiveCommand, new_group, with_examples
from cictl.cli.app.confirmation import confirm
from cictl.cli.app.session import Session
from cictl.cli.names import choose
from cictl.cli.output.table import Column, Result
from cictl.cli.output.text import iso
from cictl.wire.admin.access import NewToken, Role, Token, TokenList, TokenRequest, WhoAmI
from cictl_client import Client

app = new_group("cictl tokens create anna --role operator --ttl 90d\ncictl tokens list\ncictl tokens revoke anna")

TokenName = Annotated[str, typer.Argument(metavar="TOKEN", help="The token's name, its beginning, or its id.")]

_COLUMNS: tuple[Column[Token], ...] = (
    Column("ID", lambda t: t.id),
    Column("NAME", lambda t: t.name),
    Column("ROLE", lambda t: t.role.value),
    Column("AGENT", lambda t: t.agent_id),
    Column("PROJECTS", lambda t: ", ".join(t.projects), folds=True),
    Column("LAST FOUR", lambda t: t.last_four),
    Column("STATE", lambda t: lambda now: _state(t, now)),
    Column("CREATED", lambda t: t.created_utc),
    Column("EXPIRES", lambda t: iso(t.expires_utc) if t.expires_utc else ""),
    Column("LAST USED", lambda t: t.last_used_utc),
    Column("CREATED BY", lambda t: t.created_by, wide=True),
    Column("USES LEFT", lambda t: t.uses_left or "", wide=True),
)


def seconds_of(ttl: str) -> int:
    """Return the seconds of `--ttl`; an empty text stands for 0, for ever."""
    try:
        return int(parse_duration(ttl).total_seconds()) if ttl else 0
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error), param_hint="--ttl") from error


@app.command("list", cls=Command, epilog="cictl tokens list\ncictl tokens list -o wide")
def list_tokens(context: typer.Context) -> None:
    """List the tokens, revoked and expired ones too; what they are is known to nobody but their holders."""
    session = Session.of(context)
    found = session.client.list_tokens()
    session.show(
        Result(
            message=TokenList(tokens=found),
            rows=found,
            columns=_COLUMNS,
            name=lambda t: t.name,
            empty="there are no tokens; `cictl tokens create NAME --role admin` makes the first one",
        )
    )


@app.command(
    "create",
    cls=Command,
    epilog="cictl tokens create anna --role operator --ttl 90d > anna.token\n"
    "cictl tokens create shop-dashboard --role viewer --project shop\n"
    "cictl tokens create builder-1 --role agent --agent builder-1\n"
    "cictl tokens create rescue --role admin --data-dir /var/lib/cictl\n"
    "cictl tokens create rescue --role admin --store postgresql://cictl@db/cictl",
)
def create_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called in lists.")],
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="admin, operator, viewer or agent.", show_default=False)
    ],
    agent: Annotated[
        str, typer.Option("--agent", metavar="ID", help="The agent that it is for; with the role agent.")
    ] = "",
    project: Annotated[
        list[str] | None,
        typer.Option("--project", metavar="PROJECT", help="Only for this project, by its name; may be repeated."),
    ] = None,
    ttl: Annotated[
        str, typer.Option("--ttl", metavar="DURATION", help="How long it counts, such as 12h or 90d; else for ever.")
    ] = "",
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="Make it in the data directory of a stopped server instead."),
    ] = None,
    store: Annotated[
        str,
        typer.Option("--store", metavar="URL", help="Make it in this database instead, as for `cictl serve`."),
    ] = "",
) -> None:
    """Make a token, and write it to standard output, this once.

    An admin may do everything, an operator may run and cancel, a viewer may look. From the first token on, which must be an
    admin's, the server wants one of everybody. With --data-dir or --store no server is asked: it helps whoever has lost the last token.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"create token {name}")
    request = TokenRequest(
        name=name, role=role, agent_id=agent, projects=list(project or ()), ttl_seconds=seconds_of(ttl)
    )
    if data_dir is not None and store:
        raise typer.BadParameter("the records are in one of both; name that", param_hint="--data-dir, --store")
    if data_dir is not None:
        from cictl.cli.commands.here.stopped_server import create_token as create_there

        made = create_there(data_dir, request)
    elif store:
        from cictl.cli.commands.here.stopped_server import create_token_in_database

        made = create_token_in_database(store, request)
    else:
        made = session.client.create_token(request)
    show_secret(session, made, f"made token {made.name} (id {made.id}, role {made.role})")


@app.command("revoke", cls=DestructiveCommand, epilog="cictl tokens revoke anna\ncictl tokens revoke 4 7 --yes")
def revoke_tokens(
    context: typer.Context,
    tokens: Annotated[list[str], typer.Argument(metavar="TOKEN...", help="Names, their beginnings, or ids.")],
) -> None:
    """Make tokens count no more, at once.

    Asks on a terminal, and needs --yes elsewhere.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"revoke token {', '.join(tokens)}")
    found = [find_token(session.client, text) for text in tokens]
    for token in found:
        session.note(f"this revokes token {token.name} (id {token.id}, role {token.role})")
    confirm(session, f"revoke {', '.join(token.name for token in found)}?")
    revoked = [session.client.revoke_token(token.id) for token in found]
    result = Result(message=TokenList(tokens=revoked), rows=revoked, columns=_COLUMNS, name=lambda t: t.name)
    session.show_done(result, "\n".join(f"revoked token {token.name} (id {token.id})" for token in revoked))


@app.command("rotate", cls=Command, epilog="cictl tokens rotate anna > anna.token")
def rotate_token(context: typer.Context, token: TokenName) -> None:
    """Replace a token: the new one is written to standard output, this once, and the old one is dead at once."""
    session = Session.of(context)
    session.refuse_if_readonly(f"rotate token {token}")
    made = session.client.rotate_token(find_token(session.client, token).id)
    show_secret(session, made, f"replaced token {made.name} (id {made.id}, role {made.role})")


@with_examples("cictl whoami\ncictl whoami -o json")
def whoami(context: typer.Context) -> None:
    """Show whom the server takes you for, and what you may do."""
    session = Session.of(context)
    found = session.client.whoami()
    columns: tuple[Column[WhoAmI], ...] = (
        Column("Server", lambda _: session.settings.shown_server),
        Column("Token", lambda w: w.name if w.authentication else "none: this server asks nobody for one"),
        Column("Role", lambda w: w.role.value),
        Column("Job", lambda w: w.job_execution_id),
        Column("Agent", lambda w: w.agent_id),
        Column("Projects", lambda w: ", ".join(w.projects)),
        Column("Expires", lambda w: iso(w.expires_utc) if w.expires_utc else ""),
    )
    session.show(Result(message=found, rows=[found], columns=columns, name=lambda w: w.name, detailed=True))


def find_token(client: Client, text: str) -> Token:
    """Return the token with the id or the name *text*, or whose name begins so; those that count win over revoked ones."""
    found = client.list_tokens()
    by_id = [token for token in found if str(token.id) == text]
    current = [token for token in found if token.revoked_utc is None]
    named = current if any(token.name.startswith(text) for token in current) else found
    return (
        by_id[0] if by_id else choose(text, named, names=lambda t: (t.name,), noun="token", listing="cictl tokens list")
    )


def show_secret(session: Session, made: NewToken, text: str) -> None:
    """Write the secret of a new token, and nothing else, to stdout; *text* says on stderr what was made."""
    if session.wants_data:
        session.show(Result(message=made, rows=[made], columns=_COLUMNS, name=lambda t: t.name))
    else:
        session.stdout.write(f"{made.token}\n")
    session.note(f"{text}; it is shown this once")
    if session.suggests:
        session.suggest(_use_of(made, server=session.settings.shown_server))


def _use_of(made: NewToken, *, server: str) -> str:
    """Return the command that the token is for, where it has been put into a file."""
    match made.role:
        case Role.ENROLMENT:
            return f"cictl run-agent --server {server} --enroll-token-file FILE"
        case Role.AGENT:
            return f"cictl run-agent --server {server} --id {shlex.quote(made.agent_id)} --token-file FILE"
        case _:
            return f"cictl login {server} --token-file FILE"


def _state(token: Token, now: datetime) -> str:
    if token.revoked_utc is not None:
        return "used up" if token.role is Role.ENROLMENT and not token.uses_left else "revoked"
    return "expired" if token.expires_utc is not None and token.expires_utc <= now else "active"
