"""Showing a page: a template, what it shows, and the headers that go with it."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

import falcon

from cictl.wire.admin.access import Role
from cictl_server.face import shown
from cictl_server.face.assets import assets_version, takes_gzip
from cictl_server.http.access.authentication import find_principal
from cictl_server.http.browsers.cookies import SessionCookie
from cictl_server.http.conditional import is_known
from cictl_server.services import Services
from cictl_server.services.access.principal import EVERYBODY, Principal

if TYPE_CHECKING:
    from jinja2 import Environment

PART = "X-Part"
"""A request header of our script: send what is inside the layout alone."""

_LEAST_PACKED = 1024
_LEVEL = 5
_SHARED = 64
"""So many shared answers are kept by each page."""

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
        self._shared: OrderedDict[str, _Body] = OrderedDict()
        self._sharing = threading.Lock()

    def show(self, req: falcon.Request, resp: falcon.Response, view: View, *, status: int = 200) -> None:
        """Answer with *view*, or with 304 if the browser has it as it is."""
        body = self._rendered(req, view).encode()
        etag = _etag(body)
        resp.status = status
        if getattr(req.context, "principal", EVERYBODY).is_guest:
            resp.set_header("X-Robots-Tag", "noindex, nofollow")  # else crawlers would read each log
        resp.set_headers(
            {**_HEADERS, "ETag": etag, "Cache-Control": "no-store" if view.is_secret else "private, no-cache"}
        )
        if status == 200 and not view.is_secret and is_known(req, etag):
            resp.status = 304
            return
        _send(req, resp, _Body(body))

    def show_shared(self, req: falcon.Request, resp: falcon.Response, key: str, make: Callable[[], View]) -> None:
        """Answer with the view that *make* returns, or with 304. It is made once for all who ask for it.

        Args:
            key: What the view is made of, wholly: it is the same for everybody while that is the same.
        """
        etag = _etag(f"{self._version} {assets_version()} {root_of(req)} {key}".encode())
        resp.set_headers({**_HEADERS, "ETag": etag, "Cache-Control": "no-cache"})
        if is_known(req, etag):
            resp.status = 304
            return
        with self._sharing:
            body = self._shared.get(etag)
        if body is None:
            body = _Body(self._rendered(req, make()).encode())
            with self._sharing:
                self._shared[etag] = body
                if len(self._shared) > _SHARED:
                    self._shared.popitem(last=False)
        _send(req, resp, body)

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


class _Body:
    """The text of an answer; packed once, when somebody wants that."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.plain, _LEVEL, mtime=0)


def _etag(data: bytes) -> str:
    return f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'


def _send(req: falcon.Request, resp: falcon.Response, body: _Body) -> None:
    resp.content_type = "text/html; charset=utf-8"
    resp.data = body.plain
    if len(body.plain) >= _LEAST_PACKED and takes_gzip(req):
        resp.data = body.packed
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
