from __future__ import annotations

import io
import random
import zipfile

import pytest

from cictl.base.zips.packing import SAMPLE_BYTES, choose_packing

TEXT = b"a line of a log\n" * 10_000
NOISE = random.Random(1).randbytes(1 << 18)


@pytest.mark.parametrize(
    ("content", "method"),
    [
        pytest.param(TEXT, zipfile.ZIP_DEFLATED, id="text"),
        pytest.param(NOISE, zipfile.ZIP_STORED, id="compressed-already"),
        pytest.param(b"", zipfile.ZIP_STORED, id="empty"),
        pytest.param(b"x", zipfile.ZIP_STORED, id="shorter-than-what-packing-adds"),
    ],
)
def test_what_gets_no_smaller_is_stored(content: bytes, method: int) -> None:
    entry, file = zipfile.ZipInfo("f"), io.BytesIO()
    choose_packing(entry, content[:SAMPLE_BYTES])
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, content)
    with zipfile.ZipFile(file) as archive:
        assert archive.read("f") == content
        assert archive.getinfo("f").compress_type == method
