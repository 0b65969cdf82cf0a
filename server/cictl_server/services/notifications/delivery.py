"""Bringing notifications to their targets: in the order of each target, again and again until it takes them."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from cictl.base.backoff import Backoff
from cictl.base.clock import Clock
from cictl.wire.notifications import NotificationBody, NotificationState
from cictl.wire.pages import run_page
from cictl_server.services.notifications.commands import COMMAND_SECONDS
from cictl_server.services.notifications.parcels import NotDelivered, Parcel, TargetGone
from cictl_server.services.notifications.sender import Sender
from cictl_server.services.notifications.webhooks import WEBHOOK_SECONDS
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.notifications import NotificationRecord

GIVEN_UP_AFTER = timedelta(hours=24)
"""How long after the end of its run a notification is tried."""

KEPT = 10_000
"""How many of the newest notifications are kept. Of the older ones only those that wait are."""

_CLAIM = timedelta(seconds=max(WEBHOOK_SECONDS, COMMAND_SECONDS) + 10)
"""How long nobody else tries what is being tried. It is more than an attempt takes."""

_BACKOFF = Backoff(first=2.0, most=300.0)
_LONGEST_PAUSE = timedelta(seconds=_BACKOFF.most)
_PRUNED_AT_ONCE = 500

logger = logging.getLogger(__name__)


class DeliveryService(msgspec.Struct, frozen=True, kw_only=True):
    """Tries notifications. Each attempt is noted before and after it, so that none is lost, and none is sent by two servers.

    Attributes:
        base_url: What the URLs of runs begin with.
    """

    store: Store
    sender: Sender
    clock: Clock
    base_url: str

    def due(self) -> list[NotificationRecord]:
        """Return what is to be tried now, at most one for each target, those first that were tried least often."""
        now = self.clock()
        with self.store.read() as view:
            found = [record for record in view.notifications.heads() if _is_due(record, now)]
        return sorted(found, key=lambda record: (record.attempts, record.id))

    def attempt(self, number: int) -> None:
        """Try one notification, unless somebody else does or it is not due."""
        record = self.store.write(lambda tx: self._claim(tx, number))
        if record is None:
            return
        try:
            self.sender.send(_parcel(record, self.base_url))
        except TargetGone as error:
            reason = str(error)
            self.store.write(lambda tx: self._end_target(tx, record, reason))
            logger.warning("target of notifications is gone project=%s notification=%s", record.project, record.id)
        except NotDelivered as error:
            reason = str(error)
            self.store.write(lambda tx: self._postpone(tx, record, reason))
            logger.info("notification failed id=%s attempts=%s: %s", record.id, record.attempts, reason)
        else:
            self.store.write(
                lambda tx: tx.notifications.put(record.over(NotificationState.DELIVERED, now=self.clock()))
            )
            logger.info("notification delivered id=%s attempts=%s", record.id, record.attempts)

    def prune(self) -> None:
        """Remove the oldest ones that are over."""
        while self.store.write(_pruned):
            pass

    def _claim(self, tx: Transaction, number: int) -> NotificationRecord | None:
        """Return the notification as it is tried now; None if it is not to be tried."""
        now, record = self.clock(), tx.notifications.find(number)
        if record is None or not record.waits or not _is_due(record, now):
            return None
        claimed = replace(record, attempts=record.attempts + 1, next_attempt=now + _CLAIM)
        tx.notifications.put(claimed)
        return claimed

    def _postpone(self, tx: Transaction, record: NotificationRecord, reason: str) -> None:
        now = self.clock()
        next_attempt = now + timedelta(seconds=_BACKOFF.after(record.attempts))
        if next_attempt >= record.created + GIVEN_UP_AFTER:
            tx.notifications.put(record.over(NotificationState.GIVEN_UP, now=now, error=reason))
        else:
            tx.notifications.put(replace(record, next_attempt=next_attempt, error=reason))

    def _end_target(self, tx: Transaction, record: NotificationRecord, reason: str) -> None:
        """Give up everything for the target, now and later."""
        for waiting in tx.notifications.waiting_in(record.queue):
            current = record if waiting.id == record.id else waiting
            tx.notifications.put(current.over(NotificationState.GIVEN_UP, now=self.clock(), error=reason))
        project = tx.projects.find(record.project_id)
        if project is not None and record.target not in project.ended_targets:
            tx.projects.put(replace(project, ended_targets=[*project.ended_targets, record.target]))


def _is_due(record: NotificationRecord, now: datetime) -> bool:
    """Tell whether *record* may be tried. An instant that is further away than any pause is one of a clock that was set back."""
    return record.next_attempt is None or not now < record.next_attempt <= now + _LONGEST_PAUSE


def _parcel(record: NotificationRecord, base_url: str) -> Parcel:
    body = NotificationBody(
        type=record.type,
        project=record.project,
        pipeline=record.pipeline,
        branch=record.branch,
        run=record.run,
        status=record.status,
        previous=record.previous or "",
        url=base_url + run_page(record.run),
    )
    return Parcel(
        message_id=record.message_id,
        body=body,
        project_id=record.project_id,
        webhook=record.webhook,
        secret_env=record.secret_env,
        command=record.command,
    )


def _pruned(tx: Transaction) -> bool:
    """Remove some of what need not be kept, and tell whether there may be more."""
    old = tx.notifications.newest_first(before=tx.notifications.last_id() - KEPT + 1)
    over = [record.id for record, _ in zip((r for r in old if not r.waits), range(_PRUNED_AT_ONCE), strict=False)]
    for number in over:
        tx.notifications.delete(number)
    return len(over) == _PRUNED_AT_ONCE
