from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.installs.real_versions import real_versions
from cictl_testing.processes import Workplace

__all__ = ["real_versions"]


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    place = Workplace(tmp_path)
    yield place
    place.close()
