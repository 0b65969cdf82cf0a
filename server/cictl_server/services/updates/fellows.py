"""The updates of the other servers on the same data. Each of them updates itself alone, from an installation of its own."""

from __future__ import annotations

import msgspec

from cictl.installation.versions import find_tag
from cictl.wire.admin.updates import ServerUpdates, UpdateKey
from cictl_server.services.updates.book import UpdateBook
from cictl_server.signals.contract import Signals
from cictl_server.signals.fellows import Fellows


class Place(msgspec.Struct, frozen=True):
    """Where a server keeps its settings about updates."""

    place: str


class UpdatingFellows:
    """Knows whose settings are whose."""

    def __init__(self, signals: Signals, book: UpdateBook) -> None:
        self._fellows = Fellows(signals, "updates", Place)
        self._book = book

    @property
    def any(self) -> bool:
        """Whether other servers do the work while this one is updated."""
        return bool(self._fellows.others())

    def follow(self) -> None:
        """Tell the others where this server keeps its settings. Each server does so now and then."""
        self._fellows.tell(Place(self._book.place))

    def run(self, version: str) -> bool:
        """Tell whether all others run this version or a newer one, as far as their versions can be compared."""
        wanted = find_tag(version)
        running = [find_tag(member.version) for member, _ in self._fellows.others()]
        return not any(tag is not None and wanted is not None and tag < wanted for tag in running)

    def shown(self) -> list[ServerUpdates]:
        """Return what is known of the updates of each."""
        return [
            ServerUpdates(
                instance_id=member.instance_id,
                name=member.name,
                status=self._book.of(told.place).shown() | {UpdateKey.CURRENT: member.version},
            )
            for member, told in self._fellows.others()
        ]
