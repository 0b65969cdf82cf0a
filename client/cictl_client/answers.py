"""Whose answer came. Only the server's own decides anything; one of a proxy, or of a sign-in page, is an outage.

An answer is the server's own if
- it has the header `Cictl-Server`, as each of a cictl server has;
- or it refuses with problem details and a code of ours, as a cictl server did before there was that header;
- or it refuses as a server of the reference does on that route (`reference`);
- or it has the shape of the route's answer, and is no web page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from cictl.base.urls import without_user_info
from cictl.wire import words
from cictl.wire.codec import DecodeError, decode
from cictl_client import reference
from cictl_client.errors import ClientError, ForeignAnswer, UnexpectedAnswer, error_of, is_own_problem
from cictl_client.foreign import described

T = TypeVar("T")

REDIRECTS = (301, 302, 303, 307, 308)
_FILES = "/artifacts/"
_SHOWN_BYTES = 60


class Headers(Mapping[str, str]):
    """The headers of an answer, whose names know no case."""

    def __init__(self, lowered: Mapping[str, str]) -> None:
        """Take headers whose names are in lower case."""
        self._lowered = lowered

    def __getitem__(self, name: str) -> str:
        return self._lowered[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lowered)

    def __len__(self) -> int:
        return len(self._lowered)


class RawResponse(NamedTuple):
    """An answer as it came. `headers` is a mapping that knows no case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Asked(NamedTuple):
    """What was asked: the server's address without user info, and the path behind it without the query."""

    base_url: str
    path: str


def is_marked(headers: Mapping[str, str]) -> bool:
    """Tell whether an answer has the mark of a cictl server."""
    return words.CICTL_SERVER.lower() in headers


def refusal_of(asked: Asked, response: RawResponse, *, is_sure: bool = False) -> ClientError:
    """Return the error that *response* stands for, whose status is 400 or more.

    Args:
        is_sure: A server of the reference has this address, so its words for a missing route are not a proxy's.
    """
    status, headers, body = response
    kind = _kind(response)
    is_own = is_marked(headers) or is_own_problem(kind, body) or reference.is_refusal(asked.path, *response)
    if is_own or (is_sure and reference.may_lack(asked.path, *response)):
        return error_of(status, kind, body)
    return foreign(asked, response)


def redirect_error(asked: Asked, response: RawResponse) -> ForeignAnswer:
    """Return the error for a redirect that is not followed."""
    target = without_user_info(response.headers.get("location", "nowhere"))
    detail = f"it redirects to {target}; if that is the server, use its address"
    return ForeignAnswer(asked.base_url, detail, status=response.status)


def is_foreign(asked: Asked, response: RawResponse, *, knows_marks: bool) -> bool:
    """Tell by its headers whether a successful answer is not the server's.

    Args:
        knows_marks: The server marked its last answer. Then it marks artifacts too, which may be of any type.
    """
    if is_marked(response.headers):
        return False
    return knows_marks if asked.path.startswith(_FILES) else _kind(response).startswith("text/html")


def foreign(asked: Asked, response: RawResponse) -> ForeignAnswer:
    """Return the error for an answer that is not the server's."""
    return ForeignAnswer(asked.base_url, described(*response), status=response.status)


def read_as(type_: type[T], asked: Asked, response: RawResponse) -> T:
    """Return *response* as *type_*.

    Raises:
        UnexpectedAnswer: It is the server's, and has another shape.
        ForeignAnswer: It is not the server's.
    """
    try:
        return decode(response.body, type_)
    except DecodeError as error:
        raise shapeless(asked, response, str(error)) from error


def shapeless(asked: Asked, response: RawResponse, detail: str) -> ClientError:
    """Return the error for a successful answer that has another shape than the route's."""
    if is_marked(response.headers):
        return UnexpectedAnswer(asked.base_url + asked.path, f"{detail}; {_came(response)}")
    text = f"{described(*response)}; {detail}; {_came(response)}"
    return ForeignAnswer(asked.base_url, text, status=response.status)


def _came(response: RawResponse) -> str:
    """Return a description of an answer of the wrong shape."""
    begin = response.body[:_SHOWN_BYTES].decode(errors="replace")
    return f"there came {len(response.body)} bytes of {_kind(response) or 'no type'}, beginning {begin!r}"


def _kind(response: RawResponse) -> str:
    return response.headers.get("content-type", "")
