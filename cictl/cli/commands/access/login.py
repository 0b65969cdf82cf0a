"""`cictl login` and `cictl logout`: the token of a server, kept in the context file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cictl.base.urls import without_user_info
from cictl.base.web.trust import tls_files
from cictl.cli.app.commands import with_examples
from cictl.cli.app.contexts import Context, ContextFile, SettingsError, read_contexts
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, failure_of, usage
from cictl.cli.app.session import USER_AGENT, Session
from cictl.cli.app.settings import checked_url, read_token
from cictl.cli.output.table import Column, Result
from cictl.wire.admin.access import WhoAmI
from cictl_client import Client, ClientError

_WINNERS = ("CICTL_SERVER_URL", "CIWI_SERVER_URL", "CICTL_CONTEXT", "CICTL_TOKEN", "CICTL_TOKEN_FILE")
"""Variables that win over a context, or over its token."""

_NEVER_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.@-]")


@with_examples(
    "cictl login https://ci.example.com\n"
    "cictl login http://127.0.0.1:8112 --token-file /var/lib/cictl/admin.token\n"
    "cictl login https://ci.example.com < anna.token"
)
def login(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="The server's address.")],
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Take the token from this file; it is not needed later."),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="FILE", help="Trust these certificates (PEM) alone, now and later."),
    ] = None,
) -> None:
    """Log in to a server: try a token there, keep it, and use that server from now on.

    The token is asked for on a terminal, and read from standard input elsewhere, unless --token-file names a file. It is kept
    in the context file, which its owner alone can read. `cictl logout` forgets it.
    """
    session = Session.of(context)
    try:
        address = checked_url(without_user_info(url), "the command line")
        secret = read_token(str(token_file), "--token-file") if token_file else _asked(session)
        file = read_contexts(session.env)
    except SettingsError as error:
        raise usage(str(error), hint=error.hint) from error
    kept = _context_of(file, address)
    kept = replace(kept, token=secret, token_file="", ca_file=str(ca_file.absolute()) if ca_file else kept.ca_file)
    found = _try(kept, session.env)
    changed = file.with_context(kept).using(kept.name)
    changed.save()
    result = Result(message=found, rows=[found], columns=_COLUMNS, name=lambda w: w.name)
    session.show_done(
        result, f"logged in to {address} as {found.name} (role {found.role}); context {kept.name} is in use"
    )
    for variable in _WINNERS:
        if session.env.get(variable):
            session.note(f"warning: {variable} is set, and wins over it")
    session.suggest("cictl projects list")


@with_examples("cictl logout\ncictl logout --context prod")
def logout(context: typer.Context) -> None:
    """Forget the token of the context in use, or of the one that --context names.

    The token itself still counts: `cictl tokens revoke` ends it.
    """
    session = Session.of(context)
    file, name = read_contexts(session.env), session.settings.context
    known = file.contexts.get(name)
    if known is None or not (known.token or known.token_file):
        session.note("no token is kept, so there is nothing to forget")
        return
    file.with_context(replace(known, token="", token_file="")).save()
    session.note(f"logged out of {without_user_info(known.server)}: context {name} has no token any more")


_COLUMNS: tuple[Column[WhoAmI], ...] = (Column("TOKEN", lambda w: w.name), Column("ROLE", lambda w: w.role.value))


def _asked(session: Session) -> str:
    """Return the token from the terminal, or the first line of what is piped in."""
    import getpass

    if session.stdin.isatty():
        secret = getpass.getpass("token (not shown): ", stream=session.stderr)
    else:
        secret = session.stdin.readline()
    if not secret.strip():
        raise usage("no token came", hint="--token-file FILE names a file with it")
    return secret.strip()


def _try(context: Context, env: Mapping[str, str]) -> WhoAmI:
    """Return whom the server of *context* takes the token's holder for."""
    address = context.server
    try:
        with Client(
            address, token=context.token, tls=tls_files(env, otherwise=context.tls), user_agent=USER_AGENT
        ) as client:
            found = client.whoami()
    except ValueError as error:
        raise usage(str(error), hint="see --ca-file, CICTL_CA_FILE, CICTL_CLIENT_CERT and CICTL_CLIENT_KEY") from error
    except ClientError as error:
        raise failure_of(error, server=address) from error
    if not found.authentication:
        raise Failure(
            f"{address} asks nobody for a token",
            exit_code=ExitCode.CONFLICT,
            code="conflict",
            hint=f"use it as it is: --server {address}; `cictl tokens create NAME --role admin` makes it ask",
        )
    return found


def _context_of(file: ContextFile, address: str) -> Context:
    """Return the context of the server at *address*, or a new one."""
    known = next((c for c in file.contexts.values() if c.server.rstrip("/") == address), None)
    return known or Context(name=_new_name(file, address), server=address)


def _new_name(file: ContextFile, address: str) -> str:
    """Return the host of *address* as a name; with its port if another context has that name."""
    parts = urlsplit(address)
    host = _NEVER_IN_A_NAME.sub("-", parts.hostname or "").strip("-.") or "server"
    return host if host not in file.contexts else f"{host}-{parts.port or parts.scheme}"
