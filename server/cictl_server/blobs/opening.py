"""From the setting `--files` to the place that it names."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cictl.base.web.trust import CA_FILE
from cictl_server.blobs.contract import Blobs, BlobsAway, BlobsRefused
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.errors import InvalidRequest

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 5.0
_TRUSTED = "SSL_CERT_FILE"
_YES = ("1", "true", "yes", "on")


def open_blobs(files: str, *, data_dir: Path, environ: Mapping[str, str]) -> Blobs:
    """Return the place for blobs that *files* names, a directory or `s3://bucket/prefix`; empty for the data directory.

    Args:
        environ: The variables of this process, which has to have the `AWS_*` ones itself: a library reads them.

    Raises:
        InvalidRequest: It names none, the package for S3 is not installed, or `CICTL_CA_FILE` names no file.
    """
    if not files:
        return DirectoryBlobs(data_dir)
    if "://" not in files:
        return DirectoryBlobs(Path(files).absolute())
    try:
        from cictl_server.blobs.s3.address import parse_address
        from cictl_server.blobs.s3.blobs import S3Blobs
    except ModuleNotFoundError as error:
        raise InvalidRequest(
            f"--files {files} needs the package {error.name}, which is not installed", hint='pip install "cictl[s3]"'
        ) from error
    with _variables_for_s3(environ.get(CA_FILE, "")):
        return S3Blobs(parse_address(files), allow_http=environ.get("AWS_ALLOW_HTTP", "").strip().lower() in _YES)


@contextmanager
def _variables_for_s3(ca_file: str) -> Iterator[None]:
    """Let the library for S3 find the variables of this process as it needs them when it makes a client in the block.

    It takes a blank one for a value, where it stands for none, as everywhere. And it takes no file of authorities, but reads the variable
    that OpenSSL has for that.

    Args:
        ca_file: PEM with the authorities that are trusted instead of all others; empty for the usual ones.

    Raises:
        InvalidRequest: There is no such file.
    """
    if ca_file and not Path(ca_file).is_file():
        raise InvalidRequest(f"{CA_FILE}: {ca_file} is no file", hint="name a PEM file with certificates")
    before = dict(os.environ)
    for name in [name for name, value in before.items() if name.startswith("AWS_") and not value.strip()]:
        del os.environ[name]
    if ca_file:
        os.environ[_TRUSTED] = ca_file
    try:
        yield
    finally:
        os.environ.pop(_TRUSTED, None)
        os.environ.update(before)


def wait_for(blobs: Blobs, *, patience: float = _PATIENCE_SECONDS, pause: float = _PAUSE_SECONDS) -> None:
    """Return once blobs can be read and put. A place that does not answer is asked for *patience* seconds, with a line in the log each
    time.

    Raises:
        BlobsAway: It did not answer.
        BlobsRefused, OSError: It answered that it never will.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            blobs.check(by_writing=True)
        except BlobsRefused:
            raise
        except BlobsAway as error:
            if time.monotonic() + pause > deadline:
                raise
            logger.warning("%s; trying again", error)
            time.sleep(pause)
        else:
            return
