"""Parameters of requests: their descriptions for the API's documents, and reading them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import falcon
import msgspec

from cictl.wire import words
from cictl_server.errors import InvalidRequest
from cictl_server.http.access.authentication import principal_of
from cictl_server.services.history.holder import Sender


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of the query, or one request header.

    Attributes:
        is_number: Decimal digits from `low` to `high`; otherwise text.
        choices: The known values; any other counts as absent.
    """

    name: str
    text: str
    is_number: bool = False
    low: int = 0
    high: int | None = None
    default: int | None = None
    choices: tuple[str, ...] = ()


LEASE_TOKEN = Parameter(
    name=words.LEASE_TOKEN, text="The `lease_token` of the lease, from an agent that said `sends_token` there."
)


def lease_token(req: falcon.Request) -> str:
    """Return the token by which the sender holds its execution; empty if it shows none."""
    return req.get_header(words.LEASE_TOKEN) or ""


def listed(req: falcon.Request, name: str) -> tuple[str, ...]:
    """Return the words of a parameter that may be repeated, and have several with commas; in lower case."""
    texts = ",".join(req.get_param_as_list(name) or []).split(",")
    return tuple(filter(None, (text.strip().lower() for text in texts)))


def instant(req: falcon.Request, name: str) -> datetime | None:
    """Return an RFC 3339 instant of the query; None if it is absent.

    Raises:
        InvalidRequest: It is none.
    """
    text = req.get_param(name)
    if not text:
        return None
    try:
        found: datetime = msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)])
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{name} must be an instant such as 2026-01-31T12:00:00Z") from error
    return found


def sender_of(req: falcon.Request, agent_id: str) -> Sender:
    """Return who sends a file: the agent *agent_id*, or a step of a job that it runs."""
    principal = principal_of(req)
    return Sender(agent_id=agent_id, token=lease_token(req), job_token_hash=principal.digest if principal.job else "")


def nearest(req: falcon.Request, parameter: Parameter) -> int:
    """Return a number of the query. As in the contract, a bad one gives the default and one out of bounds the bound."""
    assert parameter.default is not None
    assert parameter.high is not None
    text = req.get_param(parameter.name) or ""
    try:
        return min(max(int(text), parameter.low), parameter.high)
    except ValueError:
        return parameter.default
