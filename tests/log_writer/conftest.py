"""One fixture for each place where logs are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.stores.log_places import LOG_PLACES, LogPlace

from cictl_server.log_writer.contract import LogWriter


@pytest.fixture(params=LOG_PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LogPlace:
    return LOG_PLACES[request.param](tmp_path)


@pytest.fixture
def logs(place: LogPlace) -> LogWriter:
    return place.open()
