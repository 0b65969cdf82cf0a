"""What the server remembers of updates: texts by name, in the table of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cictl.installation.versions import find_tag
from cictl_server.services.fleet.targets import AGENT_UPDATE_TARGET
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records import SettingRecord

CURRENT = "update_current_version"
LATEST = "update_latest_version"
AVAILABLE = "update_available"
RELEASE_URL = "update_release_url"
ASSET_NAME = "update_asset_name"
LAST_CHECKED = "update_last_checked_utc"
MESSAGE = "update_message"
APPLIED = "update_last_apply_utc"
STATUS = "update_last_apply_status"
REASON = "update_last_apply_message"
"""What `MESSAGE` was with the last status; a later look for releases, or a restart, writes over that one."""
TARGET = "update_target_version"
RELOAD_PENDING = "update_reload_projects_pending"
RELOAD_MESSAGE = "update_reload_message"

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
        if STATUS in changes:
            changes = {**changes, REASON: changes[MESSAGE]}
        with self.store.write() as tx:
            for key, value in changes.items():
                tx.settings.put(SettingRecord(key=key, value=value))
            for key in cleared:
                tx.settings.delete(key)
            if latest and _is_news(tx, latest):
                tx.settings.put(SettingRecord(key=LATEST, value=latest))


def _is_news(tx: Transaction, version: str) -> bool:
    known = tx.settings.find(LATEST)
    old, new = find_tag(known.value if known else ""), find_tag(version)
    return new is not None and (old is None or new > old)
