"""What the request that a thread answers is about to do, as the audit will tell it.

Whoever answers a request that changes something notes its deed; the audit writes it down (`services/audit`). Services that
know more add to it what they made, or a detail. Where nobody noted a deed, as in the server's own work, adding does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from cictl.base.urls import without_user_infos
from cictl.wire.audit.records import (
    MOST_DETAILS,
    ActorKind,
    AuditAction,
    AuditActor,
    AuditOrigin,
    AuditTarget,
    TargetKind,
)

_LONGEST = 200
"""Characters of a name or a detail that are kept."""
_MOST_TARGETS = 20
_TOKEN = re.compile(r"cictl_[a-z]_[0-9A-Za-z]{8,}")


class Deed(msgspec.Struct, kw_only=True):
    """One thing that somebody asks of the server.

    Attributes:
        awaits: What the deed makes. It is written down in the transaction in which a service says what it made; without
            it, in the first one that changes something.
        is_told_at_end: It takes more than a transaction, so it is written down once it is known how it went.
        is_recorded: Whether the audit has it, or there is nothing to tell.
    """

    actor: AuditActor
    action: str
    origin: AuditOrigin
    method: str = ""
    path: str = ""
    request_id: str = ""
    awaits: TargetKind | None = None
    targets: list[AuditTarget] = msgspec.field(default_factory=list)
    details: dict[str, str] = msgspec.field(default_factory=dict)
    is_told_at_end: bool = False
    is_recorded: bool = False

    @property
    def is_ripe(self) -> bool:
        """Whether a transaction may write it down."""
        if self.is_recorded or self.is_told_at_end:
            return False
        return self.awaits is None or any(target.kind == self.awaits for target in self.targets)

    def note_recorded(self) -> None:
        self.is_recorded = True

    def add_target(self, kind: TargetKind, target_id: object, name: str = "") -> None:
        target = AuditTarget(kind=kind, id=harmless(str(target_id)), name=harmless(name))
        if target not in self.targets and len(self.targets) < _MOST_TARGETS:
            self.targets.append(target)

    def add_details(self, details: dict[str, object]) -> None:
        for key, value in details.items():
            if value not in ("", None) and len(self.details) < MOST_DETAILS:
                self.details[key] = harmless(str(value))


_present: ContextVar[Deed | None] = ContextVar("deed", default=None)


def begin_deed(deed: Deed | None) -> None:
    """Say what this thread is about to do; None when that is over."""
    _present.set(deed)


def present_deed() -> Deed | None:
    return _present.get()


@contextmanager
def deed_of_system(action: AuditAction, *, awaits: TargetKind | None = None, name: str = "") -> Iterator[Deed]:
    """Let the block's first transaction tell that the server itself did something, or who works in its data directory."""
    deed = Deed(actor=AuditActor(kind=ActorKind.SYSTEM, name=name), action=action, origin=AuditOrigin(), awaits=awaits)
    before = _present.set(deed)
    try:
        yield deed
    finally:
        _present.reset(before)


def actor_name() -> str:
    """Return the name of whoever asked for what this thread does; empty if nobody was authenticated."""
    deed = _present.get()
    return deed.actor.name if deed else ""


def note_made(kind: TargetKind, target_id: object, name: str = "", **details: object) -> None:
    """Add to the present deed what it made or changed, and details of it; empty ones are left out."""
    if deed := _present.get():
        deed.add_target(kind, target_id, name)
        deed.add_details(details)


def note_details(**details: object) -> None:
    """Add short details to the present deed, none of them secret; empty ones are left out."""
    if deed := _present.get():
        deed.add_details(details)


def note_actor(kind: ActorKind, actor_id: object, name: str, *, role: str) -> None:
    """Say who carries out the present deed, where it is not who sent the request by its header."""
    if deed := _present.get():
        deed.actor = AuditActor(kind=kind, id=str(actor_id), name=harmless(name), role=role)


def note_nothing() -> None:
    """Say that the present deed changed nothing, and is not to be told unless it fails."""
    if deed := _present.get():
        deed.note_recorded()


def note_action(action: str) -> None:
    """Say what the present deed is, where the path alone does not tell."""
    if deed := _present.get():
        deed.action = action


def mark_notes() -> Callable[[], None]:
    """Return a function that takes the present deed back to what is noted of it now.

    A transaction that has to run again may make something else, so what its first run noted must not stay.
    """
    deed = _present.get()
    if deed is None:
        return lambda: None
    actor, action, targets, details = deed.actor, deed.action, list(deed.targets), dict(deed.details)

    def take_back() -> None:
        deed.actor, deed.action, deed.targets, deed.details = actor, action, list(targets), dict(details)

    return take_back


def harmless(text: str, *, longest: int = _LONGEST) -> str:
    """Return *text* on one line, without tokens, user info of URLs and control characters, and not too long."""
    shown = _TOKEN.sub("***", without_user_infos(text))
    if not shown.isprintable():
        shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in shown)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
