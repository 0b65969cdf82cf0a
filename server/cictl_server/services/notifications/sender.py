"""One way to send a parcel, whatever its target is."""

from __future__ import annotations

from dataclasses import dataclass

from cictl_server.services.notifications.commands import Commands
from cictl_server.services.notifications.parcels import Parcel
from cictl_server.services.notifications.webhooks import Webhooks


@dataclass(frozen=True, kw_only=True)
class Sender:
    webhooks: Webhooks
    commands: Commands

    def send(self, parcel: Parcel) -> None:
        """Send *parcel*, which takes at most as long as `WEBHOOK_SECONDS` or `COMMAND_SECONDS`.

        Raises:
            NotDelivered: The target did not take it.
            TargetGone: It wants no more.
        """
        if parcel.command:
            self.commands.run(parcel)
        else:
            self.webhooks.post(parcel)
