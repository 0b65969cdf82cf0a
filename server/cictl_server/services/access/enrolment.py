"""Trading an enrolment token for the token of one agent."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn

import msgspec
from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.wire.admin.access import NewToken, Role
from cictl.wire.audit.records import ActorKind
from cictl_server.errors import Forbidden, RateLimited
from cictl_server.services.access.attempts import Attempts
from cictl_server.services.access.names import check_agent_id
from cictl_server.services.access.token_format import digest_of
from cictl_server.services.access.tokens import TokenService
from cictl_server.services.core.deeds import note_actor
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.settings import TokenRecord


class EnrolmentService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    clock: Clock
    tokens: TokenService
    attempts: Attempts

    def enroll(self, secret: str, agent_id: str, *, address: str) -> NewToken:
        """Make a token for the agent *agent_id*, and use up one use of the enrolment token *secret*.

        Raises:
            InvalidRequest: No agent can have this id.
            Forbidden: The enrolment token does not count, or the agent has a token already. Nothing is used up.
            RateLimited: It does not count, and the address has sent too many of these.
        """
        check_agent_id(agent_id)
        now = self.clock()
        return self.store.write(lambda tx: self._trade(tx, secret, agent_id, now=now)) or self._refuse(address, now)

    def _trade(self, tx: Transaction, secret: str, agent_id: str, *, now: datetime) -> NewToken | None:
        """Return the agent's new token; None if the enrolment token does not count."""
        enrolment = _find_enrolment(tx, secret, now=now)
        if enrolment is None:
            return None
        if _is_enrolled(tx, agent_id, now=now):
            raise Forbidden(
                f"the agent {agent_id} has a token already",
                hint="give this one another --id, or let an admin revoke that token: `cictl tokens list`",
            )
        note_actor(ActorKind.ENROLMENT, enrolment.id, enrolment.name, role=enrolment.role)
        left = enrolment.uses_left - 1
        self.tokens.put(tx, replace(enrolment, uses_left=left, last_used=now, revoked=None if left else now))
        return self.tokens.add(
            tx,
            name=_free_name(tx, agent_id, now=now),
            role=Role.AGENT,
            agent_id=agent_id,
            created_by=enrolment.name,
        )

    def _refuse(self, address: str, now: datetime) -> NoReturn:
        if seconds := self.attempts.note(address, now):
            raise RateLimited(retry_after_seconds=seconds)
        raise Forbidden(
            "the enrolment token is wrong, used up or expired", hint="`cictl agents enroll` makes a new one"
        )


def _find_enrolment(view: View, secret: str, *, now: datetime) -> TokenRecord | None:
    token = view.tokens.with_digest(digest_of(secret))
    return token if token and token.role is Role.ENROLMENT and token.counts(now) else None


def _is_enrolled(view: View, agent_id: str, *, now: datetime) -> bool:
    return any(t.role is Role.AGENT and t.agent_id == agent_id and t.counts(now) for t in view.tokens.iter_all())


def _free_name(view: View, agent_id: str, *, now: datetime) -> str:
    """Return the agent's id as the token's name; empty for a name of the server's making when another token has that."""
    is_taken = any(token.name == agent_id and token.counts(now) for token in view.tokens.iter_all())
    return "" if is_taken or agent_id.isdecimal() else agent_id
