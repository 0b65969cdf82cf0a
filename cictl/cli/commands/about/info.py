"""`cictl info`."""

from __future__ import annotations

from datetime import datetime

import msgspec
import typer

from cictl.cli.app.commands import with_examples
from cictl.cli.app.session import Session
from cictl.cli.output.table import Column, Result
from cictl.wire.admin.server import NEVER, RuntimeState, ServerInfo, ServerInstance
from cictl.wire.codec import Message
from cictl.wire.words import Feature


class Info(Message):
    """The answers of `GET server-info`, `GET runtime-state` and `GET servers`, side by side.

    Attributes:
        servers: Empty where the server does not tell.
    """

    server_info: ServerInfo
    runtime_state: RuntimeState
    servers: list[ServerInstance] = msgspec.field(default_factory=list)


@with_examples("cictl info\ncictl info --query runtime_state.online_agents\ncictl info --query servers[].name")
def info(context: typer.Context) -> None:
    """Show the server and its state, and the servers beside it that work on the same data."""
    session = Session.of(context)
    server_info = session.client.server_info()
    found = Info(
        server_info=server_info,
        runtime_state=session.client.runtime_state(),
        servers=session.client.servers().servers if Feature.SERVERS in server_info.features else [],
    )
    url = session.settings.shown_server
    columns: tuple[Column[Info], ...] = (
        Column("Server", lambda i: f"{url} (from {session.settings.source})"),
        Column("Name", lambda i: i.server_info.name),
        Column("Version", lambda i: i.server_info.version),
        Column("API version", lambda i: i.server_info.api_version),
        Column("Host", lambda i: i.server_info.hostname),
        Column("Store", lambda i: i.server_info.store),
        Column("Served by", lambda i: i.server_info.served_by),
        Column("Files", lambda i: i.server_info.files),
        Column("Mode", lambda i: i.runtime_state.mode),
        Column("Reasons", lambda i: i.runtime_state.reasons),
        Column("Agents", lambda i: _agents_text(i.runtime_state)),
        Column("Last agent seen", lambda i: _seen(i.runtime_state)),
        Column("Servers", lambda i: [_server_text(server) for server in i.servers]),
        Column("Git", lambda i: "available" if i.runtime_state.git_available else "missing on the server"),
        Column("Features", lambda i: ", ".join(i.server_info.features), wide=True),
        Column("Instance", lambda i: i.server_info.instance_id, wide=True),
    )
    session.show(Result(message=found, rows=[found], columns=columns, name=lambda i: i.server_info.name, detailed=True))


def _agents_text(state: RuntimeState) -> str:
    return f"{state.online_agents} online, {state.stale_agents} stale, {state.offline_agents} offline"


def _server_text(server: ServerInstance) -> str:
    """Return a server in a few words; those of one host are told apart by the beginnings of their ids."""
    leads = f", leads {' and '.join(server.leads)}" if server.leads else ""
    differs = f", differs in {', '.join(server.differs)}" if server.differs else ""
    return f"{server.name} {server.version} ({server.instance_id[:8]}{leads}{differs})"


def _seen(state: RuntimeState) -> datetime | None:
    return None if state.last_agent_seen_utc == NEVER else state.last_agent_seen_utc
