"""Turning errors into HTTP answers: plain text by default, problem details for clients that read JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import falcon
from msgspec.structs import replace

from cictl.base.request_ids import present_request_id
from cictl.redaction import masked_message
from cictl.wire.codec import DecodeError, encode
from cictl.wire.problems import PROBLEM_JSON, Code, Problem
from cictl.wire.words import NO_ROUTE
from cictl_server.errors import BROKEN, FULL, MEND_HINT, ROOM_HINT, CictlError, InvalidProject, InvalidRequest, LogGap
from cictl_server.http.access.masking import redact_for
from cictl_server.http.browsers.accepting import show_problem
from cictl_server.store.contract import StoreFull

logger = logging.getLogger(__name__)

REFUSAL = "cictl.refusal"
"""Where the application finds the error for which a body was not taken."""

_RETRY_AFTER_SECONDS = "2"
_QUIET = frozenset({Code.NO_CAPACITY, Code.STORE_AWAY})
"""What no request needs a line in the log for: overload, and a database that is away, of which the log tells once."""

_FIXED = frozenset({"type"})


def install(app: falcon.App[Any, Any], *, on_full: Callable[[], None]) -> None:
    """Make *app* answer every error in the contract's form; *on_full* is called when a disk has no space."""

    def handle_system(req: falcon.Request, resp: falcon.Response, error: OSError, params: dict[str, Any]) -> None:
        problem = _of_disk(error)
        if problem is None:
            _handle_fault(req, resp, error, params)
            return
        if error.errno in FULL:
            on_full()
        _log(req, problem.title)
        answer(req, resp, problem)

    def handle_domain(req: falcon.Request, resp: falcon.Response, error: CictlError, params: dict[str, Any]) -> None:
        if isinstance(error, StoreFull):
            on_full()
        _handle_domain(req, resp, error, params)

    app.add_error_handler(Exception, _handle_fault)
    app.add_error_handler(OSError, handle_system)
    app.add_error_handler(falcon.HTTPError, _handle_http)
    app.add_error_handler(CictlError, handle_domain)
    app.add_error_handler(DecodeError, _handle_undecodable)


def _handle_domain(req: falcon.Request, resp: falcon.Response, error: CictlError, _params: dict[str, Any]) -> None:
    status = error.code.status
    if status >= 500 and error.code not in _QUIET:
        _log(req, str(error))
    if status == 503:
        resp.set_header("Retry-After", _RETRY_AFTER_SECONDS)
    log_size = error.log_size if isinstance(error, LogGap) else None
    findings = error.findings if isinstance(error, InvalidProject) else []
    problem = Problem(
        title=str(error), status=status, code=error.code, hint=error.hint, findings=findings, log_size=log_size
    )
    answer(req, resp, problem)


def _handle_undecodable(
    req: falcon.Request, resp: falcon.Response, error: DecodeError, _params: dict[str, Any]
) -> None:
    message = "invalid JSON body"
    _handle_domain(req, resp, InvalidRequest(message, hint=str(error)), _params)


def _handle_http(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: dict[str, Any]) -> None:
    """Answer falcon's own errors: unknown routes, wrong methods, malformed requests."""
    if error.headers:
        resp.set_headers(error.headers)
    if isinstance(error, falcon.HTTPMethodNotAllowed):
        _set_allow(resp)
    match error.status_code:
        case 404:
            title, code = NO_ROUTE, Code.NOT_FOUND
        case 405:
            title, code = "method not allowed", Code.METHOD_NOT_ALLOWED
        case status if status >= 500:
            title, code = error.title or "internal error", Code.INTERNAL
        case _:
            title, code = error.description or error.title or "invalid request", Code.INVALID_REQUEST
    answer(req, resp, Problem(title=title, status=error.status_code, code=code))


def _set_allow(resp: falcon.Response) -> None:
    """Remove OPTIONS from the allowed methods: falcon adds it, and this server refuses it."""
    methods = [m for m in (resp.get_header("Allow") or "").split(", ") if m not in ("", "OPTIONS")]
    if methods:
        resp.set_header("Allow", ", ".join(methods))
    else:
        resp.delete_header("Allow")


def _of_disk(error: OSError) -> Problem | None:
    """Return the answer if the disk is full or fails; None for any other error of the system."""
    reason = error.strerror or error
    if error.errno in FULL:
        return Problem(title=f"the server's disk is full: {reason}", status=507, code=Code.STORE_FULL, hint=ROOM_HINT)
    if error.errno in BROKEN:
        return Problem(title=f"the server's disk fails: {reason}", status=500, code=Code.STORE_FAILED, hint=MEND_HINT)
    return None


def _handle_fault(req: falcon.Request, resp: falcon.Response, error: Exception, _params: dict[str, Any]) -> None:
    logger.error("request failed method=%s path=%s", req.method, req.path, exc_info=error, extra=_masked(req))
    answer(
        req, resp, Problem(title="internal error", status=500, code=Code.INTERNAL, hint="the server's log has details")
    )


def _log(req: falcon.Request, text: str) -> None:
    logger.error("request failed method=%s path=%s: %s", req.method, req.path, text, extra=_masked(req))


def _masked(req: falcon.Request) -> dict[str, object]:
    """Return what tells the log's format (`cictl.base.log_output`) to mask the record."""
    return {"redact": redact_for(req)}


def answer(req: falcon.Request, resp: falcon.Response, problem: Problem) -> None:
    """Write *problem* as JSON if the client accepts that, else as text: front ends of the reference show it as it is.

    A person's browser that goes to a page is shown one. Secrets in it are masked.
    """
    problem = masked_message(problem, redact_for(req), keep=_FIXED)
    req.context.problem = problem
    resp.status = problem.status
    resp.set_header("X-Content-Type-Options", "nosniff")
    if show_problem(req, resp, problem):
        return
    if _wants_json(req):
        resp.content_type = PROBLEM_JSON
        resp.data = encode(replace(problem, request_id=present_request_id()))
    else:
        resp.content_type = "text/plain; charset=utf-8"
        resp.data = problem.title.encode() + b"\n"


def problem_of(req: falcon.Request) -> Problem | None:
    """Return the problem with which *req* was answered, if it was."""
    return getattr(req.context, "problem", None)


def _wants_json(req: falcon.Request) -> bool:
    accept = req.get_header("Accept") or ""
    return PROBLEM_JSON in accept or "application/json" in accept
