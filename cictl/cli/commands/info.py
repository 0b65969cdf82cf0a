"""`cictl info`."""

from __future__ import annotations

from datetime import datetime

import typer

from cictl.cli.app.commands import with_examples
from cictl.cli.app.session import Session
from cictl.cli.output.table import Column, Result
from cictl.wire.codec import Message
from cictl.wire.server import NEVER, RuntimeState, ServerInfo


class Info(Message):
    """The answers of `GET server-info` and `GET runtime-state`, side by side."""

    server_info: ServerInfo
    runtime_state: RuntimeState


@with_examples("cictl info\ncictl info --query runtime_state.online_agents")
def info(context: typer.Context) -> None:
    """Show the server and its state."""
    session = Session.of(context)
    found = Info(server_info=session.client.server_info(), runtime_state=session.client.runtime_state())
    url = session.settings.shown_server
    columns: tuple[Column[Info], ...] = (
        Column("Server", lambda i: f"{url} (from {session.settings.source})"),
        Column("Name", lambda i: i.server_info.name),
        Column("Version", lambda i: i.server_info.version),
        Column("API version", lambda i: i.server_info.api_version),
        Column("Host", lambda i: i.server_info.hostname),
        Column("Mode", lambda i: i.runtime_state.mode),
        Column("Reasons", lambda i: i.runtime_state.reasons),
        Column("Agents", lambda i: _agents_text(i.runtime_state)),
        Column("Last agent seen", lambda i: _seen(i.runtime_state)),
        Column("Git", lambda i: "available" if i.runtime_state.git_available else "missing on the server"),
        Column("Features", lambda i: ", ".join(i.server_info.features), wide=True),
        Column("Instance", lambda i: i.server_info.instance_id, wide=True),
    )
    session.show(Result(message=found, rows=[found], columns=columns, name=lambda i: i.server_info.name, detailed=True))


def _agents_text(state: RuntimeState) -> str:
    return f"{state.online_agents} online, {state.stale_agents} stale, {state.offline_agents} offline"


def _seen(state: RuntimeState) -> datetime | None:
    return None if state.last_agent_seen_utc == NEVER else state.last_agent_seen_utc
