"""What the server remembers of updates: texts by name, in the table of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cictl.installation.versions import find_tag
from cictl.wire.updates import UpdateKey
from cictl_server.services.fleet.targets import AGENT_UPDATE_TARGET
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records import SettingRecord

ADOPTED = "adopted_update_result"
"""The instant of the last result of an updater that was taken over; nobody else's business."""

_SHOWN = "update_"


@dataclass(frozen=True, kw_only=True)
class UpdateBook:
    """Reads and writes those settings, each call in a transaction of its own."""

    store: Store

    def find(self, key: str) -> str:
        """Return a text, empty where there is none."""
        with self.store.read() as view:
            record = view.settings.find(key)
        return record.value if record else ""

    def shown(self) -> dict[str, str]:
        """Return what everybody may see: not every setting that the server has."""
        with self.store.read() as view:
            return {
                record.key: record.value
                for record in view.settings.iter_all()
                if record.key.startswith(_SHOWN) or record.key == AGENT_UPDATE_TARGET
            }

    def write(self, changes: Mapping[str, str], *, latest: str = "", cleared: tuple[str, ...] = ()) -> None:
        """Remember *changes* and forget the *cleared* ones, all or nothing. The message of a status is kept beside it.

        Args:
            latest: A version that exists; it becomes the latest one known if it is the newest heard of.
        """
        if UpdateKey.STATUS in changes:
            changes = {**changes, UpdateKey.REASON: changes[UpdateKey.MESSAGE]}
        with self.store.write() as tx:
            for key, value in changes.items():
                tx.settings.put(SettingRecord(key=key, value=value))
            for key in cleared:
                tx.settings.delete(key)
            if latest and _is_news(tx, latest):
                tx.settings.put(SettingRecord(key=UpdateKey.LATEST, value=latest))


def _is_news(tx: Transaction, version: str) -> bool:
    known = tx.settings.find(UpdateKey.LATEST)
    old, new = find_tag(known.value if known else ""), find_tag(version)
    return new is not None and (old is None or new > old)
