"""The thread that keeps one server in step with the others."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from typing import Any

from cictl.base.clock import Clock
from cictl_server.errors import StoreError
from cictl_server.postgres.database import Database
from cictl_server.signals.postgres.board import PostgresBoard
from cictl_server.signals.postgres.clock import DatabaseClock
from cictl_server.signals.postgres.feed import PostgresFeed
from cictl_server.signals.postgres.members import PostgresLeadership, PostgresMembers

logger = logging.getLogger(__name__)

STEP_SECONDS = 1.0
"""How often gathered changes are written, and those of others read, without anybody telling of one."""

_SHORTEST_STEP = 0.02
_RENEWAL_SECONDS = (4.0, 6.0)
"""Between which times a server gives a sign of life; by chance, so that many servers don't do so all at once."""

_BREAK_SECONDS = 10.0
"""A longer time without the database is a break, in which no agent could be heard."""


class Task(Enum):
    """What a step does."""

    FLUSH = auto()
    BOARDS = auto()
    EVENTS = auto()
    RENEW = auto()


class Keeper:
    """Does its tasks when they are asked for, and the first three once a second anyway.

    Attributes:
        listening_since: As the contract has it.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        feed: PostgresFeed,
        members: PostgresMembers,
        leadership: PostgresLeadership,
        events_came: Callable[[], None],
        stepped: Callable[[], None],
    ) -> None:
        """Keep these in step.

        Args:
            events_came: Called when the feed has more.
            stepped: Called after each step of a second.
        """
        self._database = database
        self._clock = clock
        self._feed = feed
        self._members = members
        self._leadership = leadership
        self._events_came = events_came
        self._stepped = stepped
        self._boards: list[PostgresBoard[Any]] = []
        self._asked: set[Task] = set()
        self._lock = threading.Lock()
        self._is_asked = threading.Event()
        self._was_away = False
        self._last_contact = time.monotonic()
        self._next_renewal = 0.0
        self.renew()
        self.listening_since: datetime = clock()

    def add_board(self, board: PostgresBoard[Any]) -> None:
        self._boards.append(board)

    def ask(self, *tasks: Task) -> None:
        """Have *tasks* done soon."""
        with self._lock:
            self._asked.update(tasks)
        self._is_asked.set()

    def run(self, stopping: threading.Event) -> None:
        """Step until *stopping*."""
        next_step = time.monotonic()
        while not stopping.is_set():
            tasks = self._wait(next_step - time.monotonic())
            is_step = time.monotonic() >= next_step
            if is_step:
                tasks |= {Task.FLUSH, Task.BOARDS, Task.EVENTS}
                next_step = time.monotonic() + STEP_SECONDS
            self._try(tasks)
            if is_step:
                self._stepped()
            stopping.wait(_SHORTEST_STEP)

    def flush(self) -> None:
        """Write what was gathered.

        Raises:
            StoreAway: The database does not answer.
        """
        for board in self._boards:
            board.flush()

    def renew(self) -> bool:
        """Give a sign of life, lead if nobody else does, and look at the clock; tell whether this server was known.

        Raises:
            StoreAway: The database does not answer.
        """
        with self._database.connection() as connection:
            if isinstance(self._clock, DatabaseClock):
                self._clock.measure(connection)
            self._leadership.renew(connection)
            was_known = self._members.renew(connection)
        if self._leadership.is_ours:
            self._feed.prune()
        self._next_renewal = time.monotonic() + random.uniform(*_RENEWAL_SECONDS)  # noqa: S311 # nosec B311 # no secret
        return was_known

    def _wait(self, seconds: float) -> set[Task]:
        self._is_asked.wait(max(0.0, seconds))
        self._is_asked.clear()
        with self._lock:
            tasks, self._asked = self._asked, set()
        return tasks

    def _try(self, tasks: set[Task]) -> None:
        try:
            self._do(tasks)
        except StoreError as error:
            if not self._was_away:
                logger.warning("out of step with other servers: %s", error)
            self._was_away = True
        except Exception:  # the next step tries again; dying silently would be worse
            logger.exception("step failed")
            self._was_away = True

    def _do(self, tasks: set[Task]) -> None:
        is_back = self._was_away
        if Task.RENEW in tasks or is_back or time.monotonic() >= self._next_renewal:
            is_back |= not self.renew()
        if is_back or Task.BOARDS in tasks:
            for board in self._boards:
                board.refresh(is_whole=is_back)
        if Task.FLUSH in tasks:
            self.flush()
        if Task.EVENTS in tasks and self._feed.read():
            self._events_came()
        self._note_contact()

    def _note_contact(self) -> None:
        now = time.monotonic()
        if now - self._last_contact > _BREAK_SECONDS:
            self.listening_since = self._clock()
        self._last_contact, self._was_away = now, False
