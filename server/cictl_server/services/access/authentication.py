"""Whether the server asks for tokens, and whose token one is."""

from __future__ import annotations

import contextlib
import hmac
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NoReturn

from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.wire.admin.access import Role
from cictl.wire.audit.records import ActorKind
from cictl_server.errors import Forbidden, RateLimited, StoreError, Unauthenticated
from cictl_server.services.access.attempts import Attempts
from cictl_server.services.access.guests import Guests
from cictl_server.services.access.known_tokens import KnownTokens
from cictl_server.services.access.principal import GUEST, Principal
from cictl_server.services.access.sessions import Sessions
from cictl_server.services.access.token_format import digest_of, is_of_job, new_secret
from cictl_server.services.core.deeds import note_actor, note_nothing
from cictl_server.services.core.hub import Hub
from cictl_server.signals.topics import TOKENS
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.settings import TokenRecord

_USE_IS_NOTED_EVERY = timedelta(hours=1)
"""A use is a write to the disk, so not every one can be."""


_JOB_IS_OVER = "the token of a job counts only while the job runs"


class Policy(Enum):
    """When a server asks for tokens."""

    OPEN_AT_FIRST = auto()
    """Once there is one: on loopback."""
    ALWAYS = auto()
    """On an address that other machines reach."""
    NEVER = auto()
    """With `--no-auth`."""


class AuthenticationService:
    """Every request pays for what is done here, so that must stay at microseconds."""

    def __init__(
        self,
        *,
        store: Store,
        hub: Hub,
        clock: Clock,
        policy: Policy,
        attempts: Attempts,
        sessions: Sessions,
        has_guests: bool = False,
    ) -> None:
        """Authenticate against *store*.

        Args:
            has_guests: Who has no token may read what a viewer may.
        """
        self._store = store
        self._news = hub.news(TOKENS)
        self._tokens = KnownTokens(store=store, hub=hub, clock=clock)
        self._clock = clock
        self._attempts = attempts
        self._sessions = sessions
        self._guests = Guests() if has_guests else None
        self._is_on = policy is Policy.ALWAYS
        self._may_go_on = policy is Policy.OPEN_AT_FIRST

    @property
    def is_on(self) -> bool:
        """Whether callers must have a token. Revoked and expired tokens turn it on too, and no token is ever removed."""
        if self._may_go_on and not self._is_on and self._news.is_set():
            self._is_on = self._has_tokens()
        return self._is_on

    def _has_tokens(self) -> bool:
        """Look whether there is a token, which each request would have to do if the first one were not told of."""
        self._news.clear()
        try:
            return self._store.look(lambda view: view.tokens.count() > 0)
        except BaseException:
            self._news.set()
            raise

    def find(self, secret: str) -> Principal | None:
        """Return the holder of the token *secret*; None if it does not count. Nothing is noted."""
        if is_of_job(secret):
            return self._find_job(secret)
        token = self._find(secret)
        return Principal.of(token) if token and token.counts(self._clock()) else None

    def new_job_token(self) -> str:
        """Return the secret of a new token for a job; empty while nobody is asked for a token.

        Each request has asked `is_on` before it leases, so the store is not read once more.
        """
        return new_secret(Role.JOB) if self._is_on else ""

    def identify(self, secret: str, *, address: str) -> Principal:
        """Return the holder of the token *secret*, and note its use, at most once an hour.

        Args:
            address: Where the request comes from. Wrong tokens are counted by it.

        Raises:
            Unauthenticated: It is no token of this server, was revoked, or has expired.
            RateLimited: So it is, and the address has sent too many of these.
        """
        if is_of_job(secret):
            return self._find_job(secret) or self._refuse(_JOB_IS_OVER, address)
        now = self._clock()
        token = self._find(secret)
        if token is None or not token.counts(now):
            self._refuse(_why_not(token), address)
        self._note_use(token, now)
        return Principal.of(token)

    def find_guest(self, *, address: str) -> Principal | None:
        """Return as whom *address* reads without a token; None if nobody may.

        Raises:
            RateLimited: It has sent too many requests so.
        """
        if self._guests is None:
            return None
        if seconds := self._guests.note(address, self._clock()):
            raise RateLimited(retry_after_seconds=seconds, of_guest=True)
        return GUEST

    def log_in(self, secret: str, *, address: str, former: str = "") -> str:
        """Begin a session of the holder of the token *secret*, and return its id for a browser to keep.

        Args:
            former: The id of the session that the browser had, which ends.

        Raises:
            Unauthenticated, RateLimited: As `identify` has it.
            Forbidden: It is no token of a person.
        """
        principal = self.identify(secret, address=address)
        if not Role.ADMIN.includes(principal.role):
            raise Forbidden(f"the token {principal.name} has the role {principal.role}, which is not for people")
        _note_actor(principal)
        self._sessions.end(former)
        return self._sessions.begin(token_id=principal.token_id, token_digest=principal.digest, now=self._clock())

    def find_by_session(self, session_id: str) -> Principal | None:
        """Return who is logged in under this id, and note the use of the token; None if the session or its token is over."""
        now = self._clock()
        session = self._sessions.find(session_id, now)
        if session is None:
            return None
        token = self._store.look(lambda view: view.tokens.find(session.token_id))
        if token is None or token.digest != session.token_digest or not token.counts(now):
            return None
        self._note_use(token, now)
        return replace(Principal.of(token), session=session.digest)

    def log_out(self, session_id: str) -> None:
        """End a session; streams that it opened end within seconds. That it was over is success."""
        principal = self.find_by_session(session_id)
        if principal is None:
            note_nothing()
        else:
            _note_actor(principal)
        self._sessions.end(session_id)

    def is_over(self, principal: Principal) -> bool:
        """Tell whether the token or the session of *principal* was replaced, was ended or has expired since then, or its job is over."""
        if principal.is_everybody:
            return self.is_on
        if principal.is_guest:
            return False
        now = self._clock()
        if principal.session and self._sessions.find_by_digest(principal.session, now) is None:
            return True
        if principal.job:
            return self._store.look(lambda view: view.jobs.with_job_token(principal.digest)) is None
        token = self._store.look(lambda view: view.tokens.find(principal.token_id))
        return token is None or token.digest != principal.digest or not token.counts(now)

    def _find(self, secret: str) -> TokenRecord | None:
        digest = digest_of(secret)
        token = self._tokens.find(digest)
        # Found by its digest, which a caller can't steer byte by byte; compared anew so that no look-up decides.
        return token if token is not None and hmac.compare_digest(token.digest, digest) else None

    def _find_job(self, secret: str) -> Principal | None:
        digest = digest_of(secret)
        job = self._store.look(lambda view: view.jobs.with_job_token(digest))
        return Principal.of_job(job) if job and hmac.compare_digest(job.job_token_hash, digest) else None

    def _refuse(self, why: str, address: str) -> NoReturn:
        if seconds := self._attempts.note(address, self._clock()):
            raise RateLimited(retry_after_seconds=seconds)
        raise Unauthenticated(why)

    def _note_use(self, token: TokenRecord, now: datetime) -> None:
        if token.last_used is not None and now - token.last_used < _USE_IS_NOTED_EVERY:
            return
        with contextlib.suppress(StoreError):  # a full disk must lock nobody out
            self._store.write(lambda tx: _store_use(tx, token.id, now))
            self._tokens.forget(token.digest)


def _store_use(tx: Transaction, token_id: int, now: datetime) -> None:
    known = tx.tokens.find(token_id)
    if known is not None:
        tx.tokens.put(replace(known, last_used=now))


def _note_actor(principal: Principal) -> None:
    note_actor(ActorKind.USER, principal.token_id, principal.name, role=principal.role)


def _why_not(token: TokenRecord | None) -> str:
    if token is None:
        return "the token is wrong"
    return f"the token {token.name} {'has expired' if token.revoked is None else 'was revoked'}"
