"""What comes before every request: checks of its origin, its path and what it names. And the mark on every answer."""

from __future__ import annotations

from collections.abc import Iterable

import falcon

from cictl.base.request_ids import begin_request, end_request, present_request_id
from cictl.wire import words
from cictl_server.apidoc.describe import Description, find_description
from cictl_server.errors import CictlError, NotFound
from cictl_server.http import media
from cictl_server.http.access.origin import Header, OriginRule
from cictl_server.http.browsers.accepting import ShowProblem, wants_page
from cictl_server.http.errors import REFUSAL
from cictl_server.http.router import Router
from cictl_server.http.routes import Page, Route
from cictl_server.services import Services
from cictl_server.services.core.callers import note_caller

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_CONNECTIONS = "/api/v1/vault/connections/"
_VAULT_TEST = f"{_CONNECTIONS}{{connection_id}}/test"
_NO_IDS = frozenset({"/api/v1/jobs/clear-queue", "/api/v1/jobs/flush-history"})
_LOOSE_PREFIXES = (
    *(f"/api/v1/{noun}/" for noun in ("agents", "jobs", "projects", "pipelines", "pipeline-chains")),
    _CONNECTIONS,
)


class Marking:
    """Marks every answer as one of a cictl server, so that clients don't take the page of a proxy for it.

    It also gives each request an id, or takes over the caller's, under which the log and the audit tell of it.
    """

    def __init__(self, services: Services) -> None:
        self._instance_id = services.about.runtime.instance_id

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        begin_request(req.get_header(words.REQUEST_ID))

    def process_response(
        self, _req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: bool
    ) -> None:
        resp.set_header(words.CICTL_SERVER, self._instance_id)
        resp.set_header(words.REQUEST_ID, present_request_id())
        end_request()


class Browsers:
    """Keeps pages for browsers: whoever asks for none is answered as if there were none, which is what programs of before expect."""

    def __init__(self, pages: Iterable[Page], *, show_problem: ShowProblem) -> None:
        self._pages = {page.path: page for page in pages}
        self._show_problem = show_problem

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        req.context.show_problem = self._show_problem

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, _resource: object, _params: dict[str, str]
    ) -> None:
        page = self._pages.get(req.uri_template or "")
        if page is None:
            return
        is_read = req.method in _SAFE_METHODS
        if not page.takes(req.method) or (is_read and not page.is_file and not wants_page(req)):
            raise falcon.HTTPNotFound
        req.context.twin = page.reads if is_read else page.does


class RouteMarks:
    """What the description of a route says of its requests (`apidoc/describe.py`)."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def costs_work(self, method: str, path: str) -> bool:
        found = self._find(method, path)
        return found is not None and found.costs_work

    def is_embedded(self, method: str, path: str) -> bool:
        found = self._find(method, path)
        return found is not None and found.is_embedded

    def takes_key(self, method: str, path: str) -> bool:
        found = self._find(method, path)
        return found is not None and found.takes_key and method not in _SAFE_METHODS

    def _find(self, method: str, path: str) -> Description | None:
        found = self._router.find(tidy(path))
        return find_description(found[1].get(method)) if found else None


class Guard:
    """Refuses requests that a browser was tricked into sending, and OPTIONS."""

    def __init__(self, rule: OriginRule, marks: RouteMarks) -> None:
        self._rule = rule
        self._marks = marks

    def check(self, method: str, path: str, header: Header, *, scheme: str) -> None:
        """Let a request pass, or say why it is refused. Only its header is needed.

        Raises:
            CictlError: As `OriginRule.check` has it.
        """
        is_read = method in _SAFE_METHODS  # the marks are of reading
        self._rule.check(
            method,
            path,
            header,
            scheme=scheme,
            costs_work=is_read and self._marks.costs_work(method, path),
            is_embedded=is_read and self._marks.is_embedded(method, path),
        )

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        self.check(req.method, req.path, req.get_header, scheme=req.scheme)
        if req.method == "OPTIONS":
            raise falcon.HTTPMethodNotAllowed([])


class Callers:
    """Notes for each request how to tell whether its client has gone, so that long work can end early."""

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        note_caller(req.env.get("waitress.client_disconnected"))

    def process_response(
        self, _req: falcon.Request, _resp: falcon.Response, _resource: object, _succeeded: bool
    ) -> None:
        note_caller(None)


class Bodies:
    """Refuses a request whose body was not taken, and tells the others how large theirs may be."""

    def __init__(self, services: Services, routes: Iterable[Route]) -> None:
        self._memory = services.core.memory
        self._limits = {route.path: route.body for route in routes}

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        refusal: CictlError | None = req.env.get(REFUSAL)
        if refusal is not None:
            raise refusal

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, _resource: object, _params: dict[str, str]
    ) -> None:
        req.context.body_limit = self._limits[req.uri_template or ""]
        req.context.memory = self._memory


class Slashes:
    """Takes paths as `tidy` leaves them."""

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        req.path = tidy(req.path)
        if req.path in _LOOSE_PREFIXES and req.path != _CONNECTIONS:
            raise falcon.HTTPNotFound  # the noun and a slash name nothing


def tidy(path: str) -> str:
    """Remove the slashes around what follows some nouns; the contract has this for these nouns only."""
    if "//" not in path and not path.endswith("/"):
        return path  # as nearly always
    prefix = next((p for p in _LOOSE_PREFIXES if path.startswith(p)), None)
    return path if prefix is None else prefix + path.removeprefix(prefix).strip("/")


class Existence:
    """Answers for pipelines and chains that don't exist or can't be run, before anything else is checked.

    So a wrong method on an unknown id is 404, not 405, as in the contract. For `jobs/clear-queue` and
    `jobs/flush-history`, GET and DELETE take the last word for the id of an execution, which does not exist.
    """

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, _resource: object, params: dict[str, str]
    ) -> None:
        if "pipeline_id" in params:
            self._projects.check_pipeline(media.path_id(params["pipeline_id"], noun="pipeline"))
        elif "chain_id" in params:
            self._projects.check_chain(media.path_id(params["chain_id"], noun="pipeline chain"))
        elif "connection_id" in params:
            if not params["connection_id"]:
                raise falcon.HTTPNotFound
            media.path_id(params["connection_id"], noun="vault connection")
            if req.uri_template == _VAULT_TEST and req.method != "POST":
                raise falcon.HTTPNotFound
        elif req.method in ("GET", "DELETE") and req.uri_template in _NO_IDS:
            raise NotFound("job")
