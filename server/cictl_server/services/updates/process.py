"""The process that the services live in, as far as they may decide about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


def _stay() -> None:
    """Ignore the wish: nothing serves."""


@dataclass(frozen=True, kw_only=True)
class ServerProcess:
    """How the server was started and how it ends.

    Attributes:
        url: Where it is asked whether it is well, without a slash at its end.
        arguments: What follows the program on a command line that starts the same server again.
        leave: Asks it to finish what it is answering and to end.
        restart: The same, and the program to start itself again in the same process.
    """

    url: str = ""
    arguments: Sequence[str] = ()
    leave: Callable[[], None] = _stay
    restart: Callable[[], None] = _stay
    id: int = field(default_factory=os.getpid)
