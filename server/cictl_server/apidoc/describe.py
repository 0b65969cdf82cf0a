"""What a responder takes and answers, said once beside it.

The API's reference page and the OpenAPI document are made from these descriptions, so they cannot disagree. The
responder's docstring is the operation's summary and text; statuses belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cictl.wire.codec import Message
from cictl_server.http.parameters import Parameter

F = TypeVar("F", bound=Callable[..., None])

_ATTRIBUTE = "__api__"


@dataclass(frozen=True, kw_only=True)
class Content:
    """A body that is not one JSON message.

    Attributes:
        media: Its media types; the first is the usual one.
        headers: Response headers that come with it, and what each holds.
    """

    media: tuple[str, ...]
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = type[Message] | tuple[type[Message], ...] | Content | str
"""A message, one of several, other content, or, for an error or an empty answer, when it comes."""

Request = type[Message] | Content


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `api` was told."""

    request: Request | None
    answers: Mapping[int, Answer]
    query: tuple[Parameter, ...]
    headers: tuple[Parameter, ...]


def api(
    *,
    answers: Mapping[int, Answer],
    request: Request | None = None,
    query: Sequence[Parameter] = (),
    headers: Sequence[Parameter] = (),
) -> Callable[[F], F]:
    """Describe a responder.

    What every route shares is added where the descriptions are read: refused hosts and origins, faults, a full disk,
    malformed and oversized bodies, ids of the path that are no numbers.
    """
    description = Description(request=request, answers=answers, query=tuple(query), headers=tuple(headers))

    def describe(responder: F) -> F:
        setattr(responder, _ATTRIBUTE, description)
        return responder

    return describe


def description_of(responder: Any) -> Description:
    """Return what `api` was told about *responder*.

    Raises:
        LookupError: It has no description; the text says where to put one.
    """
    found: Description | None = getattr(responder, _ATTRIBUTE, None)
    if found is None:
        raise LookupError(f"{responder.__qualname__} lacks @api(...): see cictl_server/apidoc/describe.py")
    return found
