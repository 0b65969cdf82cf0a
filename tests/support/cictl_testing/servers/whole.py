"""The whole server of `cictl serve`, in threads of the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cictl_server.serve import Server, ServerConfig, ServerKind
from cictl_server.threaded import serving


@contextmanager
def running(directory: Path, **options: Any) -> Iterator[Server]:
    """Run a server, on a free port unless *options* say another; they are fields of its configuration. It has stopped at the end.

    `CICTL_TEST_SERVER` names what answers its requests, by default waitress.
    """
    kind = ServerKind(os.environ.get("CICTL_TEST_SERVER", "waitress"))
    with serving(ServerConfig(data_dir=directory, **{"port": 0, "server": kind, **options})) as server:
        yield server
