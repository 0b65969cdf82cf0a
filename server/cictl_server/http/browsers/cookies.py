"""The cookie that stands for a token in a browser. It holds the id of a session, and nothing of the token."""

from __future__ import annotations

import falcon

from cictl.base import urls
from cictl_server.errors import Forbidden
from cictl_server.services.access.sessions import LIFETIME

NAME = "cictl_session"
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class SessionCookie:
    """How a browser is told its session, and tells it.

    Attributes:
        base: What the server's links begin with: `/ci/` if its public URL says so. Empty if there is none; then links are relative,
            since a proxy may put the server below a path.
    """

    def __init__(self, *, public_url: str = "") -> None:
        """Prepare for a server that browsers find at *public_url*; empty if no proxy is in front.

        Raises:
            ValueError: It is no http or https URL.
        """
        parts = urls.split_http(public_url) if public_url else None
        path = parts.path.rstrip("/") if parts else ""
        self.base = f"{path}/" if parts else ""
        self._path = path or "/"
        self._is_public_secure = parts is not None and parts.scheme == "https"

    def session_of(self, req: falcon.Request) -> str:
        """Return the id of the session that the browser tells; empty if there is none."""
        values = req.get_cookie_values(NAME)
        return values[0] if values else ""

    def set(self, req: falcon.Request, resp: falcon.Response, session_id: str) -> None:
        """Let the browser keep *session_id*, for as long as the session lasts."""
        self._put(req, resp, session_id, max_age=int(LIFETIME.total_seconds()))

    def remove(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Let the browser forget its session."""
        self._put(req, resp, "", max_age=-1)  # falcon would leave out a 0

    def _put(self, req: falcon.Request, resp: falcon.Response, value: str, *, max_age: int) -> None:
        resp.set_cookie(
            NAME,
            value,
            max_age=max_age,
            path=self._path,
            secure=self._is_public_secure or req.scheme == "https",
            http_only=True,
            same_site="Strict",
        )


def check_page(req: falcon.Request) -> None:
    """Return if a request that carries the cookie may change something: a page of ours sent it.

    The front has refused foreign values of `Origin` already. Here there must be one, since a browser always tells it with a change.

    Raises:
        Forbidden: It has no `Origin`.
    """
    if req.method not in _SAFE_METHODS and not req.get_header("Origin"):
        raise Forbidden(
            "a change with the cookie of a browser needs the header Origin",
            hint="programs send their token: `Authorization: Bearer …`",
        )
