"""Where in which bucket: `s3://bucket/prefix`."""

from __future__ import annotations

import msgspec

from cictl.base.system.beneath import leads_out
from cictl_server.errors import InvalidRequest

SCHEME = "s3://"


class BucketAddress(msgspec.Struct, frozen=True):
    """A bucket, and the path in it below which everything lies; empty for the whole bucket."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return SCHEME + "/".join(filter(None, (self.bucket, self.prefix)))


def parse_address(url: str) -> BucketAddress:
    """Return what *url* names.

    Raises:
        InvalidRequest: It is no such URL.
    """
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    prefix = prefix.rstrip("/")
    if not url.startswith(SCHEME) or not bucket or set(bucket) & set("@:?#") or (prefix and leads_out(prefix)):
        raise InvalidRequest(
            f"{url} names no bucket",
            hint="write s3://bucket or s3://bucket/prefix; credentials go into AWS_* variables",
        )
    return BucketAddress(bucket, prefix)
