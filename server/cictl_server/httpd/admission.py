"""Who may send a body, and how large: decided when a request's header is complete, before any of its body is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs

from cictl.wire import words
from cictl_server.front import Guard, RouteMarks, tidy
from cictl_server.http.access.origin import OriginRule
from cictl_server.http.router import Router
from cictl_server.http.routes import ARCHIVE_BODY, SMALL_BODY, Page, Route
from cictl_server.httpd.body_memory import MOST_BYTES, SHORT_BODY, BodyMemory
from cictl_server.httpd.incoming import Head, Kept
from cictl_server.services import Services
from cictl_server.services.history.holder import Sender

_READS = ("GET", "HEAD")
_API = ("/api/", "/healthz", "/metrics")
"""What most requests are for: they are told apart quickly."""


class Admission:
    """Says how much of a body is taken.

    It runs in the thread of the server's loop, so it looks things up and never waits. What it refuses is answered by the
    application all the same, with an empty body: so the answer is the usual one.
    """

    def __init__(
        self,
        services: Services,
        routes: Iterable[Route],
        router: Router,
        *,
        origin_rule: OriginRule,
        archive_bytes: int,
    ) -> None:
        """Decide for *routes*.

        Args:
            router: The application's, so that a path is looked up once.
            archive_bytes: The limit of a zip of artifacts.
        """
        self._artifacts = services.artifacts.artifacts
        self._archive_bytes = archive_bytes
        self._memory = BodyMemory()
        self._router = router
        self._routes = {route.path: route for route in routes}
        self._guard = Guard(origin_rule, RouteMarks(router))

    def __call__(self, head: Head) -> int:
        """Return how many bytes of the body are taken at most; 0 if nobody answers there.

        Raises:
            CictlError: The request is refused, whatever its body is.
        """
        self._guard.check(head.method, head.path, head.header, scheme=head.scheme)
        route, parameters = self._find(head.path)
        if route is None or not route.takes(head.method):
            return 0
        if route.is_upload and "job_id" in parameters and (head.length is None or head.length > SMALL_BODY):
            self._artifacts.check_target(parameters["job_id"], _sender(head))
        return self._archive_bytes if route.body == ARCHIVE_BODY else route.body

    def keep(self, head: Head) -> Kept | None:
        """Say where a body is kept that was admitted: a piece of a log in memory, a long zip of artifacts in their place at once."""
        if head.length is None:
            return None
        if head.length <= MOST_BYTES:
            return self._memory.take(head.length) if head.length > SHORT_BODY else None
        route, parameters = self._find(head.path)
        is_archive = route is not None and route.body == ARCHIVE_BODY
        # That of a worktree is one too, but belongs to no job, and whoever takes it reads it from its beginning.
        return self._artifacts.arriving_zip() if is_archive and "job_id" in parameters else None

    def is_page(self, method: str, path: str) -> bool:
        """Tell whether a request asks for a page that only shows something; what asks about a deed may look into repositories."""
        if method not in _READS or path.startswith(_API):
            return False
        route, _ = self._find(path)
        return isinstance(route, Page) and not route.is_file and not route.does

    def _find(self, path: str) -> tuple[Route | None, Mapping[str, str]]:
        """Return the route of a path, and what its placeholders stand for."""
        found = self._router.find(tidy(path))
        return (self._routes[found[3] or ""], found[2]) if found else (None, {})


def _sender(head: Head) -> Sender | None:
    """Return the agent that sends a zip; None for other uploads, whose body names it."""
    agent_id = head.header(words.AGENT_ID) or parse_qs(head.query).get("agent_id", [""])[0]
    return Sender(agent_id=agent_id, token=head.header(words.LEASE_TOKEN) or "") if agent_id else None
