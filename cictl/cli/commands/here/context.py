"""`cictl context`: the named servers of the context file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cictl.base.urls import without_user_info
from cictl.cli.app.commands import Command, LocalCommand, LocalDestructiveCommand, new_group
from cictl.cli.app.confirmation import ask
from cictl.cli.app.contexts import Context, ContextFile, SettingsError, read_contexts
from cictl.cli.app.failures import not_found, usage
from cictl.cli.app.session import Session, format_setting
from cictl.cli.app.settings import Settings, checked_url, read_token
from cictl.cli.names import ambiguous
from cictl.cli.output.table import Column, Result
from cictl.wire.codec import Message

app = new_group(
    "cictl context set prod --server https://ci.example.com --token-file ~/prod.token --protected\n"
    "cictl context use prod\ncictl context show --origins"
)

ContextName = Annotated[str, typer.Argument(metavar="CONTEXT", help="The context's name, or its beginning.")]


class ShownContext(Message):
    """A context as it is shown: `token` says where the token is (stored, file or none), never what it is."""

    name: str
    server: str
    current: bool
    token: str
    protected: bool
    token_file: str = ""


class ShownContexts(Message):
    """What `context list -o json` shows."""

    contexts: list[ShownContext]


class Setting(Message):
    """One setting and where it came from; a token's value is never shown."""

    name: str
    value: str
    origin: str


class ShownSettings(Message):
    """What `context show -o json` shows."""

    settings: list[Setting]


@app.command("list", cls=LocalCommand, epilog="cictl context list\ncictl context list -o name")
def list_contexts(context: typer.Context) -> None:
    """List the named servers."""
    file = _read(Session.of(context))
    shown = [_shown(file, file.contexts[name]) for name in sorted(file.contexts)]
    Session.of(context).show(_contexts_result(shown, empty=f"there are no contexts in {file.path}"))


@app.command("use", cls=LocalCommand, epilog="cictl context use prod")
def use_context(context: typer.Context, name: ContextName) -> None:
    """Choose the server that commands call from now on.

    CICTL_SERVER_URL, CICTL_CONTEXT, --server and --context still win over it.
    """
    session = Session.of(context)
    file = _read(session)
    chosen = _find(file, name)
    if file.current == chosen.name:
        session.note(f"already using {chosen.name} ({without_user_info(chosen.server)})")
        return
    file.using(chosen.name).save()
    session.note(f"using {chosen.name} ({without_user_info(chosen.server)})")
    for variable in ("CICTL_SERVER_URL", "CIWI_SERVER_URL", "CICTL_CONTEXT"):
        if session.env.get(variable):
            session.note(f"warning: {variable} is set, and wins over it")


@app.command(
    "set",
    cls=LocalCommand,
    epilog="cictl context set test --server http://ci.test:8112 --use\n"
    "cictl context set prod --server https://ci.example.com --token-stdin --protected < token\n"
    "cictl context set prod --no-token",
)
def set_context(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CONTEXT", help="Its whole name; a new one, or one to change.")],
    server: Annotated[str, typer.Option("--server", metavar="URL", help="The server's address.")] = "",
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Read the token from this file, at each command."),
    ] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Store the token that comes on standard input.")
    ] = False,
    no_token: Annotated[bool, typer.Option("--no-token", help="Forget the token.")] = False,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", metavar="FILE", help="Trust the certificates in this PEM file alone.")
    ] = None,
    client_cert: Annotated[
        Path | None,
        typer.Option("--client-cert", metavar="FILE", help="Show this certificate (PEM), which may hold its key."),
    ] = None,
    client_key: Annotated[
        Path | None, typer.Option("--client-key", metavar="FILE", help="The key of --client-cert.")
    ] = None,
    protected: Annotated[
        bool | None,
        typer.Option("--protected/--unprotected", help="What destroys asks for the context's name."),
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Use it from now on.")] = False,
) -> None:
    """Add a named server, or change one; what is not named stays as it is.

    The file is readable by its owner only. A token is never taken from the command line, where others could see it. The
    first context is used from now on.
    """
    session = Session.of(context)
    if sum([token_file is not None, token_stdin, no_token]) > 1:
        raise usage("--token-file, --token-stdin and --no-token exclude each other")
    file = _read(session)
    old = file.contexts.get(name)
    if old is None and not server:
        raise usage(f"a new context needs a server: {name}", hint=f"cictl context set {name} --server URL")
    with _usage_errors():
        address = checked_url(server, "--server") if server else ""
        new = old or Context(name=name, server=address)
        new = replace(new, server=address or new.server, protected=new.protected if protected is None else protected)
        new = _with_files(new, ca_file=ca_file, client_cert=client_cert, client_key=client_key)
        new = _with_token(session, new, token_file=token_file, from_stdin=token_stdin, forget=no_token)
        changed = file.with_context(new)
    changed = changed.using(name) if use else changed
    changed.save()
    result = _contexts_result([_shown(changed, new)])
    session.show_done(result, f"{'changed' if old else 'added'} {name}{_in_use(file, changed)}")


@app.command("delete", cls=LocalDestructiveCommand, epilog="cictl context delete test\ncictl context delete test --yes")
def delete_context(context: typer.Context, name: ContextName) -> None:
    """Forget a named server and its token; the server itself stays as it is.

    Asks on a terminal, and needs --yes elsewhere.
    """
    session = Session.of(context)
    file = _read(session)
    found = _find(file, name)
    with_token = " and its token" if found.token else ""
    session.note(f"this forgets {found.name} ({without_user_info(found.server)}){with_token}")
    ask(session, f"delete context {found.name}?")
    file.without(found.name).save()
    left = "; no context is in use now" if file.current == found.name else ""
    session.show_done(_contexts_result([_shown(file, found)]), f"deleted context {found.name}{left}")


@app.command(
    "show",
    cls=Command,
    epilog="cictl context show\ncictl context show --origins\ncictl context show prod -o json",
)
def show_context(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[CONTEXT]", help="As if --context named it.")] = "",
    origins: Annotated[bool, typer.Option("--origins", help="Say of each setting where it came from.")] = False,
) -> None:
    """Show the settings that commands work with; calls no server.

    A token's value is not shown.
    """
    session = Session.of(context)
    if name:
        session.options["context"] = _find(_read(session), name).name
    settings = _settings(session)
    columns: list[Column[Setting]] = [Column("SETTING", lambda s: s.name), Column("VALUE", lambda s: s.value)]
    if origins:
        columns.append(Column("ORIGIN", lambda s: s.origin))
    session.show(
        Result(
            message=ShownSettings(settings=settings),
            rows=settings,
            columns=tuple(columns),
            name=lambda s: f"{s.name}={s.value}",
        )
    )


def _settings(session: Session) -> list[Setting]:
    found: Settings = session.settings
    readonly = session.env.get("CICTL_READONLY", "")
    rows = [
        ("server", found.shown_server, found.source),
        ("context", found.context, found.context_source),
        ("token", "set" if found.token else "", found.token_source),
        ("protected", "true" if found.protected else "false", f"context {found.protected}" if found.protected else ""),
        ("output", session.output, _output_origin(session)),
        ("readonly", "true" if session.is_readonly else "false", "CICTL_READONLY" if readonly else ""),
    ]
    rows += [
        (name, path, _file_origin(session, name))
        for name in ("ca_file", "client_cert", "client_key")
        if (path := getattr(found.tls, name))
    ]
    return [Setting(name=name, value=value, origin=origin or "default") for name, value, origin in rows]


def _file_origin(session: Session, name: str) -> str:
    if session.options.get(name):
        return f"--{name.replace('_', '-')}"
    variable = f"CICTL_{name.upper()}"
    return variable if session.env.get(variable) else f"context {session.settings.context}"


def _output_origin(session: Session) -> str:
    if session.options.get("output"):
        return "--output"
    return "CICTL_OUTPUT" if format_setting(session.env) else ""


def _with_token(
    session: Session, context: Context, *, token_file: Path | None, from_stdin: bool, forget: bool
) -> Context:
    """Return *context* with the token that the options name; a token file must be readable."""
    if token_file is not None:
        path = str(token_file.expanduser().absolute())
        read_token(path, "--token-file")
        return replace(context, token="", token_file=path)
    if from_stdin:
        token = session.stdin.readline().strip()
        if not token:
            raise SettingsError("no token came on standard input")
        return replace(context, token=token, token_file="")
    return replace(context, token="", token_file="") if forget else context


def _with_files(context: Context, **files: Path | None) -> Context:
    """Return *context* with the files that the options name; they must be there."""
    given = {name: str(path.expanduser().absolute()) for name, path in files.items() if path is not None}
    changed = replace(context, **given)  # type: ignore[arg-type]  # all three are texts
    try:
        changed.tls.check()
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return changed


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn a wrong setting into a usage failure."""
    try:
        yield
    except SettingsError as error:
        raise usage(str(error), hint=error.hint) from error


def _read(session: Session) -> ContextFile:
    with _usage_errors():
        file = read_contexts(session.env)
    session.note(file.permission_warning())
    return file


def _find(file: ContextFile, text: str) -> Context:
    """Return the context *text*, or the only one that begins so."""
    if text in file.contexts:
        return file.contexts[text]
    found = [name for name in sorted(file.contexts) if text and name.startswith(text)]
    if len(found) > 1:
        raise ambiguous(text, found, "context")
    if not found:
        raise not_found(f"no context {text!r} in {file.path}", hint="`cictl context list` shows them")
    return file.contexts[found[0]]


def _in_use(before: ContextFile, after: ContextFile) -> str:
    return f", and it is in use from now on ({after.path})" if before.current != after.current else ""


def _shown(file: ContextFile, context: Context) -> ShownContext:
    return ShownContext(
        name=context.name,
        server=without_user_info(context.server),
        current=file.current == context.name,
        token="stored" if context.token else "file" if context.token_file else "none",
        token_file=context.token_file,
        protected=context.protected,
    )


def _contexts_result(shown: Sequence[ShownContext], *, empty: str = "") -> Result[ShownContext]:
    return Result(
        message=ShownContexts(contexts=list(shown)),
        rows=shown,
        columns=(
            Column("NAME", lambda c: c.name),
            Column("SERVER", lambda c: c.server),
            Column("IN USE", lambda c: "yes" if c.current else "no"),
            Column("TOKEN", lambda c: c.token),
            Column("PROTECTED", lambda c: "yes" if c.protected else "no"),
            Column("TOKEN FILE", lambda c: c.token_file, wide=True),
        ),
        name=lambda c: c.name,
        empty=empty,
    )
