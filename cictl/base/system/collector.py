"""When Python looks for circles of objects that nobody has any more."""

from __future__ import annotations

import gc

_WHILE_LOADING = 200_000
"""More objects than any command loads. At Python's 700 it would look some 150 times at modules that stay anyway: a sixth of a server's start."""

_AT_WORK = 10_000


def collect_rarely() -> None:
    """Leave what is being loaded alone. A command that ends soon needs no more."""
    gc.set_threshold(_WHILE_LOADING)


def collect_at_work() -> None:
    """Let what exists now stay, and look at what comes: for a process that is loaded and works on for days."""
    gc.freeze()
    gc.set_threshold(_AT_WORK)
