"""A whole server in threads of this process: for local runs, for the demo, and for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cictl_server.serve import Server, ServerConfig


@contextmanager
def serving(config: ServerConfig, *, prepare: Callable[[Server], object] | None = None) -> Iterator[Server]:
    """Run a server while the block lasts; it has stopped at the end.

    Args:
        prepare: Called with the server before it answers anybody.

    Raises:
        CictlError: Its data directory can't be used.
        OSError: It can't listen.
    """
    server = Server(config)
    if prepare is not None:
        prepare(server)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
