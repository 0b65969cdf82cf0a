"""Parameters of requests: their descriptions for the API's documents, and reading them."""

from __future__ import annotations

from dataclasses import dataclass

import falcon

from cictl.wire import words


@dataclass(frozen=True, kw_only=True)
class Parameter:
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


def nearest(req: falcon.Request, parameter: Parameter) -> int:
    """Return a number of the query. As in the contract, a bad one gives the default and one out of bounds the bound."""
    assert parameter.default is not None
    assert parameter.high is not None
    text = req.get_param(parameter.name) or ""
    try:
        return min(max(int(text), parameter.low), parameter.high)
    except ValueError:
        return parameter.default
