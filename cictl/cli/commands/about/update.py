"""`cictl update`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.session import Session
from cictl.cli.output.table import Column, Result
from cictl.wire.admin.updates import ServerUpdates, UpdateCheck, UpdateKey, UpdateTags

app = new_group("cictl update check\ncictl update apply\ncictl update rollback v1.2.2\ncictl update status")

NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Return once the version is staged; `cictl update status` tells the rest.")
]
WaitTimeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="Stop waiting; the update goes on. Exit code 8."),
]


@app.command("check", cls=Command, epilog="cictl update check\ncictl update check --query update_available")
def check(context: typer.Context) -> None:
    """Let the server look for a newer release.

    Exit codes: 0 it could look, whatever it found; 1 it could not.
    """
    session = Session.of(context)
    found = session.client.check_for_update()
    columns: tuple[Column[UpdateCheck], ...] = (
        Column("Runs", lambda c: c.current_version),
        Column("Latest", lambda c: c.latest_version),
        Column("Update available", lambda c: "yes" if c.update_available else "no"),
        Column("Release", lambda c: c.release_url),
        Column("File", lambda c: c.asset_name, wide=True),
        Column("Remark", lambda c: c.message),
    )
    session.show(Result(message=found, rows=[found], columns=columns, name=lambda c: c.latest_version, detailed=True))
    if not found.latest_version:
        raise Failure(
            f"the server could not look for releases: {found.message}", exit_code=ExitCode.ERROR, code="release_error"
        )
    if found.update_available:
        session.note("`cictl update apply` installs it")


@app.command("tags", cls=Command, epilog="cictl update tags\ncictl update tags -o name")
def tags(context: typer.Context) -> None:
    """List the versions that the server could run.

    Those that are installed beside the running one can be gone back to without a network.
    """
    session = Session.of(context)
    found = session.client.list_update_tags()
    installed = session.client.get_update_status().get(UpdateKey.ROLLBACK_VERSIONS, "").split(",")
    columns: tuple[Column[str], ...] = (
        Column("VERSION", lambda tag: tag),
        Column("HERE", lambda tag: _place(tag, found, installed)),
    )
    session.show(Result(message=found, rows=found.tags, columns=columns, name=lambda tag: tag))


@app.command("status", cls=Command, epilog="cictl update status\ncictl update status --query status.update_phase")
def status(context: typer.Context) -> None:
    """Show how updates of the server stand, and what to do about one that failed.

    Each of several servers on the same data is updated by itself: ask it at its own address.
    """
    from cictl.cli.server.update import next_step, outcome_of

    session = Session.of(context)
    answer = session.client.get_server_updates()
    found = answer.status
    columns: tuple[Column[dict[str, str]], ...] = (
        _line("Runs", UpdateKey.CURRENT),
        _line("Latest", UpdateKey.LATEST),
        _line("Looked for", UpdateKey.LAST_CHECKED),
        _line("Last update", UpdateKey.STATUS),
        _line("To", UpdateKey.TARGET),
        _line("At", UpdateKey.APPLIED),
        Column("Outcome", outcome_of),
        Column("Message", lambda s: "" if s.get(UpdateKey.MESSAGE) == outcome_of(s) else s.get(UpdateKey.MESSAGE, "")),
        _line("Phase", UpdateKey.PHASE),
        _line("Can update itself", UpdateKey.SUPPORTED, {"1": "yes", "0": "no"}),
        _line("Because", UpdateKey.UNSUPPORTED_REASON),
        _line("Mode", UpdateKey.MODE),
        _line("Before", UpdateKey.PREVIOUS),
        _line("Can go back to", UpdateKey.ROLLBACK_VERSIONS),
        _line("Agents are to run", UpdateKey.AGENT_TARGET),
        _line("Agents that can't update", UpdateKey.UNABLE_AGENTS),
        Column("Other servers", lambda _: [_server_text(server) for server in answer.servers]),
    )
    session.show(
        Result(
            message=answer,
            rows=[found],
            columns=columns,
            name=lambda s: s.get(UpdateKey.CURRENT, ""),
            detailed=True,
        )
    )
    if step := next_step(found):
        session.note(step)


@app.command("apply", cls=DestructiveCommand, epilog="cictl update apply\ncictl update apply --version v1.2.3 --yes")
def apply(
    context: typer.Context,
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="Such as v1.2.3; default: the latest release.")
    ] = "",
    no_wait: NoWait = False,
    wait_timeout: WaitTimeout = 900.0,
) -> None:
    """Update the server, and follow it through its restart to the end.

    The version is installed beside the running one, tried on a copy of the data, and switched to; where it does not
    become healthy the server goes back by itself. Jobs that run go on. Asks on a terminal, and needs --yes elsewhere.

    Exit codes: 0 updated, or up to date already; 1 not updated, and the message says why; 7 this installation can't
    update itself, or is being updated; 8 timed out, the update goes on.
    """
    from cictl.cli.server.update import UpdateOptions, carry_out

    wanted = UpdateOptions(target=_tag(version), is_rollback=False, no_wait=no_wait, seconds=wait_timeout)
    carry_out(Session.of(context), wanted)


@app.command("rollback", cls=DestructiveCommand, epilog="cictl update rollback\ncictl update rollback v1.2.2 --yes")
def rollback(
    context: typer.Context,
    version: Annotated[
        str, typer.Argument(metavar="[VERSION]", help="Such as v1.2.2; default: the version before this one.")
    ] = "",
    no_wait: NoWait = False,
    wait_timeout: WaitTimeout = 900.0,
) -> None:
    """Let the server go back to a version, and follow it through its restart to the end.

    A version that is still installed needs no network. Data stays as it is: a version that can't open it is refused.
    Asks on a terminal, and needs --yes elsewhere. Exit codes as those of `cictl update apply`.
    """
    from cictl.cli.server.update import UpdateOptions, carry_out

    wanted = UpdateOptions(target=_tag(version), is_rollback=True, no_wait=no_wait, seconds=wait_timeout)
    carry_out(Session.of(context), wanted)


def _tag(text: str) -> str:
    """Return the tag that the user means; the `v` may be left out."""
    from cictl.installation.versions import find_tag

    if not text:
        return ""
    found = find_tag(text if text.startswith("v") else f"v{text}")
    if found is None:
        raise usage(f"{text!r} is no version", hint="a version looks like v1.2.3 or v1.2.3-rc.1")
    return str(found)


def _place(tag: str, found: UpdateTags, installed: list[str]) -> str:
    if tag == found.current_version:
        return "runs"
    return "installed" if tag in installed else ""


def _server_text(server: ServerUpdates) -> str:
    """Return how the updates of another server stand, in a few words."""
    outcome = f", {known}" if (known := server.status.get(UpdateKey.REASON, "")) else ""
    return f"{server.name} runs {server.status.get(UpdateKey.CURRENT, '')} ({server.instance_id[:8]}{outcome})"


def _line(title: str, key: str, words: dict[str, str] | None = None) -> Column[dict[str, str]]:
    def value(status: dict[str, str]) -> str:
        text = status.get(key, "")
        return (words or {}).get(text, text)

    return Column(title, value)
