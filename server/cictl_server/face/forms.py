"""What a form on a page sends."""

from __future__ import annotations

from urllib.parse import parse_qs

import falcon

from cictl_server.errors import InvalidRequest, TooLarge

_MOST_FIELDS = 1000


def read_form(req: falcon.Request) -> dict[str, str]:
    """Return the fields of a form by name, without blanks around them; of several with one name, the first.

    Raises:
        TooLarge: It is longer than its route allows.
        InvalidRequest: It is no form, or has a thousand fields.
    """
    return {name: values[0].strip() for name, values in read_fields(req).items()}


def given_of(req: falcon.Request, *names: str) -> dict[str, str]:
    """Return those of the fields *names* that the query of a question fills, without blanks around them."""
    return {name: text for name in names if (text := (req.get_param(name) or "").strip())}


def read_fields(req: falcon.Request) -> dict[str, list[str]]:
    """Return all values of the fields of a form. The errors are those of `read_form`."""
    limit: int = req.context.body_limit
    if (req.content_length or 0) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")
    try:
        text = req.bounded_stream.read(limit).decode()
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:  # no UTF-8, or too many fields
        raise InvalidRequest("the body is no form") from error
