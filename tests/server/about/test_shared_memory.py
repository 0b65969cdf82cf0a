"""Requests share memory, and few wait for it."""

from __future__ import annotations

import threading

import pytest

from cictl_server.errors import NoCapacity
from cictl_server.services.core.limits.memory import SharedMemory


def test_what_is_free_is_given_at_once() -> None:
    memory = SharedMemory(total_bytes=10, queue_seconds=0.01)
    with memory.share(6):
        with memory.share(4), pytest.raises(NoCapacity), memory.share(1):
            pass
        with memory.share(4):
            pass


def test_who_wants_more_than_all_gets_all() -> None:
    memory = SharedMemory(total_bytes=10, queue_seconds=0.01)
    with memory.share(1000), pytest.raises(NoCapacity), memory.share(1):
        pass


def test_who_waits_is_next() -> None:
    memory = SharedMemory(total_bytes=10, queue=1)
    had_it = threading.Event()

    def wait() -> None:
        with memory.share(10):
            had_it.set()

    with memory.share(10):
        waiter = threading.Thread(target=wait)
        waiter.start()
    waiter.join()
    assert had_it.is_set()


def test_past_the_queue_nobody_waits() -> None:
    memory = SharedMemory(total_bytes=10, queue=0)
    with memory.share(10), pytest.raises(NoCapacity, match="too many large bodies at once"), memory.share(1):
        pass
