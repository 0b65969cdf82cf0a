"""Zips of artifacts, for those who download many."""

from __future__ import annotations

import tempfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

from cictl.base.names.artifact_paths import link_entry, link_text
from cictl.base.zips.composed import ComposedFile
from cictl.base.zips.packing import SAMPLE_BYTES, choose_packing
from cictl_server.blobs.contract import BlobError, BlobReader, Blobs, BlobsAway, blocks

_PACKED_AT_ONCE = 2
"""How many archives are packed at the same time. Each keeps a processor busy."""
_LENT_BYTES, _MOST_LENT = 1 << 20, 64
"""From which size on a file is not copied into the zip, and how many such files one zip keeps open."""
_MODE, _MODE_OF_PROGRAMS = 0o100644, 0o100755


class Packer:
    """Packs zips into temporary files of *spool*, a directory on this machine.

    Large files that are stored and lie on this machine are not copied: they are read once for their checksum, and sent from where
    they are. They stay open until then, because an upload may replace them meanwhile.
    """

    def __init__(self, blobs: Blobs, spool: Path) -> None:
        self._blobs = blobs
        self._spool = spool
        self._packing = threading.BoundedSemaphore(_PACKED_AT_ONCE)

    @contextmanager
    def pack(
        self, paths: Iterable[str], *, keys: Mapping[str, str], links: Mapping[str, str]
    ) -> Iterator[ComposedFile]:
        """Yield a zip, rewound.

        Args:
            paths: Its entries.
            keys: Where the bytes of each are. What is missing there was replaced or removed since it was listed, and is
                passed over.
            links: The entries that are links, and where each leads.
        """
        with ExitStack() as opened:
            packed = ComposedFile(opened.enter_context(tempfile.TemporaryFile(dir=self._spool)))
            opened.callback(packed.close)
            with self._packing, zipfile.ZipFile(cast("IO[bytes]", packed), "w") as archive:
                packing = _Packing(packed, archive, opened)
                for path in paths:
                    if path in links:
                        archive.writestr(link_entry(path), link_text(path, links[path]))
                    elif path in keys:
                        self._add(packing, path, keys[path])
            packed.seek(0)
            yield packed

    def _add(self, packing: _Packing, path: str, key: str) -> None:
        try:
            reader = self._blobs.open(key)
        except BlobsAway:
            raise
        except BlobError:
            return
        packing.add(path, reader)


class _Packing:
    """One zip that is being packed, and the open files that it borrows from."""

    def __init__(self, packed: ComposedFile, archive: zipfile.ZipFile, opened: ExitStack) -> None:
        self._packed = packed
        self._archive = archive
        self._opened = opened
        self._lent = 0

    def add(self, path: str, reader: BlobReader) -> None:
        """Add a file, which is closed now or with the zip."""
        with ExitStack() as closing:
            closing.enter_context(reader)
            extent = next(reader.extents() or iter(()), None)
            sample = reader.read(SAMPLE_BYTES)
            entry = _entry(path, reader)
            choose_packing(entry, sample)
            with self._archive.open(entry, "w") as target, ExitStack() as lending:
                if extent is not None and self._is_worth_lending(entry):
                    lending.enter_context(self._packed.lent(lambda: extent.file))
                    self._opened.push(closing.pop_all())
                    self._lent += 1
                target.write(sample)
                target.writelines(blocks(reader))

    def _is_worth_lending(self, entry: zipfile.ZipInfo) -> bool:
        is_large = entry.compress_type == zipfile.ZIP_STORED and entry.file_size >= _LENT_BYTES
        return is_large and self._lent < _MOST_LENT


def _entry(path: str, reader: BlobReader) -> zipfile.ZipInfo:
    """Return the head of an entry. Its size tells zipfile whether it needs the form for large ones."""
    modified = reader.blob.modified.astimezone()
    entry = zipfile.ZipInfo(path, modified.timetuple()[:6])
    entry.file_size = reader.blob.size
    entry.external_attr = (_MODE_OF_PROGRAMS if reader.is_executable else _MODE) << 16
    return entry
