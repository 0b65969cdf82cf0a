"""Who may do what: tokens, whose they are, and what they reach."""

from __future__ import annotations

import msgspec

from cictl_server.services.access.attempts import Attempts
from cictl_server.services.access.authentication import AuthenticationService, Policy
from cictl_server.services.access.enrolment import EnrolmentService
from cictl_server.services.access.reach import ReachService
from cictl_server.services.access.sessions import Sessions
from cictl_server.services.access.tokens import TokenService
from cictl_server.services.core import Core
from cictl_server.signals.topics import TOKENS


class Access(msgspec.Struct, frozen=True, kw_only=True):
    authentication: AuthenticationService
    tokens: TokenService
    enrolment: EnrolmentService
    reach: ReachService

    @classmethod
    def build(cls, core: Core, *, policy: Policy, has_guests: bool = False) -> Access:
        store, clock, attempts = core.store, core.clock, Attempts()
        tokens = TokenService(store=store, clock=clock, policy=policy, tell=lambda: core.hub.publish(TOKENS))
        return cls(
            authentication=AuthenticationService(
                store=store,
                hub=core.hub,
                clock=clock,
                policy=policy,
                attempts=attempts,
                sessions=Sessions(core.signals),
                has_guests=has_guests,
            ),
            tokens=tokens,
            enrolment=EnrolmentService(store=store, clock=clock, tokens=tokens, attempts=attempts),
            reach=ReachService(store=store),
        )
