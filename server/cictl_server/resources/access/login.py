"""Logging in and out with a browser."""

from __future__ import annotations

from urllib.parse import parse_qs

import falcon

from cictl_server.apidoc.describe import Content, api
from cictl_server.errors import InvalidRequest, RateLimited, TooLarge
from cictl_server.http.authentication import find_principal, tell_refusal
from cictl_server.http.browsers import pages
from cictl_server.http.browsers.cookies import SessionCookie, check_page
from cictl_server.services import Services
from cictl_server.services.core.deeds import note_nothing

_PAGE = Content(media=("text/html",), text="a page")
_FORM = Content(media=("application/x-www-form-urlencoded",), text="A form with the field `token`.")


class LoginResource:
    """`/login`"""

    def __init__(self, services: Services) -> None:
        self._authentication = services.access.authentication

    @api(answers={200: _PAGE})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the form that takes a token or, to a browser that has a session, who is logged in."""
        if not self._authentication.is_on:
            pages.show_open(resp)
            return
        cookie: SessionCookie = req.context.cookie
        principal = find_principal(req, self._authentication)
        if principal is None:
            pages.show_login(resp, base=cookie.base)
        else:
            pages.show_principal(resp, principal.shown(), base=cookie.base)

    @api(
        request=_FORM,
        answers={
            303: "to `login`, which says who is logged in; `Set-Cookie` has the session",
            400: "the form has no token",
            401: "the token is wrong, revoked or expired",
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
        pages.go_to_login(resp, base=cookie.base)
        if not self._authentication.is_on:
            note_nothing()
            return
        try:
            session_id = self._authentication.log_in(
                _token(req), address=req.remote_addr, former=cookie.session_of(req)
            )
        except RateLimited as error:
            tell_refusal(resp, error)
            raise
        cookie.set(req, resp, session_id)


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
        pages.go_to_login(resp, base=cookie.base)


def _token(req: falcon.Request) -> str:
    """Return the token in the form.

    Raises:
        InvalidRequest: There is none.
        TooLarge: The form is longer than a token needs.
    """
    limit: int = req.context.body_limit
    if (req.content_length or 0) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")
    form = parse_qs(req.bounded_stream.read(limit).decode("latin-1"))
    token = form.get("token", [""])[0].strip()
    if not token:
        raise InvalidRequest("the form needs the field token", hint="paste a token")
    return token
