"""The audit's place among the middlewares: what each request does, who asks, and how it went."""

from __future__ import annotations

import falcon

from cictl.base.request_ids import present_request_id
from cictl.wire.admin.access import Role
from cictl.wire.audit.records import ActorKind, AuditAction, AuditActor, AuditClient, AuditOrigin, AuditOutcome
from cictl.wire.problems import Code
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.access.masking import redact_for
from cictl_server.http.audited_routes import DEEDS, TARGETS
from cictl_server.http.errors import problem_of
from cictl_server.http.routes import route_of
from cictl_server.services.access.principal import Principal
from cictl_server.services.audit import Audit
from cictl_server.services.core.deeds import Deed, begin_deed, harmless

_LONGEST_PATH = 500
_KINDS = {Role.AGENT: ActorKind.AGENT, Role.ENROLMENT: ActorKind.ENROLMENT, Role.JOB: ActorKind.JOB}


class Auditing:
    """Notes the deed before a resource is asked, and ends it with the answer. Refusals are deeds too, of whatever route.

    It stands behind those that write to the store for themselves, authentication and idempotency, so that their
    transactions are not taken for the deed's.
    """

    def __init__(self, audit: Audit) -> None:
        self._trail = audit.trail
        self._names = audit.names

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, _resource: object, params: dict[str, str]
    ) -> None:
        route = DEEDS.get(route_of(req))
        if route is None:
            return
        deed = _deed(req, route.action)
        deed.awaits, deed.is_told_at_end = route.makes, route.is_told_at_end
        self._add_targets(deed, params)
        req.context.deed = deed
        begin_deed(deed)

    def process_response(self, req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: bool) -> None:
        deed: Deed | None = getattr(req.context, "deed", None)
        begin_deed(None)
        problem = problem_of(req)
        status = resp.status_code
        if status in (401, 403):
            self._trail.refuse(self._refused(req, reason=problem.title if problem else ""))
        elif problem is not None and problem.code is Code.RATE_LIMITED:
            self._trail.limit(self._refused(req, reason=problem.title, action=AuditAction.AUTH_LIMITED))
        elif deed is not None and status < 400:
            self._trail.finish(deed, AuditOutcome.SUCCESS)
        elif deed is not None:
            deed.add_details({"status": status, "code": problem.code if problem else ""})
            self._trail.finish(deed, AuditOutcome.FAILED)

    def _refused(self, req: falcon.Request, *, reason: str, action: AuditAction = AuditAction.AUTH_REFUSED) -> Deed:
        """Return the deed of being refused; what was asked for is a detail."""
        deed = _deed(req, action)
        wanted = DEEDS.get(route_of(req))
        deed.add_details({"reason": reason, "wanted": wanted.action if wanted else ""})
        self._add_targets(deed, getattr(req.context, "path_names", {}))
        return deed

    def _add_targets(self, deed: Deed, params: dict[str, str]) -> None:
        for part, kind in TARGETS.items():
            if part in params:
                deed.add_target(kind, params[part], self._names.find(kind, params[part]))


def _deed(req: falcon.Request, action: AuditAction) -> Deed:
    return Deed(
        actor=_actor(principal_of(req)),
        action=action,
        origin=AuditOrigin(
            address=req.remote_addr,
            client=_client(req),
            user_agent=harmless(req.get_header("User-Agent") or ""),
        ),
        method=harmless(req.method),
        path=harmless(redact_for(req)(req.path), longest=_LONGEST_PATH),
        request_id=present_request_id(),
    )


def _actor(principal: Principal) -> AuditActor:
    if principal.is_everybody or principal.is_guest:
        return AuditActor(kind=ActorKind.ANONYMOUS)
    kind = _KINDS.get(principal.role, ActorKind.USER)
    actor_id = principal.job.id if principal.job else str(principal.token_id)
    return AuditActor(kind=kind, id=actor_id, name=harmless(principal.name), role=principal.role)


def _client(req: falcon.Request) -> AuditClient:
    """Return through what the request came. It is the client's own word, and decides nothing."""
    said = (req.get_header("User-Agent") or "").partition("/")[0].casefold()
    if principal_of(req).role is Role.AGENT or said == "cictl-agent":
        return AuditClient.AGENT
    if said == "cictl":
        return AuditClient.CLI
    is_browser = said == "mozilla" or req.get_header("Sec-Fetch-Mode") is not None
    return AuditClient.WEB if is_browser else AuditClient.API
