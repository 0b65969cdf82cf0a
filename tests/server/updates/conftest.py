from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.installs.updatable import Updatable


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Updatable]:
    made = Updatable.create(tmp_path)
    yield made
    made.close()
