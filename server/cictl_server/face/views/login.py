"""Logging in and out with a browser."""

from __future__ import annotations

import re

import falcon

from cictl_server.apidoc.describe import Content, api
from cictl_server.errors import CictlError, Forbidden, InvalidRequest, RateLimited, Unauthenticated
from cictl_server.face.forms import read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.http.access.authentication import find_principal, tell_refusal
from cictl_server.http.browsers.accepting import wants_page
from cictl_server.http.browsers.cookies import SessionCookie, check_page
from cictl_server.services import Services
from cictl_server.services.core.deeds import note_nothing

_PAGE = Content(media=("text/html",), text="a page")
_FORM = Content(
    media=("application/x-www-form-urlencoded",), text="A form with the field `token`, and where to go `next`."
)
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]{0,2000}")
"""A path of this server: `//host` and `/\\host` name another one, and a browser leaves out controls."""


class LoginResource:
    """`/login`"""

    def __init__(self, services: Services) -> None:
        self._authentication = services.access.authentication
        self._pages = Pages(services)

    @api(answers={200: _PAGE})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the form that takes a token or, to a browser that has a session, who is logged in."""
        principal = find_principal(req, self._authentication) if self._authentication.is_on else None
        self._show(
            req, resp, holder=principal.shown() if principal else None, next=_own_path(req.get_param("next") or "")
        )

    @api(
        request=_FORM,
        answers={
            303: "to `next`, a path of this server, or else to the overview; `Set-Cookie` has the session",
            400: "the form has no token",
            401: "the token is wrong, revoked or expired; a browser gets the form again",
            403: "it is the token of an agent",
            429: "it is wrong, and many wrong tokens came from this address; `Retry-After` says when to come again",
        },
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Log in with a token: the browser gets a cookie for a session of 12 hours.

        The cookie is `HttpOnly`, `SameSite=Strict` and, if browsers reach the server by https, `Secure`. A request that carries it does
        what one with the token does; a change needs an `Origin` of the server too. The session ends earlier if its token is revoked or
        replaced, and when the server restarts.
        """
        cookie: SessionCookie = req.context.cookie
        if not self._authentication.is_on:
            note_nothing()
            go_to(req, resp, "")
            return
        form = read_form(req)
        goal = _own_path(form.get("next", ""))
        try:
            session_id = self._authentication.log_in(
                _token(form), address=req.remote_addr, former=cookie.session_of(req)
            )
        except (Unauthenticated, RateLimited, Forbidden) as error:
            tell_refusal(resp, error)
            self._show_again(req, resp, error, goal)
            return
        cookie.set(req, resp, session_id)
        go_to(req, resp, goal.removeprefix("/"))

    def _show_again(self, req: falcon.Request, resp: falcon.Response, error: CictlError, goal: str) -> None:
        """Answer with the form and a line that says why; to a program with the error alone."""
        if not wants_page(req):
            raise error
        self._show(req, resp, status=error.code.status, problem=str(error), next=goal)

    def _show(self, req: falcon.Request, resp: falcon.Response, *, status: int = 200, **values: object) -> None:
        is_open = not self._authentication.is_on
        shown = {"holder": None, "problem": "", "is_open": is_open, **values}
        view = View(template="login.html", title="Log in", is_secret=True, values=shown)
        self._pages.show(req, resp, view, status=status)


class LogoutResource:
    """`/logout`"""

    def __init__(self, services: Services) -> None:
        self._authentication = services.access.authentication

    @api(
        answers={303: "to `login`; the browser forgets its cookie", 403: "there is a cookie, and no `Origin`"},
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Log out: the session ends at once, and streams that it opened within seconds. A body is ignored."""
        cookie: SessionCookie = req.context.cookie
        session_id = cookie.session_of(req)
        if session_id:
            check_page(req)
        self._authentication.log_out(session_id)
        cookie.remove(req, resp)
        go_to(req, resp, "login")


def _own_path(text: str) -> str:
    """Return *text* if it is a path of this server; else nothing."""
    return text if _OWN_PATH.fullmatch(text) else ""


def _token(form: dict[str, str]) -> str:
    """Return the token in the form.

    Raises:
        InvalidRequest: There is none.
    """
    token = form.get("token", "")
    if not token:
        raise InvalidRequest("the form needs the field token", hint="paste a token")
    return token
