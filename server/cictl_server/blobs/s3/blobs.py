"""Blobs as objects of a bucket."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING
from urllib.parse import quote

import obstore
from msgspec.structs import replace
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from cictl_server.blobs.contract import (
    BLOCK,
    PROJECTS,
    BadKey,
    Blob,
    BlobExists,
    BlobMissing,
    Blobs,
    BlobsAway,
    Readable,
    blocks,
    checked_key,
    checked_prefix,
)
from cictl_server.blobs.s3 import keys
from cictl_server.blobs.s3.address import BucketAddress
from cictl_server.blobs.s3.errors import is_no_bucket, is_past_end, meaning
from cictl_server.blobs.s3.folder import NewObjects, read_up_to
from cictl_server.blobs.s3.outage import Outage
from cictl_server.blobs.s3.reader import PIECE, ObjectReader

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult, ObjectMeta
    from obstore.store import BackoffConfig, RetryConfig, S3Config

_WHOLE = 16 << 20
"""Up to this size an object is sent in one request, from memory; a larger one in parts."""
_PART = 8 << 20
"""S3 takes 10,000 parts, so the largest object has 80 GB."""
_PARTS_AT_ONCE = 2
_LARGE_AT_ONCE = 4
"""How many are sent at the same time of those that don't fit into one block; so much more memory they take."""
_SMALL_AT_ONCE = 8
_LISTED_AT_ONCE = 1000
_UNFINISHED = "unfinished/"
_MODIFIED = "modified"
"""The name under which a copied object keeps the time of its original: the bucket itself only knows when an object came."""

_BACKOFF: BackoffConfig = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2}
PATIENCE = timedelta(seconds=10)
"""How long a request is repeated that gets no answer."""
_MORE_PATIENCE = 2
"""Who puts waits so many times longer for a bucket that was away before it came."""
_WAITING_AT_ONCE = 8
_WAIT_SECONDS = 0.5
_MOST_RETRIES = 50
_HASTY: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(seconds=1), "backoff": _BACKOFF}
_TIMEOUT = timedelta(seconds=30)
_CONNECT_TIMEOUT = timedelta(seconds=5)
_HASTY_TIMEOUT = timedelta(seconds=3)


class S3Blobs(Blobs):
    """The objects below one prefix of a bucket, which exists already.

    An object is written with a checksum, which the server of the bucket compares and keeps. Whoever asks waits some ten seconds for
    a bucket that stops to answer. While that lasts, some who put wait for twice as long, and all others fail at once.
    """

    def __init__(
        self,
        address: BucketAddress,
        *,
        config: S3Config | None = None,
        allow_http: bool = False,
        patience: timedelta = PATIENCE,
    ) -> None:
        """Ask nothing yet.

        Args:
            allow_http: Its address may begin with `http://`.
            config: What the library's `S3Store` takes, beyond what the `AWS_*` variables of this process say.
        """
        self.place = self.name = str(address)
        self._prefix = address.prefix
        settings: S3Config = {"checksum_algorithm": "SHA256", **(config or {})}
        patient: RetryConfig = {"max_retries": _MOST_RETRIES, "retry_timeout": patience, "backoff": _BACKOFF}
        self._store = _store(address, settings, patient, timeout=_TIMEOUT, allow_http=allow_http)
        self._hasty = _store(address, settings, _HASTY, timeout=_HASTY_TIMEOUT, allow_http=allow_http)
        self._outage = Outage()
        self._large = threading.BoundedSemaphore(_LARGE_AT_ONCE)
        self._patience = _MORE_PATIENCE * patience
        self._waiting = threading.BoundedSemaphore(_WAITING_AT_ONCE)
        self._pool = ThreadPoolExecutor(_SMALL_AT_ONCE, thread_name_prefix="s3")

    @property
    def keeps_case(self) -> bool:
        return True

    def of_project(self, project: str) -> str:
        return f"{PROJECTS}{quote(project, safe='').replace('.', '%2E')}/" if project else ""

    def put(self, key: str, content: Readable, *, if_absent: bool = False) -> int:
        checked_key(key)
        self._wait_for_bucket()
        return self.send(key, content, if_absent=if_absent)

    @contextmanager
    def new_folder(self, prefix: str) -> Iterator[NewObjects]:
        self._wait_for_bucket()
        if next(self.iter_below(prefix), None) is not None:
            raise BlobExists(prefix)
        folder = NewObjects(prefix, send=self.send, pool=self._pool)
        try:
            yield folder
            folder.finish()
        except BaseException:
            folder.give_up()
            with suppress(BlobsAway):  # the sweep will find them
                self.delete_below([prefix])
            raise

    def find(self, key: str) -> Blob | None:
        with suppress(BlobMissing), self._asking(key):
            return _found(key, obstore.get(self._store, self._wanted(key), options={"head": True}))
        return None

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        path = self._wanted(key)
        wanted = PIECE if length is None else min(length, PIECE)
        with self._asking(key):
            found = self._range(path, start, start + wanted) if wanted else None
            content = bytes(found.bytes()) if found else b""
            found = found or obstore.get(self._store, path, options={"head": True})
        size, etag = found.meta["size"], found.meta["e_tag"]
        return ObjectReader(
            _found(key, found),
            content,
            lambda first, last: self._piece(key, first, last, etag=etag),
            start=start,
            end=size if length is None else min(start + length, size),
            is_executable=found.attributes.get("executable") == "true",
        )

    def iter_below(self, prefix: str) -> Iterator[Blob]:
        path = self._written(checked_prefix(prefix)[:-1])
        with self._asking():
            for found in obstore.list(self._store, path, chunk_size=_LISTED_AT_ONCE):
                for meta in found:
                    if meta["path"].startswith(f"{path}/"):
                        yield _blob(keys.read(meta["path"]), meta)

    def delete(self, keys: Iterable[str]) -> None:
        paths = self._all_wanted(keys)
        while some := list(islice(paths, _LISTED_AT_ONCE)):
            with self._asking():
                obstore.delete(self._store, some)

    def delete_below(self, prefixes: Iterable[str]) -> None:
        every = [checked_prefix(prefix) for prefix in prefixes]
        found = self._pool.map(lambda prefix: [blob.key for blob in self.iter_below(prefix)], every)
        self.delete(chain.from_iterable(found))

    def remove_unfinished(self, before: datetime) -> None:
        self.delete([blob.key for blob in self.iter_below(_UNFINISHED) if blob.modified < before])

    def check(self, *, by_writing: bool = False) -> None:
        probe = f"{_UNFINISHED}{secrets.token_hex(8)}"
        try:
            next(iter(obstore.list(self._hasty, chunk_size=1)), None)
            if by_writing:
                obstore.put(self._hasty, probe, b"")
                obstore.delete(self._hasty, [probe])
        except (BaseError, FileNotFoundError) as error:
            raise self._away(error) from error
        self._outage.end()

    def send(
        self,
        key: str,
        content: Readable,
        *,
        if_absent: bool = False,
        is_executable: bool = False,
        modified: datetime | None = None,
    ) -> int:
        """Put one object, and return its size."""
        path = self._written(key)
        attributes = {"executable": "true"} if is_executable else {}
        if modified is not None:
            attributes[_MODIFIED] = modified.isoformat()
        data = read_up_to(content, BLOCK)
        if len(data) < BLOCK:
            return self._send_whole(key, path, data, attributes, if_absent=if_absent)
        with self._large:
            data += read_up_to(content, _WHOLE - len(data) + 1)
            if len(data) <= _WHOLE:
                return self._send_whole(key, path, data, attributes, if_absent=if_absent)
            if if_absent:
                raise ValueError(f"{key} is too large to be put if absent")  # the library's parts know no condition
            stream = chain([data], blocks(content))
            del data
            return self._send_parts(path, stream, attributes)

    def _send_whole(self, key: str, path: str, data: bytes, attributes: dict[str, str], *, if_absent: bool) -> int:
        with self._asking():
            try:
                obstore.put(
                    self._store,
                    path,
                    data,
                    attributes=attributes,
                    mode="create" if if_absent else "overwrite",
                    use_multipart=False,
                )
            except (AlreadyExistsError, PreconditionError) as error:
                raise BlobExists(key) from error
        return len(data)

    def _send_parts(self, path: str, stream: Iterator[bytes], attributes: dict[str, str]) -> int:
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for block in stream:
                size += len(block)
                yield block

        with self._asking():
            obstore.put(
                self._store,
                path,
                counted(),
                attributes=attributes,
                use_multipart=True,
                chunk_size=_PART,
                max_concurrency=_PARTS_AT_ONCE,
            )
        return size

    def _range(self, path: str, start: int, end: int) -> GetResult | None:
        """Ask for some bytes; None if the object ends before them."""
        try:
            return obstore.get(self._store, path, options={"range": (start, end)})
        except BaseError as error:
            if is_past_end(error):
                return None
            raise

    def _piece(self, key: str, start: int, end: int, *, etag: str | None) -> bytes:
        """Return further bytes of an object that must still be the same."""
        options: GetOptions = {"range": (start, end), "if_match": etag}
        with self._asking(key):
            try:
                return bytes(obstore.get(self._store, self._written(key), options=options).bytes())
            except PreconditionError as error:
                raise BlobMissing(key) from error

    def _all_wanted(self, keys: Iterable[str]) -> Iterator[str]:
        for key in keys:
            with suppress(BlobMissing):
                yield self._wanted(key)

    def _wanted(self, key: str) -> str:
        """Return how the key of an object is written that may be there.

        Raises:
            BlobMissing: No object can be under such a key.
        """
        checked_key(key)
        try:
            return self._written(key)
        except BadKey as error:
            raise BlobMissing(key) from error

    def _written(self, key: str) -> str:
        return keys.written(key, prefix=self._prefix)

    @contextmanager
    def _asking(self, key: str = "") -> Iterator[None]:
        """Translate the library's errors, and fail at once while the bucket is away.

        Args:
            key: What is read, if that is why the block asks.
        """
        self._outage.check(self.check)
        try:
            yield
        except FileNotFoundError as error:
            if not is_no_bucket(error):
                raise BlobMissing(key) from error
            raise self._away(error) from error
        except BaseError as error:
            raise self._away(error) from error
        self._outage.end()

    def _wait_for_bucket(self) -> None:
        """Let some of those who put wait while the bucket is away: they have come with much, and would have to come again."""
        if not self._outage.is_on or not self._waiting.acquire(blocking=False):
            return
        try:
            deadline = time.monotonic() + self._patience.total_seconds()
            while self._outage.is_on and time.monotonic() < deadline:
                time.sleep(_WAIT_SECONDS)
                with suppress(BlobsAway):
                    self.check()
        finally:
            self._waiting.release()

    def _away(self, error: BaseError | FileNotFoundError) -> BlobsAway:
        away = meaning(self.place, error)
        self._outage.begin(away)
        return away


def _store(
    address: BucketAddress, config: S3Config, retries: RetryConfig, *, timeout: timedelta, allow_http: bool
) -> S3Store:
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        config=config,
        client_options={
            "allow_http": allow_http,
            "timeout": timeout,
            "connect_timeout": min(timeout, _CONNECT_TIMEOUT),
        },
        retry_config=retries,
    )


def _found(key: str, result: GetResult) -> Blob:
    """Return what is known of an object whose attributes came along."""
    blob = _blob(key, result.meta)
    original = result.attributes.get(_MODIFIED)
    return replace(blob, modified=datetime.fromisoformat(original)) if original else blob


def _blob(key: str, meta: ObjectMeta) -> Blob:
    return Blob(
        key=key,
        size=meta["size"],
        modified=meta["last_modified"],
        etag=meta["e_tag"] or f'"{meta["last_modified"].timestamp()}"',
    )
