"""One row of the route table, what the tables about routes call it, and how large the bodies of requests may be."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any

import falcon
import msgspec

from cictl.base.text.sizes import size_text

KIB, MIB = 1 << 10, 1 << 20

SMALL_BODY = 256 * KIB
"""What every route takes that is not named here. A heartbeat, a lease, an order or a run needs some KiB."""

LOGIN_BODY = 4 * KIB
"""Of the form with a token."""

SCRIPT_BODY = 2 * MIB
"""Of an order to an agent: escaping can make the 256 KiB of a script six times as long."""

STATUS_BODY = 4 * MIB
"""Of a status report: escaping can make 512 KiB of a log six times as long, and the rest is small."""

HOOK_BODY = 25 * MIB
"""Of a webhook: what GitHub sends at most."""

LARGE_BODY = 64 * MIB
"""Of a test report, and of artifacts in base64. Agents take reports of that size."""

ARCHIVE_BODY = 1 << 62
"""Of a zip: as much as the server's limits of artifacts allow (`--max-artifacts`)."""


class Route(msgspec.Struct, frozen=True, dict=True):
    """A path, and who answers there.

    Attributes:
        path: With placeholders, as falcon writes them: `/api/v1/jobs/{job_id}`.
        place: Where the class of its responders is, below `cictl_server`: `resources.jobs.JobResource`.
        suffix: The end of the responders' names if one resource serves several paths.
        body: The most bytes of a request's body. It is held before the body is taken.
    """

    path: str
    place: str
    suffix: str = ""
    body: int = SMALL_BODY

    @cached_property
    def resource(self) -> type[Any]:
        """The class of its responders. Its module is loaded when somebody asks there first, so what nobody asks for costs nothing."""
        module, _, name = self.place.rpartition(".")
        found: type[Any] = getattr(import_module(f"cictl_server.{module}"), name)
        return found

    def takes(self, method: str) -> bool:
        """Tell whether there is a responder for *method*, such as `POST`."""
        return hasattr(self.resource, "_".join(filter(None, ("on", method.lower(), self.suffix))))

    @property
    def body_text(self) -> str:
        """How large a body may be, for people."""
        return "as the limits of artifacts allow" if self.body == ARCHIVE_BODY else size_text(self.body)

    @property
    def is_upload(self) -> bool:
        """Whether the body is so large that the execution is looked up before it is taken."""
        return self.body >= LARGE_BODY


class Page(Route, frozen=True, dict=True):
    """A page for browsers. Who may see it, and who may do what a form on it asks for, is said of the API's own routes.

    Attributes:
        reads: The route of the API whose role and reach the page has: `GET /api/v1/runs/{run}`. Empty if nobody may get it.
        does: The route that does the same as a form that is sent here; its role, its reach and its line in the audit count.
        is_file: What pages load: it goes also to who does not ask for a page.
    """

    reads: str = ""
    does: str = ""
    is_file: bool = False


def route_of(req: falcon.Request) -> str:
    """Return which route *req* takes, without converters: `GET /artifacts/{job_id}/{path}`.

    For a page this is the route of the API that does the same.
    """
    twin: str = getattr(req.context, "twin", "")
    if twin:
        return twin
    template = (req.uri_template or "").replace(":path}", "}")
    return f"{req.method} {template}"
