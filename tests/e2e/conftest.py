from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.processes import Workplace
from cictl_testing.real_versions import real_versions

__all__ = ["real_versions"]


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    place = Workplace(tmp_path)
    yield place
    place.close()
