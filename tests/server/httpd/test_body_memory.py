from __future__ import annotations

import gc

from cictl_server.httpd.body_memory import BodyMemory


def test_bodies_share_the_room_and_give_it_back_once() -> None:
    memory = BodyMemory(100)
    first, second = memory.take(60), memory.take(40)
    assert memory.take(1) is None
    assert first is not None
    assert second is not None
    for _ in range(2):
        first.close()
    assert memory.take(61) is None
    assert memory.take(60) is not None


def test_a_body_that_nobody_holds_any_more_gives_its_room_back() -> None:
    memory = BodyMemory(100)
    assert memory.take(100) is not None
    gc.collect()
    assert memory.take(100) is not None


def test_a_body_is_read_from_its_beginning() -> None:
    body = BodyMemory(100).take(100)
    assert body is not None
    body.write(b"one ")
    body.write(b"two")
    assert body.complete().read() == b"one two"
    body.close()
