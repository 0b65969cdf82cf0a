"""Descriptions of responders: what each takes and answers.

The API's reference page and the OpenAPI document are both made from them, so they can't disagree. The docstring of a
responder gives the summary and the text of its operation; statuses belong into the description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from cictl.wire.codec import Message
from cictl_server.http.parameters import Parameter

F = TypeVar("F", bound=Callable[..., None])

_ATTRIBUTE = "__api__"
_NO_LINK = "a link of another site led here"


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A body that is not one JSON message, or not always.

    Attributes:
        media: Its media types, the usual one first.
        message: The message that it is if it is JSON.
        headers: The response headers that come with it, each with its text.
    """

    media: tuple[str, ...]
    text: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    message: type[Message] | None = None


AnswerShape = type[Message] | tuple[type[Message], ...] | Content | str
"""A message, one of several messages, or other content. For an error or an empty answer: the text that says when it comes."""

Request = type[Message] | Content


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What `api` was told about a responder.

    Attributes:
        costs_work: An answer needs git, another server or much computing, or it holds a place for waiting requests. The page
            of another site may not start that, not even by a link.
        takes_key: A change that is done once for an `Idempotency-Key`. The key is ignored where nothing changes, where the answer
            or the body holds secrets, which must not be stored, and for uploads: a repeat replaces the first one by the same, and
            their bodies are too large to be compared before the work begins.
        is_embedded: Pages of other sites may show the answer as an image.
    """

    request: Request | None
    answers: Mapping[int, AnswerShape]
    query: tuple[Parameter, ...]
    headers: tuple[Parameter, ...]
    costs_work: bool
    takes_key: bool
    is_embedded: bool


def api(
    *,
    answers: Mapping[int, AnswerShape],
    request: Request | None = None,
    query: Sequence[Parameter] = (),
    headers: Sequence[Parameter] = (),
    costs_work: bool = False,
    takes_key: bool = True,
    is_embedded: bool = False,
) -> Callable[[F], F]:
    """Describe a responder.

    `operations` adds what all routes share: refused hosts and origins, faults, a full disk, malformed and oversized
    bodies, and ids in the path that are not numbers.
    """
    if costs_work:
        answers = {**answers, 403: _NO_LINK}
    description = Description(
        request=request,
        answers=answers,
        query=tuple(query),
        headers=tuple(headers),
        costs_work=costs_work,
        takes_key=takes_key,
        is_embedded=is_embedded,
    )

    def describe(responder: F) -> F:
        setattr(responder, _ATTRIBUTE, description)
        return responder

    return describe


def find_description(responder: Any) -> Description | None:
    """Return what `api` was told about *responder*; None for one that falcon made, which refuses a method."""
    found: Description | None = getattr(responder, _ATTRIBUTE, None)
    return found


def description_of(responder: Any) -> Description:
    """Return what `api` was told about *responder*.

    Raises:
        LookupError: It has no description; the text says where to put one.
    """
    found = find_description(responder)
    if found is None:
        raise LookupError(f"{responder.__qualname__} lacks @api(...): see cictl_server/apidoc/describe.py")
    return found
