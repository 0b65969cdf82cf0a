"""From the setting `--files` to the place that it names."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from cictl_server.blobs.contract import Blobs, BlobsAway, BlobsRefused
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.errors import InvalidRequest

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 5.0
_YES = ("1", "true", "yes", "on")


def open_blobs(files: str, *, data_dir: Path, environ: Mapping[str, str]) -> Blobs:
    """Return the place for blobs that *files* names, a directory or `s3://bucket/prefix`; empty for the data directory.

    Args:
        environ: The variables of this process, which has to have the `AWS_*` ones itself: a library reads them.

    Raises:
        InvalidRequest: It names none, or the package for S3 is not installed.
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
    return S3Blobs(parse_address(files), allow_http=environ.get("AWS_ALLOW_HTTP", "").strip().lower() in _YES)


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
