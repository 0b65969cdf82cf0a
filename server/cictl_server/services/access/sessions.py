"""Who is logged in with a browser. In memory only: no file, backup or export has anything of it."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from cictl_server.services.access.token_format import digest_of

LIFETIME = timedelta(hours=12)
"""How long somebody stays logged in, whether they do anything or not."""

MOST_OF_TOKEN = 100
"""Past so many sessions of one token its oldest one ends, so that nobody fills the memory or ends those of others."""

_ID_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Session:
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
    """The log-ins that are not over, by the digest of their ids."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, *, token_id: int, token_digest: str, now: datetime) -> str:
        """Log in the holder of a token, and return the id of the session, which is kept nowhere."""
        session_id = secrets.token_urlsafe(_ID_BYTES)
        session = Session(
            digest=digest_of(session_id), token_id=token_id, token_digest=token_digest, expires=now + LIFETIME
        )
        with self._lock:
            self._make_room(token_id, now)
            self._sessions[session.digest] = session
        return session_id

    def find(self, session_id: str, now: datetime) -> Session | None:
        """Return the session with this id; None if it is unknown or over."""
        return self.find_by_digest(digest_of(session_id), now)

    def find_by_digest(self, digest: str, now: datetime) -> Session | None:
        """Return the session whose id has this digest; None if it is unknown or over."""
        session = self._sessions.get(digest)
        return session if session is not None and now < session.expires else None

    def end(self, session_id: str) -> None:
        """Log out. That the session was unknown or over is success."""
        with self._lock:
            self._sessions.pop(digest_of(session_id), None)

    def _make_room(self, token_id: int, now: datetime) -> None:
        """Forget what is over, and the oldest sessions of a token that has too many."""
        self._sessions = {digest: s for digest, s in self._sessions.items() if now < s.expires}
        of_token = [digest for digest, s in self._sessions.items() if s.token_id == token_id]
        for digest in of_token[: max(0, len(of_token) - MOST_OF_TOKEN + 1)]:
            del self._sessions[digest]
