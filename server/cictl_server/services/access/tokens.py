"""Making, listing, replacing and revoking tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.wire.admin.access import EnrolmentRequest, NewToken, Role, Token, TokenRequest
from cictl.wire.audit.records import TargetKind
from cictl_server.errors import Conflict, InvalidRequest, NotFound
from cictl_server.services.access.authentication import Policy
from cictl_server.services.access.names import check_agent_id, check_name
from cictl_server.services.access.token_format import digest_of, new_secret
from cictl_server.services.core.deeds import note_made
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.settings import TokenRecord

_LONGEST_TTL = timedelta(days=36_500)
_MOST_USES = 10_000
_TOKEN_ROLES = (Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AGENT)
_BOUND_ROLES = (Role.OPERATOR, Role.VIEWER)


class TokenService(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens in the store.

    Attributes:
        tell: Called once a token was made or changed, for those who must know at once.
    """

    store: Store
    clock: Clock
    policy: Policy
    tell: Callable[[], None] = lambda: None

    def list_tokens(self) -> list[Token]:
        """Return all tokens by id, revoked and expired ones too."""
        with self.store.read() as view:
            return [shown(token) for token in view.tokens.iter_all()]

    def create(self, request: TokenRequest, *, created_by: str) -> NewToken:
        """Make a token.

        Raises:
            InvalidRequest: A field is missing or wrong.
            Conflict: The name is taken, no admin token is there yet, or the server asks nobody for tokens.
        """
        role = _role(request.role)
        check_name(request.name)
        if role is Role.AGENT:
            check_agent_id(request.agent_id)
        elif request.agent_id:
            raise InvalidRequest("agent_id belongs to the role agent", hint="leave it out, or use the role agent")
        if request.projects and role not in _BOUND_ROLES:
            raise InvalidRequest(f"projects can't bind the role {role}", hint="use the role operator or viewer")
        if not all(request.projects):
            raise InvalidRequest("projects must be names of projects; one of them is empty")
        expires = self.expiry(request.ttl_seconds)

        def create(tx: Transaction) -> NewToken:
            if _find_by_name(tx, request.name, now=self.clock()):
                raise Conflict(
                    f"there is a token {request.name} already",
                    hint=f"choose another name, or replace it: `cictl tokens rotate {request.name}`",
                )
            return self.add(
                tx,
                name=request.name,
                role=role,
                agent_id=request.agent_id,
                projects=sorted(set(request.projects)),
                expires=expires,
                created_by=created_by,
            )

        return self.store.write(create)

    def create_enrolment(self, request: EnrolmentRequest, *, created_by: str) -> NewToken:
        """Make a token that agents trade for tokens of their own.

        Raises:
            InvalidRequest: A number is out of bounds.
            Conflict: No admin token is there yet, or the server asks nobody for tokens.
        """
        if not 1 <= request.uses <= _MOST_USES:
            raise InvalidRequest(f"uses must be 1 to {_MOST_USES}")
        expires = self.expiry(request.ttl_seconds)
        return self.store.write(
            lambda tx: self.add(
                tx, name="", role=Role.ENROLMENT, uses_left=request.uses, expires=expires, created_by=created_by
            )
        )

    def rotate(self, token_id: int) -> NewToken:
        """Give a token a new secret; the old one is dead at once.

        Raises:
            NotFound: No such token.
            Conflict: It is revoked or has expired.
        """

        def rotate(tx: Transaction) -> NewToken:
            token = _get(tx, token_id)
            if not token.counts(self.clock()):
                raise Conflict(
                    f"the token {token.name} is revoked or has expired", hint="`cictl tokens create` makes a new one"
                )
            secret = new_secret(token.role)
            token = replace(token, digest=digest_of(secret), last_four=secret[-4:])
            self.put(tx, token)
            return _new(token, secret)

        return self.store.write(rotate)

    def revoke(self, token_id: int) -> Token:
        """Make a token count no more; that it was revoked already is success.

        Raises:
            NotFound: No such token.
        """

        def revoke(tx: Transaction) -> Token:
            token = _get(tx, token_id)
            if token.revoked is None:
                token = replace(token, revoked=self.clock())
                self.put(tx, token)
            return shown(token)

        return self.store.write(revoke)

    def add(
        self,
        tx: Transaction,
        *,
        name: str,
        role: Role,
        created_by: str,
        expires: datetime | None = None,
        agent_id: str = "",
        projects: list[str] | None = None,
        uses_left: int = 0,
        secret: str = "",
    ) -> NewToken:
        """Store a new token, and return it with its secret; without a *name* it is called after its role and number.

        Args:
            secret: That of the token, if it was made already.

        Raises:
            Conflict: No admin token is there yet, so nobody could make further ones; or the server asks nobody for tokens.
        """
        if self.policy is Policy.NEVER:
            raise Conflict("this server was started with --no-auth, and asks nobody for tokens", hint=_WITHOUT_NO_AUTH)
        if role is not Role.ADMIN and not _has_admin(tx, now=self.clock()):
            raise Conflict(
                "the first token must have the role admin: from then on the server asks everybody for one",
                hint="`cictl tokens create NAME --role admin`",
            )
        secret, number = secret or new_secret(role), tx.tokens.next_id()
        token = TokenRecord(
            id=number,
            name=name or f"{role}-{number}",
            role=role,
            digest=digest_of(secret),
            last_four=secret[-4:],
            created=self.clock(),
            created_by=created_by,
            agent_id=agent_id,
            projects=projects or [],
            expires=expires,
            uses_left=uses_left,
        )
        self.put(tx, token)
        note_made(
            TargetKind.TOKEN,
            token.id,
            token.name,
            role=role,
            agent=agent_id,
            projects=", ".join(token.projects),
            expires=expires.isoformat() if expires else "",
        )
        return _new(token, secret)

    def put(self, tx: Transaction, token: TokenRecord) -> None:
        """Store a new or changed token, and tell those who know the old one."""
        tx.tokens.put(token)
        tx.after_commit(self.tell)

    def expiry(self, ttl_seconds: int) -> datetime | None:
        """Return when a token ends that is made now; None for never.

        Raises:
            InvalidRequest: The number is negative, or more than a hundred years.
        """
        if not 0 <= ttl_seconds <= _LONGEST_TTL.total_seconds():
            raise InvalidRequest("ttl_seconds must be 0, for ever, to a hundred years")
        return self.clock() + timedelta(seconds=ttl_seconds) if ttl_seconds else None


_WITHOUT_NO_AUTH = "start the server without --no-auth: then it makes the first token itself if it needs one"


def shown(token: TokenRecord) -> Token:
    """Return *token* as the API shows it."""
    return Token(**_fields(token))


def _new(token: TokenRecord, secret: str) -> NewToken:
    return NewToken(token=secret, **_fields(token))


def _fields(token: TokenRecord) -> dict[str, Any]:
    fields = msgspec.structs.asdict(token)
    del fields["digest"]
    instants = ("created", "expires", "last_used", "revoked")
    return {f"{name}_utc" if name in instants else name: value for name, value in fields.items()}


def _role(text: str) -> Role:
    if text in _TOKEN_ROLES:
        return Role(text)
    raise InvalidRequest(f"role must be one of {', '.join(_TOKEN_ROLES)}")


def _get(view: View, token_id: int) -> TokenRecord:
    token = view.tokens.find(token_id)
    if token is None:
        raise NotFound("token", hint="`cictl tokens list` shows them")
    return token


def _find_by_name(view: View, name: str, *, now: datetime) -> TokenRecord | None:
    return next((token for token in view.tokens.iter_all() if token.name == name and token.counts(now)), None)


def _has_admin(view: View, *, now: datetime) -> bool:
    return any(token.role is Role.ADMIN and token.counts(now) for token in view.tokens.iter_all())
