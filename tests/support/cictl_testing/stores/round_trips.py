"""How often a thread waits for PostgreSQL, and how many statements it sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from cictl_server.postgres.pipeline import Pipeline


@dataclass
class Talk:
    """What the thread that began to count has said.

    Attributes:
        round_trips: Waits for an answer. A pipeline waits when rows are fetched that have not come, and at its end.
    """

    statements: int = 0
    round_trips: int = 0


@contextmanager
def counted() -> Iterator[Talk]:
    """Count what this thread does in the block; other threads of the server go on uncounted."""
    talk, own = Talk(), threading.get_ident()
    execute, send, wait = psycopg.Connection.execute, Pipeline.send, psycopg.Connection.wait

    def counting_execute(self: Any, *values: Any, **options: Any) -> Any:
        talk.statements += threading.get_ident() == own
        return execute(self, *values, **options)

    def counting_send(self: Any, *values: Any, **options: Any) -> Any:
        talk.statements += threading.get_ident() == own
        return send(self, *values, **options)

    def counting_wait(self: Any, *values: Any, **options: Any) -> Any:
        talk.round_trips += threading.get_ident() == own
        return wait(self, *values, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", counting_execute)
        patch.setattr(Pipeline, "send", counting_send)
        patch.setattr(psycopg.Connection, "wait", counting_wait)
        yield talk


def talk_of(request: Callable[[], object]) -> Talk:
    """Return how a request talks with the database."""
    with counted() as talk:
        request()
    return talk
