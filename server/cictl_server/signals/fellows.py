"""What each server tells the others of itself, for as long as it lives."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from cictl_server.signals.contract import Member, Signals

T = TypeVar("T", bound=msgspec.Struct)


class Fellows(Generic[T]):
    """One struct of each server on the same data. A server that is alone has no fellows."""

    def __init__(self, signals: Signals, name: str, type_: type[T]) -> None:
        """Tell nothing yet.

        Args:
            name: The name of the board that it is told on; use it once.
        """
        self._members = signals.members
        self._board = signals.board(name, type_, is_lasting=False)

    def tell(self, state: T) -> None:
        """Let the others know *state* within about two seconds. Cheap if they know it already.

        Raises:
            StoreError: They can't be told.
        """
        own = self._members.own.instance_id
        if self._board.find(own) == state:
            return
        listed = {member.instance_id for member in self._members.all()}
        for ended in self._board.states().keys() - listed - {own}:
            self._board.remove(ended)
        self._board.change(own, lambda _: (state, None))

    def others(self) -> list[tuple[Member, T]]:
        """Return the other servers that live and have told something, by their start."""
        states, own = self._board.states(), self._members.own.instance_id
        return [
            (member, states[member.instance_id])
            for member in self._members.all()
            if member.instance_id != own and member.instance_id in states and self._members.is_alive(member.instance_id)
        ]
