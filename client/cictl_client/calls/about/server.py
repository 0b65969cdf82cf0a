"""Calls about the server itself: its health, its state, and its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cictl.wire.admin.server import Health, RuntimeState, ServerInfo, ServerList
from cictl_client.calls.calls import Calls
from cictl_client.calls.paths import SERVER_INFO
from cictl_client.follow.events import ServerEvent, follow_events
from cictl_client.retry import OnReconnect


class ServerCalls(Calls):
    """The server's health and state, and what happens on it."""

    def health(self) -> Health:
        """Return whether the server is well; it needs no token."""
        return self._transport.get(Health, "/healthz")

    def server_info(self) -> ServerInfo:
        """Return the server's name, version and features."""
        return self._transport.get(ServerInfo, SERVER_INFO)

    def servers(self) -> ServerList:
        """Return the servers that work on the same data, and which of them does the background work.

        Raises:
            NotFound: The server does not tell; one that does names `servers` in its features.
        """
        return self._transport.get(ServerList, "/api/v1/servers")

    def runtime_state(self) -> RuntimeState:
        """Return how many agents are there, and what the server lacks."""
        return self._transport.get(RuntimeState, "/api/v1/runtime-state")

    def events(
        self,
        *,
        last_id: str = "",
        on_reconnect: OnReconnect | None = None,
        deadline: Callable[[], bool] | None = None,
    ) -> Iterator[ServerEvent]:
        """Yield what happens on the server after the event *last_id*, or from now on if it is empty; never ends by itself.

        Args:
            on_reconnect: Called with each passing error, before the next attempt.
            deadline: Called after each piece of data from the server, of which one comes at least every 15 s; the iterator
                ends once it returns true.

        Raises:
            NotFound: The server has no such stream.

        ```python
        from cictl_client import Client

        with Client("http://127.0.0.1:8112") as client:
            for event in client.events():
                if event.job and event.job.state and event.job.state.status.is_terminal:
                    print(event.job.id, event.job.state.status)
                    break
        ```
        """
        return follow_events(self._transport, last_id=last_id, on_reconnect=on_reconnect, deadline=deadline)
