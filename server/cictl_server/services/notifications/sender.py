"""One way to send a parcel, whatever its target is."""

from __future__ import annotations

import msgspec

from cictl_server.services.notifications.commands import Commands
from cictl_server.services.notifications.parcels import Parcel
from cictl_server.services.notifications.webhooks import Webhooks


class Sender(msgspec.Struct, frozen=True, kw_only=True):
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
