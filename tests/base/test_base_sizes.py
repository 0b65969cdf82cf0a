from __future__ import annotations

import pytest

from cictl.base.text.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "count"), [("0", 0), ("4096", 4096), ("10MiB", 10 << 20), (" 1 gib ", 1 << 30), ("2TiB", 2 << 40)]
)
def test_sizes_are_read(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "-1", "1.5GiB", "1GB", "much", "9" * 20])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"), [(512, "512 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes_are_written(count: int, text: str) -> None:
    assert size_text(count) == text
