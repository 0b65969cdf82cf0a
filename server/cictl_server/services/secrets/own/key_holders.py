"""Which of the servers on the same data has which keys. Of a key its id is told, which is the beginning of its digest."""

from __future__ import annotations

import logging

import msgspec

from cictl_server.errors import Conflict
from cictl_server.services.secrets.own.sealing import VARIABLE, BadSealingKey, KeyRing
from cictl_server.signals.contract import Member, Signals
from cictl_server.signals.fellows import Fellows
from cictl_server.store.contract import Store, View

logger = logging.getLogger(__name__)


class KeyIds(msgspec.Struct, frozen=True):
    """The ids of the keys of one server."""

    ids: tuple[str, ...]


class KeyHolders:
    """Keeps servers that share their data from sealing with different keys.

    Attributes:
        problem: Which key this server lacks that another one has, and what to do; empty if it can open what they sealed.
    """

    def __init__(self, *, store: Store, ring: KeyRing, signals: Signals) -> None:
        self._store = store
        self._ring = ring
        self._is_shared = signals.is_shared
        self._fellows = Fellows(signals, "secret_keys", KeyIds)
        self.problem = ""

    def look(self) -> None:
        """Tell the others which keys are here, and see whether they have one that is needed here. Each server does so now and then."""
        if not self._is_shared:
            return
        self._fellows.tell(KeyIds(self._own_ids()))
        with self._store.read() as view:
            foreign = self._foreign(view)
        found = next((_lacking(key_id, where) for key_id in foreign if (where := self.holder(key_id))), "")
        if found and found != self.problem:
            logger.error("secrets can't be opened here: %s", found)
        self.problem = found

    def holder(self, key_id: str) -> str:
        """Return the name of another living server that has this key; empty if none has."""
        return next((member.name for member, keys in self._fellows.others() if key_id in keys.ids), "")

    def check_sealing(self, view: View, *, but: int = 0) -> None:
        """Return if a value may be sealed with the keys that are here.

        A server that is alone may always do so: if its key is lost, its secrets are set anew one by one.

        Args:
            but: The id of the secret that gets another value.

        Raises:
            Conflict: Other servers may work on this data, and there are secrets that they can open and this one can't.
        """
        foreign = self._foreign(view, but=but) if self._is_shared else []
        if foreign:
            raise Conflict(
                f"secrets are sealed with key {foreign[0]}, which is neither in {self._ring.path} nor in {VARIABLE}",
                hint=f"{_same_keys(self.holder(foreign[0]))}; if that key is lost, remove what it sealed: `cictl secrets remove`",
            )

    def check_rotation(self) -> None:
        """Return if all other servers will be able to open what is sealed with the new key.

        Raises:
            Conflict: Some have not got it.
        """
        others = self._fellows.others()
        if others and not self._ring.is_given:
            raise Conflict(
                f"the key is in a file here, and {_names([member for member, _ in others])} would not get the new one",
                hint=f"set {VARIABLE} of all servers to a new key, a blank, and the key of that file; restart them; then rotate",
            )
        new = self._own_ids()[:1]
        lacking = [member for member, keys in others if not set(new) <= set(keys.ids)]
        if lacking:
            raise Conflict(
                f"the new key {new[0]} is not in {VARIABLE} of {_names(lacking)}",
                hint="put it before the old one there too, and restart; then rotate",
            )

    def _own_ids(self) -> tuple[str, ...]:
        try:
            keys = self._ring.keys()
        except BadSealingKey:
            return ()
        return tuple(key.id for key in keys)

    def _foreign(self, view: View, *, but: int = 0) -> list[str]:
        """Return the ids of the keys that sealed secrets and are not here."""
        known = self._own_ids()
        return sorted({one.key_id for one in view.secrets.iter_all() if one.id != but and one.key_id not in known})


def _lacking(key_id: str, where: str) -> str:
    return f"some are sealed with key {key_id}, which {where} has and this server has not; {_same_keys(where)}"


def _same_keys(where: str) -> str:
    source = f"those of {where}" if where else "those of the server that sealed them"
    return f"give all servers the same keys by {VARIABLE}, {source}, and restart"


def _names(members: list[Member]) -> str:
    return ", ".join(member.name for member in members)
