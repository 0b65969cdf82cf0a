"""Notifications: whom the server tells that a run has ended. What is to be told is written by `history.results`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cictl_server.services.core import Core
from cictl_server.services.notifications.commands import Commands
from cictl_server.services.notifications.couriers import Couriers
from cictl_server.services.notifications.delivery import DeliveryService
from cictl_server.services.notifications.notifications import NotificationService
from cictl_server.services.notifications.sender import Sender
from cictl_server.services.notifications.signing import SigningSecrets
from cictl_server.services.notifications.webhooks import Webhooks
from cictl_server.services.secrets import Secrets


class NotificationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator of a server allows.

    Attributes:
        allows_http: Targets may be on this machine, and without TLS.
        commands: The programs that project files may name, by name.
    """

    allows_http: bool = False
    commands: Mapping[str, Path] = msgspec.field(default_factory=dict)


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    notifications: NotificationService
    delivery: DeliveryService
    couriers: Couriers

    @classmethod
    def build(cls, core: Core, secrets: Secrets, *, settings: NotificationSettings, base_url: str) -> Notifications:
        sender = Sender(
            webhooks=Webhooks(
                secrets=SigningSecrets(store=core.store, own=secrets.own, environment=os.environ),
                allows_http=settings.allows_http,
                clock=core.clock,
                user_agent=f"cictl/{core.version}",
            ),
            commands=Commands(settings.commands),
        )
        delivery = DeliveryService(store=core.store, sender=sender, clock=core.clock, base_url=base_url)
        return cls(
            notifications=NotificationService(store=core.store, sender=sender),
            delivery=delivery,
            couriers=Couriers(delivery),
        )
