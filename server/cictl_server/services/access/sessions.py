"""Who is logged in with a browser: in memory, or on a board that passes, of which no backup of the data has anything."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import msgspec

from cictl_server.services.access.token_format import digest_of
from cictl_server.signals.contract import Board, Signals

LIFETIME = timedelta(hours=12)
"""How long somebody stays logged in, whether they do anything or not."""

MOST_OF_TOKEN = 100
"""Past so many sessions of one token its oldest one ends, so that nobody fills the memory or ends those of others."""

_ID_BYTES = 32


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in.

    Attributes:
        digest: SHA-256 of its id, in hex. Only the browser has the id.
        token_id: The token that was pasted.
        token_digest: That of the secret of this token; one that was rotated has another.
        expires: At this instant it is over.
    """

    digest: str
    token_id: int
    token_digest: str
    expires: datetime


class Sessions:
    """The log-ins that are not over, by the digest of their ids. With several servers each of them knows who is logged in.

    Raises:
        StoreError: By every method: other servers can't be told or asked.
    """

    def __init__(self, signals: Signals) -> None:
        self._board: Board[Session] = signals.board("sessions", Session, is_lasting=False)

    def begin(self, *, token_id: int, token_digest: str, now: datetime) -> str:
        """Log in the holder of a token, and return the id of the session, which is kept nowhere."""
        session_id = secrets.token_urlsafe(_ID_BYTES)
        session = Session(
            digest=digest_of(session_id), token_id=token_id, token_digest=token_digest, expires=now + LIFETIME
        )
        self._make_room(token_id, now)
        self._board.change(session.digest, lambda _: (session, None))
        return session_id

    def find(self, session_id: str, now: datetime) -> Session | None:
        """Return the session with this id; None if it is unknown or over."""
        return self.find_by_digest(digest_of(session_id), now)

    def find_by_digest(self, digest: str, now: datetime) -> Session | None:
        """Return the session whose id has this digest; None if it is unknown or over.

        One that another server has just begun is found. One that another server has ended may be found for two seconds more.
        """
        session = self._board.fetch(digest)
        return session if session is not None and now < session.expires else None

    def end(self, session_id: str) -> None:
        """Log out. That the session was unknown or over is success."""
        if session_id:
            self._board.remove(digest_of(session_id))

    def _make_room(self, token_id: int, now: datetime) -> None:
        """Forget what is over, and the oldest sessions of a token that has too many."""
        known = sorted(self._board.states().values(), key=lambda session: session.expires)
        over = [session for session in known if session.expires <= now]
        of_token = [session for session in known if session.token_id == token_id and now < session.expires]
        for session in (*over, *of_token[: max(0, len(of_token) - MOST_OF_TOKEN + 1)]):
            self._board.remove(session.digest)
