"""Showing a page: a template, what it shows, and the headers that go with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import falcon

from cictl.wire.admin.access import Role
from cictl_server.face import shown
from cictl_server.face.assets import assets_version, takes_gzip
from cictl_server.face.shared import Body, Shared, etag_of
from cictl_server.http.access.authentication import find_principal
from cictl_server.http.browsers.cookies import SessionCookie
from cictl_server.http.conditional import is_known
from cictl_server.services import Services
from cictl_server.services.access.principal import EVERYBODY, Principal

if TYPE_CHECKING:
    from jinja2 import Environment

PART = "X-Part"
"""A request header of our script: send what is inside the layout alone."""

SEEN = "X-Seen"
"""A request header of our script: the number of the event for which it asks again; empty if it does not know."""

_LEAST_PACKED = 1024
_SHARED = 64
"""So many shared answers are kept by each page."""
_SHARED_SECONDS = 1.0
"""For so long a page is shown to others who ask again: the script asks once a second at most."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Not `no-referrer`: with that browsers send `Origin: null` along with the form.
    "Referrer-Policy": "same-origin",
    "Vary": f"Accept, Accept-Encoding, Cookie, {PART}",
}


@dataclass(frozen=True, kw_only=True)
class View:
    """One page, ready to be shown.

    Attributes:
        template: A file in `templates/`. It extends `layout` and fills the block `main`.
        title: What the page is about; it stands in the window's title, and is not repeated by the layout.
        section: The entry of the navigation that is marked: `overview`, `queue`, `agents`, `insight` or `admin`.
        command: The `cictl` line that shows the same; empty if there is none.
        watches: What lets the script fetch the page anew: `job`, `agent` and `project` for any, `job:ID`, `run:NUMBER`, `agent:ID` or
            `project:ID` for one. Empty for a page that nothing changes.
        values: What the template shows, by name.
        is_secret: It shows something that is shown once: no browser may keep it.
    """

    template: str
    title: str
    section: str = ""
    command: str = ""
    watches: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    is_secret: bool = False


class Pages:
    """Shows views. Each resource of a page has one: `Pages(services)`."""

    def __init__(self, services: Services) -> None:
        self._authentication = services.access.authentication
        self._clock = services.core.clock
        self._version = services.core.signals.members.own.version
        self._events = services.core.events
        self._shared = Shared(kept=_SHARED, newest=services.core.events.last_number)

    def show(self, req: falcon.Request, resp: falcon.Response, view: View, *, status: int = 200) -> None:
        """Answer with *view*, or with 304 if the browser has it as it is."""
        body = Body(self._rendered(req, view).encode())
        resp.set_header("Cache-Control", "no-store" if view.is_secret else "private, no-cache")
        _answer(req, resp, body.etag, lambda: body, status=status, may_be_known=status == 200 and not view.is_secret)

    def show_live(self, req: falcon.Request, resp: falcon.Response, make: Callable[[], View]) -> None:
        """Answer with the view that *make* returns. When an event lets many ask again, it is made once for all with the same rights.

        So the view may show of who looks only what they may do and see, not who they are.
        """
        key = self._key_of_many(req)
        if key is None:
            self.show(req, resp, make())
            return
        body = self._shared.get(
            key,
            lambda: Body(self._rendered(req, make()).encode()),
            wanted=self._event_seen(req),
            most_seconds=_SHARED_SECONDS,
        )
        resp.set_header("Cache-Control", "private, no-cache")
        _answer(req, resp, body.etag, lambda: body)

    def show_shared(self, req: falcon.Request, resp: falcon.Response, key: str, make: Callable[[], View]) -> None:
        """Answer with the view that *make* returns, or with 304. It is made once for all who ask for it.

        Args:
            key: What the view is made of, wholly: it is the same for everybody while that is the same.
        """
        etag = etag_of(f"{self._version} {assets_version()} {root_of(req)} {key}".encode())
        resp.set_header("Cache-Control", "no-cache")
        _answer(req, resp, etag, lambda: self._shared.get(etag, lambda: Body(self._rendered(req, make()).encode())))

    def _key_of_many(self, req: falcon.Request) -> Hashable | None:
        """Return what is the same for all who are shown the same page; None if *req* is not one of many who ask again."""
        who = self._principal(req)
        if not is_part(req) or req.get_header(SEEN) is None or who is None or who.job is not None:
            return None
        rights = (who.is_everybody, who.is_guest, who.role, who.projects)
        return (req.prefix, req.path, req.query_string, root_of(req), rights)

    def _event_seen(self, req: falcon.Request) -> int:
        seen = req.get_header(SEEN) or ""
        is_number = seen.isascii() and seen.isdigit() and len(seen) < 20
        return int(seen) if is_number else self._events.last_number()

    def _rendered(self, req: falcon.Request, view: View) -> str:
        root = root_of(req)
        principal = self._principal(req)
        now = self._clock()
        return (
            environment()
            .get_template(view.template)
            .render(
                layout="part.html" if req.get_header(PART) else "layout.html",
                view=view,
                root=root,
                static=f"{root}static/{assets_version()}/",
                here=f"{root}{req.path.lstrip('/')}",
                who=principal.shown() if principal else None,
                may=Allowed(principal),
                version=self._version,
                now=now,
                **view.values,
            )
        )

    def _principal(self, req: falcon.Request) -> Principal | None:
        """Return who looks; None if they are not logged in and ought to be."""
        known = getattr(req.context, "principal", None)
        if isinstance(known, Principal):
            return known
        if not self._authentication.is_on:
            return EVERYBODY
        return find_principal(req, self._authentication) if hasattr(req.context, "cookie") else None


def _answer(
    req: falcon.Request,
    resp: falcon.Response,
    etag: str,
    body: Callable[[], Body],
    *,
    status: int = 200,
    may_be_known: bool = True,
) -> None:
    """Answer with *body*, or with 304 if the browser has what *etag* is of."""
    resp.status = status
    resp.set_headers({**_HEADERS, "ETag": etag})
    if getattr(req.context, "principal", EVERYBODY).is_guest:
        resp.set_header("X-Robots-Tag", "noindex, nofollow")  # else crawlers would read each log
    if may_be_known and is_known(req, etag):
        resp.status = 304
        return
    made = body()
    resp.content_type = "text/html; charset=utf-8"
    resp.data = made.plain
    if len(made.plain) >= _LEAST_PACKED and takes_gzip(req):
        resp.data = made.packed
        resp.set_header("Content-Encoding", "gzip")


class Allowed:
    """What whoever looks may do, so that a page has no button that is refused. The routes check it all the same."""

    def __init__(self, principal: Principal | None) -> None:
        self._principal = principal

    @property
    def operate(self) -> bool:
        return self._has(Role.OPERATOR)

    @property
    def administer(self) -> bool:
        return self._has(Role.ADMIN)

    def _has(self, role: Role) -> bool:
        who = self._principal
        return who is not None and (who.is_everybody or who.role.includes(role))


def root_of(req: falcon.Request) -> str:
    """Return what links to our pages begin with: the path of the public URL; without one, the way up from this page.

    A proxy may put the server below a path that it does not tell, so links are relative then. What the address has is no
    measure, since an id in it may contain an encoded slash; the route of a page is. Other routes have paths in them, so an error
    that is shown there links to the host's own root.
    """
    cookie: SessionCookie | None = getattr(req.context, "cookie", None)
    if cookie is not None and cookie.base:
        return cookie.base
    template = req.uri_template or ""
    is_page = bool(getattr(req.context, "twin", "")) or template in ("/login", "/logout")
    if not is_page:
        return "/"
    return "../" * (template.count("/") - 1) or "./"


def go_to(req: falcon.Request, resp: falcon.Response, path: str) -> None:
    """Let the browser get the page *path*, such as `runs/41`, after something was done."""
    resp.location, resp.status = f"{root_of(req)}{path}", falcon.HTTP_303
    resp.content_type = "text/html; charset=utf-8"


def is_part(req: falcon.Request) -> bool:
    """Tell whether our script asks for what is inside the layout."""
    return req.get_header(PART) is not None


@cache
def environment() -> Environment:
    """Return what templates are made with. It is imported late, since not every server is looked at."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("cictl_server.face"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=shown.shown,
    )
    made.filters.update(shown.FILTERS)
    return made
