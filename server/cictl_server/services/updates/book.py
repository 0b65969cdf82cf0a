"""What the server remembers about updates, as texts in the table of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cictl.installation.versions import find_tag
from cictl.wire.updates import UpdateKey
from cictl_server.services.fleet.targets import AGENT_UPDATE_TARGET
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records import SettingRecord

ADOPTED = "adopted_update_result"
"""The setting with the time of the last updater result that was taken over. It is internal and never shown."""

_SHOWN = "update_"


@dataclass(frozen=True, kw_only=True)
class UpdateBook:
    """Reads and writes the settings about updates. Each call is a transaction."""

    store: Store

    def find(self, key: str) -> str:
        """Return a text; empty if there is none."""
        with self.store.read() as view:
            record = view.settings.find(key)
        return record.value if record else ""

    def shown(self) -> dict[str, str]:
        """Return the settings about updates that clients may see."""
        with self.store.read() as view:
            return {
                record.key: record.value
                for record in view.settings.iter_all()
                if record.key.startswith(_SHOWN) or record.key == AGENT_UPDATE_TARGET
            }

    def write(self, changes: Mapping[str, str], *, latest: str = "", cleared: tuple[str, ...] = ()) -> None:
        """Store *changes* and delete the *cleared* ones, all or nothing.

        With a status its message is also stored as `UpdateKey.REASON`, because later messages overwrite `UpdateKey.MESSAGE`.

        Args:
            latest: A version that exists. It becomes the latest known one if it is newer than that.
        """
        if UpdateKey.STATUS in changes:
            changes = {**changes, UpdateKey.REASON: changes[UpdateKey.MESSAGE]}

        def change(tx: Transaction) -> None:
            for key, value in changes.items():
                tx.settings.put(SettingRecord(key=key, value=value))
            for key in cleared:
                tx.settings.delete(key)
            if latest and _is_news(tx, latest):
                tx.settings.put(SettingRecord(key=UpdateKey.LATEST, value=latest))

        self.store.write(change)


def _is_news(tx: Transaction, version: str) -> bool:
    known = tx.settings.find(UpdateKey.LATEST)
    old, new = find_tag(known.value if known else ""), find_tag(version)
    return new is not None and (old is None or new > old)
