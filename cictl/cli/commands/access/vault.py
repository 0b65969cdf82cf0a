"""`cictl vault`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cictl.base.job_parts import SecretRef
from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.names import choose
from cictl.cli.output.table import Column, Result
from cictl.wire.admin.vault import (
    VaultConnection,
    VaultConnectionList,
    VaultConnectionRequest,
    VaultConnectionResponse,
    VaultTestRequest,
    VaultTestResponse,
)
from cictl_client import Client

app = new_group(
    "cictl vault add pantry --url https://vault.example.com --role-id ID --secret-id-env CICTL_VAULT_PANTRY\n"
    "cictl vault test pantry --secret ci/deploy --key token"
)

ConnectionName = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The connection's name, its beginning, or its id.")
]

_COLUMNS: tuple[Column[VaultConnection], ...] = (
    Column("ID", lambda c: c.id),
    Column("CONNECTION", lambda c: c.name),
    Column("URL", lambda c: c.url),
    Column("SECRET ID FROM", lambda c: c.secret_id_env),
    Column("USED BY", lambda c: ", ".join(c.used_by), folds=True),
    Column("ROLE", lambda c: c.role_id, wide=True),
    Column("APPROLE AT", lambda c: c.approle_mount, wide=True),
    Column("NAMESPACE", lambda c: c.namespace, wide=True),
    Column("KV AT", lambda c: c.kv_default_mount, wide=True),
    Column("KV VERSION", lambda c: c.kv_default_version or "", wide=True),
    Column("CA FILE", lambda c: c.ca_file, wide=True),
)


@app.command("list", cls=Command, epilog="cictl vault list\ncictl vault list -o wide\ncictl vault list -o name")
def list_connections(context: typer.Context) -> None:
    """List the Vault connections, and the pipelines that use them."""
    session = Session.of(context)
    found = session.client.list_vault_connections()
    session.show(
        Result(
            message=VaultConnectionList(connections=found),
            rows=found,
            columns=_COLUMNS,
            name=lambda c: c.name,
            empty="there are no vault connections; `cictl vault add` adds one",
        )
    )


@app.command(
    "add",
    cls=Command,
    epilog="cictl vault add pantry --url https://vault.example.com --role-id ID --secret-id-env CICTL_VAULT_PANTRY\n"
    "cictl vault add pantry --kv-mount secret --kv-version 2\n"
    'cictl vault add pantry --namespace "" --role-id ID --secret-id-env CICTL_VAULT_PANTRY',
)
def add(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="CONNECTION", help="Its whole name, as project files use it; new, or one to change."),
    ],
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="The Vault, as the server reaches it.")
    ] = None,
    role_id: Annotated[str | None, typer.Option("--role-id", metavar="ID", help="The AppRole role id.")] = None,
    secret_id_env: Annotated[
        str | None,
        typer.Option(
            "--secret-id-env",
            metavar="VARIABLE",
            help="The variable of the server's environment that holds the secret id: CICTL_VAULT_...",
        ),
    ] = None,
    approle_mount: Annotated[
        str | None, typer.Option("--approle-mount", metavar="MOUNT", help="Where AppRole is mounted; default: approle.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NAME", help="The namespace; default: none.")
    ] = None,
    kv_mount: Annotated[
        str | None, typer.Option("--kv-mount", metavar="MOUNT", help="Mount of secrets that name none; default: kv.")
    ] = None,
    kv_version: Annotated[
        int | None,
        typer.Option("--kv-version", metavar="1|2", min=1, max=2, help="Version of its KV engine; default: 2."),
    ] = None,
    ca_file: Annotated[
        str | None,
        typer.Option("--ca-file", metavar="FILE", help="On the server: certificates to trust instead of the system's."),
    ] = None,
) -> None:
    """Add a Vault connection, or change one; what is not named stays as it is.

    The secret id itself is never given to cictl: the server reads it from its own environment when it logs in. Another
    --url, --ca-file, --namespace or --approle-mount sends it elsewhere, so give --role-id and --secret-id-env again with
    it. An empty value, such as --namespace "", brings a default back.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"add vault connection {name}")
    request = VaultConnectionRequest(
        name=name.strip(),
        url=url,
        role_id=role_id,
        secret_id_env=secret_id_env,
        approle_mount=approle_mount,
        namespace=namespace,
        kv_default_mount=kv_mount,
        kv_default_version=kv_version,
        ca_file=ca_file,
    )
    known = {c.name: c for c in session.client.list_vault_connections()}.get(request.name)
    if known is None:
        _check_complete(request)
    else:
        _check_login_is_given(known, request)
    saved = session.client.save_vault_connection(request)
    result = Result(
        message=VaultConnectionResponse(connection=saved), rows=[saved], columns=_COLUMNS, name=lambda c: c.name
    )
    session.show_done(result, _saved_text(known, saved))


@app.command("delete", cls=DestructiveCommand, epilog="cictl vault delete pantry\ncictl vault delete 3 --yes")
def delete(context: typer.Context, connection: ConnectionName) -> None:
    """Delete a Vault connection; steps that name it fail from then on.

    Asks on a terminal, and needs --yes elsewhere.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"delete vault connection {connection}")
    found = find_connection(session.client, connection)
    users = f"; jobs of {_listed(found.used_by)} will fail" if found.used_by else "; no pipeline uses it"
    session.note(f"this deletes vault connection {found.name} (id {found.id}, {found.url}){users}")
    confirm(session, f"delete vault connection {found.name}?")
    answer = session.client.delete_vault_connection(found.id)
    result = Result(message=answer, rows=[answer], columns=(), name=lambda _: found.name)
    session.show_done(result, f"deleted vault connection {found.name} (id {found.id})")


@app.command(
    "test",
    cls=Command,
    epilog="cictl vault test pantry\n"
    "cictl vault test pantry --secret ci/deploy --key token\n"
    "cictl vault test pantry --secret-id-file new-secret-id",
)
def try_connection(
    context: typer.Context,
    connection: ConnectionName,
    secret: Annotated[
        str, typer.Option("--secret", metavar="PATH", help="Read this secret too; its value is never shown.")
    ] = "",
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="The key of --secret.")] = "",
    mount: Annotated[
        str, typer.Option("--mount", metavar="MOUNT", help="Where --secret is; else the connection's mount.")
    ] = "",
    kv_version: Annotated[
        int | None,
        typer.Option("--kv-version", metavar="1|2", min=1, max=2, help="Of --mount; else the connection's."),
    ] = None,
    secret_id_file: Annotated[
        Path | None, typer.Option("--secret-id-file", metavar="FILE", help="Log in with the secret id in this file.")
    ] = None,
    secret_id_stdin: Annotated[
        bool, typer.Option("--secret-id-stdin", help="Log in with the secret id on standard input.")
    ] = False,
    secret_id_var: Annotated[
        str,
        typer.Option("--secret-id-var", metavar="VARIABLE", help="Log in with the secret id in this variable here."),
    ] = "",
    ask_secret_id: Annotated[
        bool, typer.Option("--ask-secret-id", help="Log in with a secret id that is asked for, unseen.")
    ] = False,
) -> None:
    """Let the server log in to the Vault, and read a secret if one is named.

    It takes the secret id from its own environment, as for jobs, unless another one is to be tried; that is not kept.

    Exit codes: 0 it works; 1 it does not, and the message says why.
    """
    from cictl.cli.vault.diagnosis import failure_of_test
    from cictl.cli.vault.secret_id import SecretIdSource, read_secret_id

    session = Session.of(context)
    if key and not secret:
        raise usage("--key needs --secret", hint="--secret PATH --key KEY")
    if secret and not key:
        raise usage("--secret needs --key", hint=f"--secret {secret} --key KEY")
    if (mount or kv_version) and not secret:
        raise usage("--mount and --kv-version belong to --secret", hint="--secret PATH --key KEY")
    override = read_secret_id(
        session,
        SecretIdSource(file=secret_id_file, from_stdin=secret_id_stdin, variable=secret_id_var, asks=ask_secret_id),
    )
    found = find_connection(session.client, connection)
    wanted = SecretRef(path=secret, key=key, mount=mount, kv_version=kv_version or 0) if secret else None
    request = VaultTestRequest(secret_id_override=override, test_secret=wanted)
    answer = session.client.test_vault_connection(found.id, request)
    if session.wants_data:
        session.show(_test_result(found, answer))
    if not answer.ok:
        raise failure_of_test(answer.message, connection=found, secret=wanted)
    read = f"; {key} of {secret} can be read" if wanted else ""
    session.note(f"{found.name}: the login works{read}")


def find_connection(client: Client, text: str) -> VaultConnection:
    """Return the connection with the name or the id *text*, or whose name begins so; a name wins over an id."""
    found = client.list_vault_connections()
    by_id = [c for c in found if str(c.id) == text]
    if by_id and text not in [c.name for c in found]:
        return by_id[0]
    return choose(text, found, names=lambda c: (c.name,), noun="vault connection", listing="cictl vault list")


def _test_result(connection: VaultConnection, answer: VaultTestResponse) -> Result[VaultTestResponse]:
    return Result(message=answer, rows=[answer], columns=(), name=lambda _: connection.name)


def _check_complete(request: VaultConnectionRequest) -> None:
    """Ask for what a new connection needs before the server does, in the words of the command line."""
    if not request.name:
        raise usage("a vault connection needs a name")
    needed = {"--url": request.url, "--role-id": request.role_id, "--secret-id-env": request.secret_id_env}
    missing = [option for option, value in needed.items() if not (value or "").strip()]
    if missing:
        raise usage(
            f"a new vault connection needs {_listed(missing)}: {request.name}",
            hint="`cictl vault list` shows those that there are",
        )


def _check_login_is_given(known: VaultConnection, request: VaultConnectionRequest) -> None:
    """Ask again for role and variable where the secret id would go elsewhere, as the server does."""
    where = {
        "--url": (known.url, request.url),
        "--ca-file": (known.ca_file, request.ca_file),
        "--namespace": (known.namespace, request.namespace),
        "--approle-mount": (known.approle_mount, request.approle_mount),
    }
    moved = [option for option, (old, new) in where.items() if new is not None and new.strip() != old]
    needed = {"--role-id": request.role_id, "--secret-id-env": request.secret_id_env}
    missing = [option for option, value in needed.items() if value is None]
    if moved and missing:
        raise usage(
            f"another {_listed(moved)} sends the secret id of {known.name} elsewhere: give {' and '.join(missing)} again",
            hint=f"it is --role-id {known.role_id} --secret-id-env {known.secret_id_env} now",
        )


def _saved_text(old: VaultConnection | None, new: VaultConnection) -> str:
    if old is None:
        return f"added vault connection {new.name} (id {new.id}); `cictl vault test {shlex.quote(new.name)}` tries it"
    changes = [
        f"{field}: {_word(getattr(old, field))} -> {_word(getattr(new, field))}"
        for field in msgspec.structs.asdict(new)
        if field != "used_by" and getattr(old, field) != getattr(new, field)
    ]
    if not changes:
        return f"vault connection {new.name} is so already"
    return f"changed vault connection {new.name} (id {new.id}): {'; '.join(changes)}"


def _word(value: object) -> str:
    return str(value) or "none"


def _listed(names: list[str]) -> str:
    return ", ".join(names)
