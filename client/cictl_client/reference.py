"""How a server of the reference refuses: in plain text, with words that the contract names for each route.

It marks none of its answers, so only these words tell its refusals from those of a proxy before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from cictl.wire.words import NO_ROUTE

_ANY = r"(?s).+"
"""Any words, where the contract gives none: a message of git or of the database."""
_JOB = {404: "job not found"}
_OF_CICTL = r"/api/v1/jobs/[^/]+/(log|steps|explain)"
"""Routes that the reference lacks, below one that it has."""
_OF_A_JOB = {400: _ANY, **_JOB, 409: "job is .+|job has .+"}
_OF_A_PIPELINE = {400: _ANY, 404: ".*not found"}

_ROUTES: tuple[tuple[str, Mapping[int, str]], ...] = (
    (r"/healthz|/api/v1/(server-info|runtime-state|server/restart|jobs|agents)", {}),
    (r"/api/v1/(heartbeat|agent/lease)", {400: _ANY}),
    (r"/api/v1/agents/.+", {400: _ANY, 404: "agent not found"}),
    (r"/api/v1/jobs/(clear-queue|flush-history)", {}),
    (r"/api/v1/jobs/[^/]+", {**_JOB, 409: "job is not pending"}),
    (_OF_CICTL, _JOB),
    (r"/api/v1/jobs/[^/]+/(status|cancel|rerun|blocked-by|tests)", _OF_A_JOB),
    (r"/api/v1/jobs/[^/]+/artifacts(/.+)?", {**_OF_A_JOB, 404: "job not found|artifact directory not found"}),
    (r"/api/v1/projects(/(import|\d+(/(inspect|reload))?))?", {400: _ANY, 404: "(project|pipeline) not found"}),
    (r"/api/v1/pipelines/.+", _OF_A_PIPELINE),
    (r"/api/v1/pipeline-chains/.+", _OF_A_PIPELINE),
    (r"/api/v1/vault/connections(/.+)?", {400: _ANY, 404: "vault connection not found"}),
    (r"/api/v1/update/.+", {400: _ANY, 409: "update already in progress"}),
)
"""The contract's routes, and by status the words with which each refuses; the first that matches counts."""

_EVERYWHERE = {405: "method not allowed", 500: _ANY}


def is_refusal(path: str, status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether a server of the reference gives this answer to a request for *path*.

    Words that any program may say, such as `Forbidden`, do not count.

    Args:
        headers: Their names in lower case, or a mapping that knows no case.
    """
    text = body.decode(errors="replace").strip()
    if status == 405 and not text:
        return "allow" in headers
    words = {**_EVERYWHERE, **(_words_of(path) or {})}.get(status)
    return words is not None and _is_plain(headers) and not _is_common(status, text) and _fits(words, text)


def may_lack(path: str, status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether this answer says that there is no *path*, in words that both a reference server and a proxy use.

    Not so for a path of the contract: a reference server has them all.
    """
    is_routers = status == 404 and _is_plain(headers) and body.decode(errors="replace").strip() == NO_ROUTE
    return is_routers and (_words_of(path) is None or _fits(_OF_CICTL, path))


def _words_of(path: str) -> Mapping[int, str] | None:
    """Return the words of a route by status; None for a path that is not in the contract, or names a single file."""
    return next((words for route, words in _ROUTES if _fits(route, path)), None)


def _is_plain(headers: Mapping[str, str]) -> bool:
    """Tell whether an answer is plain text in the form that the reference gives to every refusal."""
    return headers.get("content-type", "").startswith("text/plain") and "x-content-type-options" in headers


def _is_common(status: int, text: str) -> bool:
    return text == NO_ROUTE or text.casefold() == HTTPStatus(status).phrase.casefold()


def _fits(words: str, text: str) -> bool:
    return re.fullmatch(words, text) is not None
