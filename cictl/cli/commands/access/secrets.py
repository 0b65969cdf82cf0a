"""`cictl secrets`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm
from cictl.cli.app.failures import not_found, usage
from cictl.cli.app.session import Session
from cictl.cli.names import find_project
from cictl.cli.output.table import Column, Result
from cictl.wire.admin.secrets import Secret, SecretList, SecretRequest, SecretResponse

app = new_group(
    "cictl secrets set deploy-token\ncictl secrets set signing-key --project shop --branch main --from-file key.pem\n"
    "pass show forge | cictl secrets set forge-token\ncictl secrets list"
)

SecretName = Annotated[str, typer.Argument(metavar="NAME", help="As project files use it: {{ secret.NAME }}.")]
OfProject = Annotated[
    str, typer.Option("--project", metavar="PROJECT", help="The secret of this project; default: of all projects.")
]

_COLUMNS: tuple[Column[Secret], ...] = (
    Column("NAME", lambda s: s.name),
    Column("PROJECT", lambda s: s.project or "(all projects)", shrinks=True),
    Column("BRANCHES", lambda s: s.branches or "(all)", folds=True),
    Column("UPDATED", lambda s: s.updated_utc),
    Column("CREATED", lambda s: s.created_utc, wide=True),
    Column("ID", lambda s: s.id, wide=True),
)


@app.command("list", cls=Command, epilog="cictl secrets list\ncictl secrets list -o json")
def list_secrets(context: typer.Context) -> None:
    """List the secrets that the server keeps; values are never shown."""
    session = Session.of(context)
    found = session.client.list_secrets()
    session.show(
        Result(
            message=SecretList(secrets=found),
            rows=found,
            columns=_COLUMNS,
            name=lambda s: s.name,
            empty="there are no secrets; `cictl secrets set NAME` stores one",
        )
    )


@app.command(
    "set",
    cls=Command,
    epilog="cictl secrets set deploy-token\ncictl secrets set signing-key --project shop --from-file key.pem\n"
    "cictl secrets set release-token --branch main --branch 'release/*'\npass show forge | cictl secrets set forge-token",
)
def set_secret(
    context: typer.Context,
    name: SecretName,
    project: OfProject = "",
    branch: Annotated[
        list[str] | None,
        typer.Option(
            "--branch",
            metavar="PATTERN",
            help="Only for runs of this branch, such as main or 'release/*'; may be repeated. Empty: of all again.",
        ),
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from-file", metavar="FILE", help="Take the value from this file, as it is.")
    ] = None,
) -> None:
    """Store a secret for the steps of jobs, or another value of it.

    The value comes from a question on the terminal, from --from-file, or from stdin, there without its last newline. It is sealed
    at once, and nobody can read it back. Steps name it in `env`, as `TOKEN: "{{ secret.NAME }}"`. A secret of a project
    wins over one of all projects with the same name.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"set secret {name}")
    project_id = str(find_project(session.client, project).id) if project else ""
    branches = None if branch is None else [pattern for pattern in branch if pattern]
    value = _value(session, name, from_file)
    saved = session.client.set_secret(SecretRequest(name=name, value=value, project=project_id, branches=branches))
    result = Result(message=SecretResponse(secret=saved), rows=[saved], columns=_COLUMNS, name=lambda s: s.name)
    session.show_done(result, f"secret {name} is set{_scope(saved)}; steps get it by `{{{{ secret.{name} }}}}` in env")


@app.command("remove", cls=DestructiveCommand, epilog="cictl secrets remove deploy-token --project shop --yes")
def remove(context: typer.Context, name: SecretName, project: OfProject = "") -> None:
    """Remove a secret; jobs that name it fail from then on.

    Asks on a terminal, and needs --yes elsewhere.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"remove secret {name}")
    project_id = find_project(session.client, project).id if project else 0
    found = _find(session, name, project_id)
    confirm(session, f"remove secret {name}{_scope(found)}?")
    answer = session.client.delete_secret(found.id)
    session.show_done(
        Result(message=answer, rows=[answer], columns=(), name=lambda a: a.name),
        f"removed secret {name}{_scope(found)}",
    )


@app.command("rotate-key", cls=Command, epilog="cictl secrets rotate-key")
def rotate_key(context: typer.Context) -> None:
    """Seal all secrets with a new key, and forget the old one.

    Backups from before can then be opened with a copy of the old key only.
    """
    session = Session.of(context)
    session.refuse_if_readonly("rotate the key of secrets")
    answer = session.client.rotate_secrets_key()
    result = Result(message=answer, rows=[answer], columns=(), name=lambda a: a.key_id)
    session.show_done(result, f"{answer.secrets} secrets are sealed with key {answer.key_id} now")


def _value(session: Session, name: str, file: Path | None) -> str:
    """Return the value, from where the user has it.

    Raises:
        Failure: The file can't be read, or the value is no text.
    """
    try:
        if file is not None:
            return file.read_bytes().decode()
        if session.stdin.isatty():
            import getpass

            return getpass.getpass(f"value of {name}: ", stream=session.stderr)
        return session.stdin.read().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise usage(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise usage(
            "the value is no UTF-8 text", hint="encode it, such as by base64, and decode it in the step"
        ) from error


def _find(session: Session, name: str, project_id: int) -> Secret:
    secrets = session.client.list_secrets()
    found = next((s for s in secrets if (s.name, s.project_id) == (name, project_id)), None)
    if found is not None:
        return found
    others = [s.project for s in secrets if s.name == name and s.project]
    hint = "`cictl secrets list` shows what there is"
    if others and not project_id:
        hint = f"there is one of a project: --project {shlex.quote(others[0])}"
    raise not_found(f"secret {name!r} not found", hint=hint)


def _scope(secret: Secret) -> str:
    where = f" for {secret.project}" if secret.project else ""
    return where + (f", branches {', '.join(secret.branches)}" if secret.branches else "")
