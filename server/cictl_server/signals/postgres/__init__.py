"""The signals of any number of servers on one PostgreSQL database."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime
from typing import TypeVar

import msgspec

from cictl.base.backoff import Backoff
from cictl.base.clock import Clock
from cictl_server.errors import StoreError
from cictl_server.postgres.database import Database
from cictl_server.signals.contract import Board, SignalFigures, Signals
from cictl_server.signals.identity import Identity
from cictl_server.signals.postgres.board import LASTING, PASSING, PostgresBoard
from cictl_server.signals.postgres.clock import DatabaseClock
from cictl_server.signals.postgres.feed import PostgresFeed
from cictl_server.signals.postgres.keeper import Keeper, Task
from cictl_server.signals.postgres.listener import ECHO_SECONDS, Listener
from cictl_server.signals.postgres.members import PostgresLeadership, PostgresMembers
from cictl_server.signals.postgres.notices import BOARDS, ECHO, SERVERS
from cictl_server.signals.postgres.outbox import Outbox
from cictl_server.signals.postgres.wakes import PostgresWakes
from cictl_server.signals.topics import EVENTS

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

_POLL_SECONDS = 5.0
"""How often every waiter looks while notifications arrive: one may be lost."""

_DEAF_POLL_SECONDS = 1.0
"""How often every waiter looks while none arrive."""

_REST_SECONDS = 0.05
"""How long the sending thread rests after it has sent. So a busy server sends much at once, and an idle one sends at once."""

_BACKOFF = Backoff(first=0.2, most=5, jitter=0.5)
_TASKS = {BOARDS: Task.BOARDS, EVENTS: Task.EVENTS, SERVERS: Task.RENEW}


class PostgresSignals(Signals):
    """Three threads do the talking: one listens, one sends, and one keeps boards, events and the list of servers in step."""

    is_shared = True

    def __init__(self, database: Database, identity: Identity, *, clock: Clock | None = None) -> None:
        """Enter this server among the others.

        Args:
            database: For signals alone, so that requests which hold every connection of the store keep no sign of life back.
                It is closed with them.
            clock: By default that of the database; another one must be the same for all servers.

        Raises:
            StoreAway: The database does not answer.
        """
        self._database = database
        self._stopping = threading.Event()
        self._next_poll = self._next_echo = 0.0
        self._outbox = Outbox(database, identity)
        self.wakes: PostgresWakes = PostgresWakes(self._outbox)
        self.feed: PostgresFeed = PostgresFeed(database, self._outbox.poke)
        self.members: PostgresMembers = PostgresMembers(database, identity)
        self.leadership: PostgresLeadership = PostgresLeadership(identity)
        self.clock = clock or _clock_of(database)
        self._keeper = Keeper(
            database,
            clock=self.clock,
            feed=self.feed,
            members=self.members,
            leadership=self.leadership,
            events_came=self._wake_followers,
            stepped=self._poll,
        )
        self._listener = Listener(database, identity, heard=self._hear, connected=self._catch_up)
        self._threads = [
            threading.Thread(target=self._keeper.run, args=(self._stopping,), name="signals", daemon=True),
            threading.Thread(target=self._listener.run, args=(self._stopping,), name="signals in", daemon=True),
            threading.Thread(target=self._send, name="signals out", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def board(self, name: str, type_: type[T], *, is_lasting: bool) -> Board[T]:
        board = PostgresBoard(
            self._database,
            name=name,
            type_=type_,
            statements=LASTING if is_lasting else PASSING,
            tell=self._tell_of_board,
        )
        self._keeper.add_board(board)
        return board

    @property
    def listening_since(self) -> datetime:
        return self._keeper.listening_since

    def figures(self) -> SignalFigures:
        return SignalFigures(lag_seconds=self._listener.lag_seconds, alive=self.members.alive())

    def close(self) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        self.wakes.wake_all()
        self._outbox.poke()
        self._keeper.ask()
        for thread in self._threads:
            thread.join()
        try:
            self._leave()
        except StoreError as error:
            logger.warning("other servers will notice the end of this one late: %s", error)
        self._database.close()

    def _leave(self) -> None:
        self._keeper.flush()
        self.feed.write()
        with self._database.connection() as connection:
            self.leadership.resign(connection)
            self.members.leave(connection)
        self._outbox.put(SERVERS, BOARDS, EVENTS)
        self._outbox.send()

    def _send(self) -> None:
        """Write events and send notifications until the server ends."""
        failures = 0
        while not self._stopping.is_set():
            self._outbox.wait()
            try:
                if self.feed.write():
                    self._outbox.put(EVENTS)
                    self.feed.read()
                    self._wake_followers()
                self._outbox.send()
                failures = 0
                self._stopping.wait(_REST_SECONDS)
            except StoreError:
                failures += 1
                self._stopping.wait(_BACKOFF.after(failures))
                self._outbox.poke()

    def _hear(self, topics: tuple[str, ...]) -> None:
        """Wake those whom another server told of something."""
        for topic in topics:
            if task := _TASKS.get(topic):
                self._keeper.ask(task)
            else:
                self.wakes.publish_here(topic)

    def _catch_up(self) -> None:
        """Look at everything, because what was told while nobody listened was missed."""
        self._outbox.put(ECHO, SERVERS)
        self._keeper.ask(Task.BOARDS, Task.EVENTS)
        self.wakes.wake_all()

    def _poll(self) -> None:
        """Wake all waiters now and then, and see whether notifications arrive."""
        now = time.monotonic()
        if now >= self._next_echo:
            self._next_echo = now + ECHO_SECONDS
            self._outbox.put(ECHO)
        is_deaf = self._listener.lag_seconds is None
        if is_deaf:
            self._keeper.ask(Task.RENEW)  # no server hears who has come or gone
        if now >= self._next_poll or (is_deaf and now >= self._next_poll - _POLL_SECONDS + _DEAF_POLL_SECONDS):
            self._next_poll = now + _POLL_SECONDS
            self.wakes.wake_all()

    def _tell_of_board(self, is_written: bool) -> None:
        if is_written:
            self._outbox.put(BOARDS)
        else:
            self._keeper.ask(Task.FLUSH)

    def _wake_followers(self) -> None:
        self.wakes.publish_here(EVENTS)


def _clock_of(database: Database) -> DatabaseClock:
    with database.connection() as connection:
        return DatabaseClock(connection)
