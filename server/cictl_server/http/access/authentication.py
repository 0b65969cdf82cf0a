"""Whose request it is, and whether they may make it. This comes before anything reads a body."""

from __future__ import annotations

import base64
import binascii

import falcon

from cictl.wire.admin.access import Role
from cictl_server.errors import CictlError, Forbidden, RateLimited, Unauthenticated
from cictl_server.http import media
from cictl_server.http.access.roles_of_routes import (
    ACROSS_PROJECTS,
    ARTIFACTS_READ_BY_AGENTS,
    CLOSED_TO_GUESTS,
    LISTED_FOR_JOBS,
    READ_BY_AGENTS,
    ROLES,
    SENT_BY_JOBS,
    STARTED_BY_JOBS,
    Access,
)
from cictl_server.http.browsers.cookies import SessionCookie, check_page
from cictl_server.http.routes import route_of
from cictl_server.services.access import Access as AccessRoom
from cictl_server.services.access.authentication import AuthenticationService
from cictl_server.services.access.principal import EVERYBODY, Principal
from cictl_server.store.records.jobs import JobRecord

_CHALLENGE = 'Bearer realm="cictl"'
"""Basic is understood but not offered: a browser would ask for it, and from then on send it by itself."""


class Authentication:
    """Finds out whose token a request has, and refuses what its role, its agent or its projects don't allow."""

    def __init__(self, access: AccessRoom, cookie: SessionCookie) -> None:
        self._authentication = access.authentication
        self._reach = access.reach
        self._cookie = cookie

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, _resource: object, params: dict[str, str]
    ) -> None:
        req.context.cookie = self._cookie
        route = route_of(req)
        needed = ROLES.get(route, Access.ANY)  # none has a wrong method, which is refused later
        # In this order: what everybody may ask, such as whether the server lives, is answered while the store is away.
        if needed is Access.NONE or not self._authentication.is_on:
            return
        req.context.path_names = params
        principal = self._identify(req, resp, route, needed)
        req.context.principal = principal
        if principal.role is Role.AGENT:
            self._check_agent(principal, route, needed, params)
        elif principal.job:
            self._check_job(principal, principal.job, route, needed, params)
        elif needed is not Access.ANY:
            principal.check_role(Role(needed))
        if principal.projects:
            self._check_projects(principal, route, params)

    def process_response(self, req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: bool) -> None:
        """Keep caches that others share from answering them with what somebody was allowed to see."""
        if not principal_of(req).is_everybody:
            told = resp.get_header("Cache-Control") or "private"
            resp.set_header("Cache-Control", told.replace("public", "private"))

    def _identify(self, req: falcon.Request, resp: falcon.Response, route: str, needed: Access) -> Principal:
        try:
            if secret := secret_of(req):
                return self._authentication.identify(secret, address=req.remote_addr)
            session_id = self._cookie.session_of(req)
            if found := self._authentication.find_by_session(session_id) if session_id else None:
                check_page(req)
                return found
            if guest := self._find_guest(req, route, needed):
                return guest
            if session_id:  # not counted as a wrong token: it is that of an old session
                raise Unauthenticated("you are not logged in any more", hint="log in again at /login")
            raise Unauthenticated("this server wants a token")
        except CictlError as error:
            tell_refusal(resp, error)
            raise

    def _find_guest(self, req: falcon.Request, route: str, needed: Access) -> Principal | None:
        """Return as whom somebody without a token reads what a viewer may; None if they may not."""
        is_open = needed is Access.VIEWER and req.method in ("GET", "HEAD") and route not in CLOSED_TO_GUESTS
        return self._authentication.find_guest(address=req.remote_addr) if is_open else None

    def _check_agent(self, principal: Principal, route: str, needed: Access, params: dict[str, str]) -> None:
        """Let an agent read and report the jobs that it has, and read the artifacts that these need."""
        if route in ARTIFACTS_READ_BY_AGENTS:
            self._reach.check_needed(principal, params["job_id"])
        elif route in READ_BY_AGENTS or (needed is Access.AGENT and "job_id" in params):
            self._reach.check_held(principal, params["job_id"])
        elif needed not in (Access.AGENT, Access.ANY):
            principal.check_role(Role(needed))

    def _check_job(
        self, principal: Principal, job: JobRecord, route: str, needed: Access, params: dict[str, str]
    ) -> None:
        """Let a job read its run and what it depends on, send its own files, and start runs if its project allows it."""
        if job.facts.from_fork and route in SENT_BY_JOBS | STARTED_BY_JOBS:
            raise Forbidden(
                "the token of a job of a pull request only reads",
                hint="its agent sends artifacts and reports; what starts runs belongs on a branch",
            )
        if route in SENT_BY_JOBS:
            self._reach.check_own(principal, params["job_id"])
        elif route in ARTIFACTS_READ_BY_AGENTS:
            self._reach.check_run_or_needed(principal, params["job_id"])
        elif route in READ_BY_AGENTS:
            self._reach.check_job(principal, params["job_id"])
        elif route in STARTED_BY_JOBS:
            self._check_projects(principal, route, params)
            self._reach.check_starts(job)
        elif needed is not Access.ANY and route not in LISTED_FOR_JOBS:
            principal.check_role(Role(needed))

    def _check_projects(self, principal: Principal, route: str, params: dict[str, str]) -> None:
        if "job_id" in params:
            self._reach.check_job(principal, params["job_id"])
        elif "project_id" in params:
            self._reach.check_project(principal, media.path_id(params["project_id"], noun="project"))
        elif "pipeline_id" in params:
            self._reach.check_pipeline(principal, media.path_id(params["pipeline_id"], noun="pipeline"))
        elif "chain_id" in params:
            self._reach.check_chain(principal, media.path_id(params["chain_id"], noun="pipeline chain"))
        elif "run" in params:
            self._reach.check_run(principal, params["run"])
        elif route not in ACROSS_PROJECTS:
            raise Forbidden(
                f"the token {principal.name} is bound to projects, and this concerns others too",
                hint="use a token that is not bound to projects",
            )


def principal_of(req: falcon.Request) -> Principal:
    """Return whose request it is; everybody's if the server asks nobody for a token."""
    found: Principal = getattr(req.context, "principal", EVERYBODY)
    return found


def caller_of(req: falcon.Request) -> str:
    """Return who sends the request: the token, or where nobody has one the address of the connection."""
    principal = principal_of(req)
    return req.remote_addr if principal.is_everybody or principal.is_guest else principal.caller


def find_principal(req: falcon.Request, authentication: AuthenticationService) -> Principal | None:
    """Return whose token or session a request has, on a route that wants none; None if that does not count."""
    if secret := secret_of(req):
        return authentication.find(secret)
    cookie: SessionCookie = req.context.cookie
    session_id = cookie.session_of(req)
    return authentication.find_by_session(session_id) if session_id else None


def secret_of(req: falcon.Request) -> str:
    """Return the token in `Authorization`: that of Bearer, or the password of Basic, which a URL with user info becomes.

    Empty if there is none. One in the query does not count: it would stand in logs and histories.
    """
    scheme, _, value = (req.get_header("Authorization") or "").strip().partition(" ")
    match scheme.casefold():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return ""
        case _:
            return ""


def tell_refusal(resp: falcon.Response, error: CictlError) -> None:
    """Set the headers that go with a refused token."""
    if isinstance(error, Unauthenticated):
        resp.set_header("WWW-Authenticate", _CHALLENGE)
    elif isinstance(error, RateLimited):
        resp.set_header("Retry-After", str(error.retry_after_seconds))
