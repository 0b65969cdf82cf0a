"""How often a thread waits for PostgreSQL, and how many statements it sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest


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
    execute, pipeline = psycopg.Connection.execute, psycopg.Connection.pipeline
    fetch_all, fetch_one = psycopg.Cursor.fetchall, psycopg.Cursor.fetchone

    def counting_execute(self: Any, *values: Any, **options: Any) -> Any:
        if threading.get_ident() == own:
            talk.statements += 1
            talk.round_trips += not _is_pipelined(self)
        return execute(self, *values, **options)

    def counting(fetch: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def fetched(self: Any) -> Any:
            if threading.get_ident() == own and self.pgresult is None:
                talk.round_trips += 1
            return fetch(self)

        return fetched

    @contextmanager
    def counting_pipeline(self: Any) -> Iterator[Any]:
        with pipeline(self) as found:
            yield found
        if threading.get_ident() == own:
            talk.round_trips += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", counting_execute)
        patch.setattr(psycopg.Cursor, "fetchall", counting(fetch_all))
        patch.setattr(psycopg.Cursor, "fetchone", counting(fetch_one))
        patch.setattr(psycopg.Connection, "pipeline", counting_pipeline)
        yield talk


def talk_of(request: Callable[[], object]) -> Talk:
    """Return how a request talks with the database."""
    with counted() as talk:
        request()
    return talk


def _is_pipelined(connection: psycopg.Connection) -> bool:
    return connection.info.pipeline_status is not psycopg.pq.PipelineStatus.OFF
