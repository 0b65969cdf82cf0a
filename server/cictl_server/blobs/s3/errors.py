"""What the library says of a failed request, in the contract's words."""

from __future__ import annotations

import re

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from cictl_server.blobs.contract import BlobsAway, BlobsRefused

_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_DENIED = re.compile(r"status code: 40[13]\b")
_MISSING = "NoSuchBucket"
_METADATA = ("169.254.", "InstanceCredentials", "metadata")
"""Where the library asks for credentials of the machine when it was given none."""
_CHECK = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"
_ORIGIN = re.compile(r"https?://[^/\s]+")
_NO_TLS = "BadScheme"


def meaning(place: str, error: BaseError | FileNotFoundError) -> BlobsAway:
    """Return the error of the contract for one of the library."""
    text = str(error)
    code, message = _CODE.search(text), _MESSAGE.search(text)
    reason = ": ".join(found[1] for found in (code, message) if found) or _first_line(text)
    if code and code[1] == _MISSING:
        return BlobsRefused(place, reason, hint="make the bucket first", is_missing=True)
    if any(word in text for word in _METADATA):
        return BlobsRefused(place, "no credentials were given, and this machine has none of its own", hint=_CHECK)
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or _DENIED.search(text):
        return BlobsRefused(place, reason, hint=_CHECK)
    if _NO_TLS in text:
        return BlobsRefused(place, "its address begins with http://", hint="set AWS_ALLOW_HTTP=true, or take https://")
    return BlobsAway(place, reason)


def is_no_bucket(error: FileNotFoundError) -> bool:
    """Tell whether the bucket itself is missing, and not only an object."""
    return _MISSING in str(error)


def is_past_end(error: BaseError) -> bool:
    """Tell whether a range was wanted that begins behind the last byte."""
    return "416 Range Not Satisfiable" in str(error) or "InvalidRange" in str(error)


def _first_line(text: str) -> str:
    """Return who was asked and the cause, from the first line of the library's text: these are its beginning and its end."""
    line = text.splitlines()[0]
    asked = _ORIGIN.search(line)
    return f"{asked[0]}: {line.rpartition(' - ')[2]}" if asked else line
