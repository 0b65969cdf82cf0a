"""The whole server of `cictl serve`, in threads of the test."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cictl_server.serve import Server, ServerConfig, ServerKind


@contextmanager
def running(directory: Path, **options: Any) -> Iterator[Server]:
    """Run a server, on a free port unless *options* say another; they are fields of its configuration. It has stopped at the end.

    `CICTL_TEST_SERVER` names what answers its requests, by default waitress.
    """
    kind = ServerKind(os.environ.get("CICTL_TEST_SERVER", "waitress"))
    server = Server(ServerConfig(data_dir=directory, **{"port": 0, "server": kind, **options}))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(timeout=60)
        assert not thread.is_alive()
