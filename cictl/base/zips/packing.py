"""How the files of a zip are packed: quickly, and not at all where that gains nothing."""

from __future__ import annotations

import zipfile
import zlib

SAMPLE_BYTES = 1 << 16
"""So many of a file's first bytes tell whether it is worth packing."""

_LEVEL = 1
_WORTH = 0.95


def choose_packing(entry: zipfile.ZipInfo, sample: bytes) -> None:
    """Say in *entry* how its bytes are kept, by a sample of them: what is compressed already is stored, all else is deflated."""
    # Deflating costs twenty times what sending costs, and archives, images and the like stay as large as they are.
    is_worth_it = len(zlib.compress(sample, _LEVEL)) < len(sample) * _WORTH
    entry.compress_type = zipfile.ZIP_DEFLATED if is_worth_it else zipfile.ZIP_STORED
    # The archive's own level is not for entries that are made by hand. The attribute is public from Python 3.13 on.
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined]
