"""A time limit that also looks at where a connection leads. It brings `urllib3` in, so it is imported with the first exchange."""

from __future__ import annotations

import socket

from cictl.base.web.cutoff import Cutoff
from cictl_server.services.notifications.addresses import ForbiddenAddress, address_problem


class GuardedCutoff(Cutoff):
    """A time limit for an exchange that also refuses connections to addresses which no target may have.

    The address is that of the connection itself, so a name that leads elsewhere the next time changes nothing.
    """

    def __init__(self, seconds: float, *, allows_here: bool) -> None:
        super().__init__(seconds)
        self._allows_here = allows_here

    def watch(self, connected: socket.socket) -> None:
        """Watch a connection until `close`.

        Raises:
            ForbiddenAddress: It leads where none may lead. It is closed.
        """
        if problem := address_problem(connected, allows_here=self._allows_here):
            connected.close()
            raise ForbiddenAddress(problem)
        super().watch(connected)
