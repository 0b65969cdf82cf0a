"""What the server remembers about updates, as texts in the table of settings."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cictl.installation.versions import find_tag
from cictl.wire.admin.updates import UpdateKey
from cictl_server.services.fleet.targets import AGENT_UPDATE_TARGET
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.settings import SettingRecord

ADOPTED = "adopted_update_result"
"""The setting with the time of the last updater result that was taken over. It is internal and never shown."""

UNFINISHED = ("running", "staged")
"""What `UpdateKey.STATUS` is while an update is not over."""

_SHOWN = "update_"
_OF_ALL = (AGENT_UPDATE_TARGET, UpdateKey.RELOAD_PENDING, UpdateKey.RELOAD_MESSAGE)
"""What all servers on the same data share: the agents and the projects are those of all."""


def place_of(directory: Path) -> str:
    """Return what tells the installation with this data directory from those of other servers, also after a restart."""
    where = f"{socket.gethostname()}:{directory.absolute()}"
    return hashlib.sha256(where.encode()).hexdigest()[:12]


class UpdateBook(msgspec.Struct, frozen=True, kw_only=True):
    """Reads and writes the settings about updates of one server. Each call is a transaction.

    Attributes:
        place: Whose they are, by `place_of`; empty for a server that is alone.
    """

    store: Store
    place: str = ""

    def find(self, key: str) -> str:
        """Return a text; empty if there is none."""
        record = self.store.look(lambda view: view.settings.find(self._stored(key)))
        return record.value if record else ""

    def shown(self) -> dict[str, str]:
        """Return the settings about updates that clients may see."""
        with self.store.read() as view:
            settings = {record.key: record.value for record in view.settings.iter_all()}
        names = {stored.partition("@")[0] for stored in settings}
        shown = {name: settings.get(self._stored(name)) for name in names if name.startswith(_SHOWN) or name in _OF_ALL}
        return {name: value for name, value in shown.items() if value is not None}

    def of(self, place: str) -> UpdateBook:
        """Return the book of another server."""
        return UpdateBook(store=self.store, place=place)

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
                tx.settings.put(SettingRecord(key=self._stored(key), value=value))
            for key in cleared:
                tx.settings.delete(self._stored(key))
            if latest and self._is_news(tx, latest):
                tx.settings.put(SettingRecord(key=self._stored(UpdateKey.LATEST), value=latest))

        self.store.write(change)

    def _is_news(self, tx: Transaction, version: str) -> bool:
        known = tx.settings.find(self._stored(UpdateKey.LATEST))
        old, new = find_tag(known.value if known else ""), find_tag(version)
        return new is not None and (old is None or new > old)

    def _stored(self, key: str) -> str:
        """Return the key of the setting for *key*."""
        return key if key in _OF_ALL or not self.place else f"{key}@{self.place}"
