"""Who holds the connections of a server, and who leaves when there are too many."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import chain
from operator import itemgetter
from typing import Protocol

_CHOSEN_AT_ONCE = 64
"""So many that may leave are chosen in one look at all: in a crowd each newcomer would cost a look of its own."""

Rank = tuple[bool, float]


class Holder(Protocol):
    """A connection, as far as its place goes."""

    @property
    def address(self) -> str:
        """The address of its client."""

    @property
    def is_silent(self) -> bool:
        """Whether it can be closed without harm."""

    @property
    def rank(self) -> Rank:
        """Who leaves first: the lowest."""

    def close_now(self) -> None:
        """Close it, which gives its place back."""


class Places:
    """The places of one server. For the thread of its loop alone."""

    def __init__(self, *, of_peer: int, of_all: int) -> None:
        """Hold so many connections from one address, and so many in all."""
        self._of_peer = of_peer
        self._of_all = of_all
        self._taken = 0
        self._holders: dict[str, set[Holder]] = {}
        self._leaving: dict[str, list[tuple[Rank, Holder]]] = {}
        """Those of an address that leave next, the first of them last; "" stands for all addresses."""

    def take(self, newcomer: Holder) -> None:
        """Give *newcomer* a place. If there is none, close one of a silent client for it; the newcomer if nobody else is silent."""
        address = newcomer.address
        of_peer = self._holders.setdefault(address, set())
        of_peer.add(newcomer)
        self._taken += 1
        if len(of_peer) > self._of_peer:
            (self._most_silent(address, of_peer, newcomer) or newcomer).close_now()
        elif self._taken > self._of_all:
            (self._most_silent("", self._everybody(), newcomer) or newcomer).close_now()

    def make_room(self) -> bool:
        """Close the connection of a silent client. Return false if nobody is silent."""
        holder = self._most_silent("", self._everybody())
        if holder is not None:
            holder.close_now()
        return holder is not None

    def give_back(self, holder: Holder) -> None:
        """Take the place of *holder* back. Doing so twice is fine."""
        of_peer = self._holders.get(holder.address, set())
        if holder not in of_peer:
            return
        of_peer.remove(holder)
        self._taken -= 1
        if not of_peer:
            del self._holders[holder.address]
            self._leaving.pop(holder.address, None)

    def _everybody(self) -> Iterable[Holder]:
        return chain.from_iterable(self._holders.values())

    def _most_silent(self, name: str, crowd: Iterable[Holder], newcomer: Holder | None = None) -> Holder | None:
        """Return who of *crowd* leaves first, none of them the newcomer; None if nobody is silent."""
        found = self._still_silent(name)
        if found is None:
            silent = ((holder.rank, holder) for holder in crowd if holder is not newcomer and holder.is_silent)
            first = heapq.nsmallest(_CHOSEN_AT_ONCE, silent, key=itemgetter(0))
            self._leaving[name] = first[::-1]
            found = self._still_silent(name)
        return found

    def _still_silent(self, name: str) -> Holder | None:
        """Return the first of those that were chosen, and have neither asked nor left since."""
        chosen = self._leaving.get(name, [])
        while chosen:
            rank, holder = chosen.pop()
            if holder in self._holders.get(holder.address, ()) and holder.is_silent and holder.rank == rank:
                return holder
        return None
