"""Whether the servers on the same data are set alike."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec

from cictl_server.signals.contract import Member, Signals
from cictl_server.signals.fellows import Fellows

logger = logging.getLogger(__name__)


class SharedSettings(msgspec.Struct, frozen=True):
    """The settings of one server that all should have alike, as texts by their options."""

    values: dict[str, str]


class Agreement:
    """Compares the settings of this server with those of the others.

    Each server obeys its own, so where they differ it depends on the server that is asked, or that leads, what a limit is or
    whether a token is wanted.
    """

    def __init__(self, signals: Signals, values: Mapping[str, str]) -> None:
        self._fellows = Fellows(signals, "settings", SharedSettings)
        self._own = SharedSettings(dict(values))
        self._told: set[tuple[str, str]] = set()

    def follow(self) -> None:
        """Tell the others how this server is set, and log each difference once. Each server does so now and then."""
        self._fellows.tell(self._own)
        for member, other in self._fellows.others():
            for option in self._differing(other):
                self._warn(member, option, other)

    def differing(self) -> dict[str, list[str]]:
        """Return the options in which each other server differs from this one, by its instance id; none where all agree."""
        found = {member.instance_id: self._differing(other) for member, other in self._fellows.others()}
        return {instance_id: options for instance_id, options in found.items() if options}

    def _differing(self, other: SharedSettings) -> list[str]:
        """Return the options that both know, a server of another version may have others, and that differ."""
        both = sorted(self._own.values.keys() & other.values.keys())
        return [option for option in both if self._own.values[option] != other.values[option]]

    def _warn(self, member: Member, option: str, other: SharedSettings) -> None:
        if (member.instance_id, option) in self._told:
            return
        self._told.add((member.instance_id, option))
        logger.warning(
            "servers are set differently: %s is %s here, and %s at %s (%s); start all of them with the same",
            option,
            self._own.values[option] or "unset",
            other.values[option] or "unset",
            member.name,
            member.instance_id[:8],
        )
