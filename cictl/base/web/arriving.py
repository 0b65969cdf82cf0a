"""The body of an answer, piece by piece as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

_BLOCK = 1 << 16


def arriving(response: requests.Response) -> Iterator[bytes]:
    """Yield the bytes of a body as they arrive.

    requests waits for a whole block, or for the end, unless the body comes in chunks. Some proxies pass none on.

    Raises:
        requests.ConnectionError: The connection broke, or stayed silent for too long.
    """
    import requests
    from urllib3.exceptions import HTTPError

    try:
        if response.raw.chunked:
            yield from response.raw.stream(_BLOCK, decode_content=True)
        else:
            while block := response.raw.read1(_BLOCK, decode_content=True):
                yield block
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
