"""Zips of artifacts, for those who download many."""

from __future__ import annotations

import tempfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cictl.base.names.artifact_paths import link_entry, link_text
from cictl.base.packing import SAMPLE_BYTES, choose_packing
from cictl_server.blobs.contract import BlobError, BlobReader, Blobs, BlobsAway, blocks

_PACKED_AT_ONCE = 2
"""How many archives are packed at the same time. Each keeps a processor busy."""
_MODE, _MODE_OF_PROGRAMS = 0o100644, 0o100755


class Packer:
    """Packs zips into temporary files of *spool*, a directory on this machine."""

    def __init__(self, blobs: Blobs, spool: Path) -> None:
        self._blobs = blobs
        self._spool = spool
        self._packing = threading.BoundedSemaphore(_PACKED_AT_ONCE)

    @contextmanager
    def pack(self, paths: Iterable[str], *, keys: Mapping[str, str], links: Mapping[str, str]) -> Iterator[IO[bytes]]:
        """Yield a zip, rewound.

        Args:
            paths: Its entries.
            keys: Where the bytes of each are. What is missing there was replaced or removed since it was listed, and is
                passed over.
            links: The entries that are links, and where each leads.
        """
        with tempfile.TemporaryFile(dir=self._spool) as spool:
            with (
                self._packing,
                zipfile.ZipFile(spool, "w") as archive,
            ):
                for path in paths:
                    if path in links:
                        archive.writestr(link_entry(path), link_text(path, links[path]))
                    elif path in keys:
                        self._add(archive, path, keys[path])
            spool.seek(0)
            yield spool

    def _add(self, archive: zipfile.ZipFile, path: str, key: str) -> None:
        try:
            reader = self._blobs.open(key)
        except BlobsAway:
            raise
        except BlobError:
            return
        with reader:
            sample = reader.read(SAMPLE_BYTES)
            entry = _entry(path, reader)
            choose_packing(entry, sample)
            with archive.open(entry, "w") as target:
                target.write(sample)
                target.writelines(blocks(reader))


def _entry(path: str, reader: BlobReader) -> zipfile.ZipInfo:
    """Return the head of an entry. Its size tells zipfile whether it needs the form for large ones."""
    modified = reader.blob.modified.astimezone()
    entry = zipfile.ZipInfo(path, modified.timetuple()[:6])
    entry.file_size = reader.blob.size
    entry.external_attr = (_MODE_OF_PROGRAMS if reader.is_executable else _MODE) << 16
    return entry
