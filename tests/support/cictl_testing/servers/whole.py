"""The whole server of `cictl serve`, in threads of the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cictl_server.serve import Server, ServerConfig, ServerKind
from cictl_server.threaded import serving


def kind_tested() -> ServerKind:
    """Return what answers the requests of tests, as `CICTL_TEST_SERVER` says: waitress where it says nothing, whatever is installed."""
    return ServerKind(os.environ.get("CICTL_TEST_SERVER") or ServerKind.WAITRESS)


@contextmanager
def running(directory: Path, **options: Any) -> Iterator[Server]:
    """Run a server, on a free port unless *options* say another; they are fields of its configuration. It has stopped at the end.

    What answers is what is tested, unless *options* say so.
    """
    with serving(ServerConfig(data_dir=directory, **{"port": 0, "server": kind_tested(), **options})) as server:
        yield server
