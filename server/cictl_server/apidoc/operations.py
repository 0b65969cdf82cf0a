"""The operations of the API, from the route table and the descriptions of the responders."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module

import msgspec

import cictl.wire
from cictl.base.job_parts import JobPart
from cictl.wire import words
from cictl.wire.codec import Item, Message
from cictl_server.apidoc.describe import AnswerShape, Description, description_of
from cictl_server.http.access.roles_of_routes import ROLES, Access
from cictl_server.http.parameters import Parameter
from cictl_server.http.routes import Route

NUMBER_IDS = frozenset({"project_id", "pipeline_id", "chain_id", "connection_id", "secret_id", "token_id"})
"""The path parameters that are database ids."""

_REACHED = frozenset({"job_id", "project_id", "pipeline_id", "chain_id"})
"""The path parameters that name what not every token sees (`services/access/reach.py`)."""

_METHODS = ("get", "post", "put", "delete", "head")
_PLACEHOLDER = re.compile(r"\{(\w+)(?::\w+)?\}")

FORBIDDEN = "the page of another site sent it"
OTHER_HOST = "the `Host` is neither this server nor allowed"
UNAUTHENTICATED = "a server that wants tokens got none, or one that is wrong, revoked or expired"
NOT_ALLOWED = "a token whose role, agent or projects don't allow it"
NOT_SEEN = "nothing that the token sees"
LIMITED = "many wrong tokens came from this address; `Retry-After` says when to come again"
FAULT = "a fault of the server or its disk; nothing was changed"
DISK_FULL = "the disk is full; nothing was changed"
TOO_LARGE = "the body is larger than the server takes"
MALFORMED = "the body is not JSON of this form"
NO_NUMBER = "an id is not a positive number"
BAD_KEY = "the `Idempotency-Key` is longer than 255 characters, or not printable"
KEY_IN_USE = "the first request with this `Idempotency-Key` is being answered, was interrupted, or had an answer too large to keep"
KEY_REUSED = "the first request with this `Idempotency-Key` had another query or body"

IDEMPOTENCY_KEY = Parameter(
    name=words.IDEMPOTENCY_KEY,
    text="A repeat with the same key gets the first one's answer, with `Idempotency-Replayed: true`, for 24 hours.",
)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    Attributes:
        path: With plain placeholders, such as `/api/v1/jobs/{job_id}`.
        id: A unique name, such as `get_job`.
        tag: The group of the operation, such as `jobs`.
        summary: The first line of the responder's docstring.
        text: The rest of it; may be empty.
        body_text: How large a request's body may be.
    """

    method: str
    path: str
    id: str
    tag: str
    summary: str
    text: str
    body_text: str
    description: Description

    @property
    def role(self) -> Access:
        """The weakest role that may use it.

        Raises:
            LookupError: `http/access/roles_of_routes.py` does not say.
        """
        route = f"{self.method.upper()} {self.path}"
        if route not in ROLES:
            raise LookupError(f"{route} lacks a role: see cictl_server/http/access/roles_of_routes.py")
        return ROLES[route]

    @property
    def path_parameters(self) -> list[str]:
        return _PLACEHOLDER.findall(self.path)

    @property
    def headers(self) -> tuple[Parameter, ...]:
        """The known request headers, including those that all such operations share."""
        return (*self.description.headers, *((IDEMPOTENCY_KEY,) if self._takes_key else ()))

    @property
    def _changes_something(self) -> bool:
        return self.method not in ("get", "head")

    @property
    def _takes_key(self) -> bool:
        return self._changes_something and self.description.takes_key

    @property
    def answers(self) -> dict[int, AnswerShape]:
        """The possible answers by status, including those that all such operations share."""
        answers: dict[int, AnswerShape] = dict(self.description.answers)
        for status, text in self._shared():
            told = answers.get(status)
            answers[status] = f"{told}; {text}" if isinstance(told, str) else told or text
        return dict(sorted(answers.items()))

    def _shared(self) -> Iterator[tuple[int, str]]:
        request = self.description.request
        if isinstance(request, type):
            yield 400, MALFORMED
        if NUMBER_IDS.intersection(self.path_parameters):
            yield 400, NO_NUMBER
        if self._takes_key:
            yield 400, BAD_KEY
            yield 409, KEY_IN_USE
            yield 422, KEY_REUSED
        if self.role is not Access.NONE:
            yield 401, UNAUTHENTICATED
            yield 429, LIMITED
        yield 403, FORBIDDEN if self.role in (Access.NONE, Access.ANY) else f"{FORBIDDEN}; {NOT_ALLOWED}"
        if _REACHED.intersection(self.path_parameters):
            yield 404, NOT_SEEN
        yield 421, OTHER_HOST
        if request is not None:
            yield 413, TOO_LARGE
        yield 500, FAULT
        if self._changes_something:
            yield 507, DISK_FULL


def operations(routes: Iterable[Route]) -> Iterator[Operation]:
    """Yield the operations in the order of *routes*.

    Raises:
        LookupError: A responder has no description.
    """
    for route in routes:
        for method in _METHODS:
            if route.takes(method):
                yield _operation(route, method)


def _operation(route: Route, method: str) -> Operation:
    responder = getattr(route.resource, "_".join(filter(None, ("on", method, route.suffix))))
    summary, _, text = (inspect.getdoc(responder) or "").partition("\n")
    noun = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", route.resource.__name__.removesuffix("Resource")).lower()
    return Operation(
        method=method,
        path=_PLACEHOLDER.sub(r"{\1}", route.path),
        id="_".join(filter(None, (method, noun, route.suffix))),
        tag=route.resource.__module__.rpartition(".")[2],
        summary=summary.rstrip("."),
        text=text.strip(),
        body_text=route.body_text,
        description=description_of(responder),
    )


@cache
def wire_types() -> Mapping[str, type[Message | JobPart]]:
    """Return all messages of the wire and their parts, by name, sorted by it."""
    found = {
        name: value
        for module in pkgutil.walk_packages(cictl.wire.__path__, "cictl.wire.")
        for name, value in vars(import_module(module.name)).items()
        if isinstance(value, type) and issubclass(value, Message | JobPart) and value not in (Message, Item, JobPart)
    }
    return dict(sorted(found.items()))


def attributes(struct: type[Message | JobPart]) -> tuple[str, dict[str, str]]:
    """Split the docstring of *struct* into its text and the texts of its keys."""
    head, _, rest = (inspect.getdoc(struct) or "").partition("Attributes:\n")
    told: dict[str, str] = {}
    for names, text in re.findall(r"^ {4}(\w[\w, ]*): ((?:.*)(?:\n {5,}.*)*)", rest, flags=re.MULTILINE):
        for name in names.split(", "):
            told[name] = " ".join(text.split())
    return head.strip(), told
