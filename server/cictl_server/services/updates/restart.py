"""Restarting the server when an admin asks for it."""

from __future__ import annotations

import logging
import sys

import msgspec

from cictl.wire.admin.updates import Restarting, UpdateKey
from cictl_server.services.updates.book import UpdateBook
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.update import UpdateService

logger = logging.getLogger(__name__)

_MANAGER = {"linux": "systemd", "darwin": "launchd"}


class RestartService(msgspec.Struct, frozen=True, kw_only=True):
    """Restarts the server. Under a service manager it ends and the manager starts it; else it starts itself again."""

    updates: UpdateService
    book: UpdateBook
    process: ServerProcess

    def restart(self) -> Restarting:
        """Begin a restart, and return how the server comes back. Answers under way are finished first.

        Raises:
            Conflict: An update is in progress, which restarts the server by itself.
        """
        self.updates.refuse_while_active()
        tools = self.updates.tools
        is_service = tools.capability().mode == "service"
        manager = _MANAGER.get(sys.platform, "service")
        message = (
            f"restart via {manager} self-exit requested ({tools.unit})"
            if is_service
            else "service restart unavailable; re-exec requested"
        )
        self.book.write({UpdateKey.MESSAGE: message})
        logger.info("restart requested: %s", message)
        (self.process.leave if is_service else self.process.restart)()
        return Restarting(restarting=True, message=message)
