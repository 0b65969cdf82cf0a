"""Errors as pages, for browsers that go to a page."""

from __future__ import annotations

from urllib.parse import quote

import falcon

from cictl.wire.problems import Code, Problem
from cictl_server.face.page import Pages, View, root_of
from cictl_server.http.browsers.accepting import ShowProblem, wants_page

_API = ("/api/", "/artifacts/", "/badges/")


def problem_page(pages: Pages) -> ShowProblem:
    """Return the function that shows problems: pages that want somebody to log in lead to `/login`."""

    def show(req: falcon.Request, resp: falcon.Response, problem: Problem) -> bool:
        is_unknown_caller = problem.code is Code.UNAUTHENTICATED
        if not wants_page(req) or (req.path.startswith(_API) and not is_unknown_caller):
            return False
        if is_unknown_caller and _is_page(req) and req.method == "GET":
            _lead_to_login(req, resp, pages)
        else:
            pages.show(req, resp, _view(problem), status=problem.status)
        return True

    return show


def _is_page(req: falcon.Request) -> bool:
    return bool(getattr(req.context, "twin", ""))


def _view(problem: Problem) -> View:
    return View(template="problem.html", title=_title(problem), values={"problem": problem})


def _title(problem: Problem) -> str:
    match problem.status:
        case 401:
            return "Log in"
        case 403:
            return "Not allowed"
        case 404:
            return "Not found"
        case status if status >= 500:
            return "The server has a problem"
        case _:
            return "That did not work"


def _lead_to_login(req: falcon.Request, resp: falcon.Response, pages: Pages) -> None:
    """Send the browser to the form, and from there back.

    After a link of another site it sends no cookie, as ours is `SameSite=Strict`. So the page is asked for once more by a page
    of ours; then the cookie comes along, if there is one.
    """
    resp.delete_header("WWW-Authenticate")
    if req.get_header("Sec-Fetch-Site") == "cross-site":
        pages.show(req, resp, View(template="again.html", title="cictl"))
        return
    here = req.path + (f"?{req.query_string}" if req.query_string else "")
    resp.location, resp.status = f"{root_of(req)}login?next={quote(here, safe='/')}", falcon.HTTP_303
    resp.content_type = "text/html; charset=utf-8"
    resp.set_header("Cache-Control", "no-store")
