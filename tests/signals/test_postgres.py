"""What can go wrong between servers on one database: lost connections, lost notifications, lost states."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import cast

import msgspec
import psycopg
import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.postgres import Postgres
from cictl_testing.signals import Two, connected
from psycopg import Connection

from cictl.base.clock import utc_now
from cictl.wire.events import EventKind
from cictl_server.errors import StoreAway
from cictl_server.signals.contract import BACKGROUND, Signals
from cictl_server.signals.postgres import clock
from cictl_server.signals.postgres.board import PASSING
from cictl_server.signals.postgres.clock import DatabaseClock
from cictl_server.signals.postgres.notices import Notice, channel_of, notices
from cictl_server.signals.postgres.outbox import Outbox


class Note(msgspec.Struct, frozen=True):
    text: str


@pytest.fixture
def pair(database_url: str) -> Iterator[Two]:
    with connected(database_url) as here, connected(database_url) as there:
        yield Two(here=here, there=there)


def wakes(two: Two) -> bool:
    """Tell whether a notification of one server wakes a waiter at the other, who does not look by itself."""
    with two.there.wakes.watch("queue", only_told=True) as watch:
        watch.clear()
        two.here.wakes.publish("queue")
        return watch.wait(0.5)


def hears(signals: Signals) -> bool:
    return signals.figures().lag_seconds is not None


def test_notifications_arrive_and_are_measured(pair: Two) -> None:
    for signals in (pair.here, pair.there):
        eventually(lambda signals=signals: hears(signals), what="its own notification")  # type: ignore[misc]
        assert 0 <= (signals.figures().lag_seconds or 0) < math.inf


def test_servers_that_lose_all_connections_hear_again(pair: Two, postgres: Postgres) -> None:
    here, there = (signals.board("notes", Note, is_lasting=False) for signals in (pair.here, pair.there))
    here.change("a", lambda _: (Note("before"), None))
    eventually(lambda: there.find("a"), what="the first change")
    postgres.terminate_backends()
    here.gather("a", lambda _: Note("after"))
    eventually(lambda: there.find("a") == Note("after"), what="the second change")
    begun = pair.there.feed.last_number()
    pair.here.feed.add(EventKind.JOB, "job-1")
    eventually(lambda: pair.there.feed.after(begun), what="an event")
    eventually(lambda: wakes(pair), what="notifications to come again")


def test_what_is_told_while_the_sender_rests_goes_at_once_after_it(
    pair: Two, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[set[str]] = []
    notify, own = Outbox._notify, pair.here._outbox  # type: ignore[attr-defined]

    def recorded(outbox: Outbox, topics: dict[str, None]) -> None:
        notify(outbox, topics)
        if outbox is own:
            sent.append(set(topics))

    monkeypatch.setattr("cictl_server.signals.postgres._REST_SECONDS", 600)
    monkeypatch.setattr(Outbox, "_notify", recorded)
    pair.here.wakes.publish("first")
    eventually(lambda: any("first" in topics for topics in sent), what="the first topic")
    before = len(sent)
    with psycopg.connect(database_url) as connection:
        for number in range(20):
            pair.here.wakes.publish(f"later-{number}")
            connection.execute("SELECT 1")  # longer than a notification would take
    assert len(sent) == before
    pair.here.close()
    assert sent[-1] >= {f"later-{number}" for number in range(20)}


def test_servers_that_hear_nothing_poll(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through pgbouncer LISTEN seems to work, but nothing is heard."""
    monkeypatch.setattr("cictl_server.signals.postgres.outbox.channel_of", lambda _: "elsewhere")
    with connected(database_url) as here, connected(database_url) as there:
        board = there.board("notes", Note, is_lasting=False)
        here.board("notes", Note, is_lasting=False).change("a", lambda _: (Note("x"), None))
        begun = there.feed.last_number()
        here.feed.add(EventKind.JOB, "job-1")
        with there.wakes.watch("queue") as watch:
            watch.clear()
            here.wakes.publish("queue")
            assert watch.wait(60)
        eventually(lambda: board.find("a"), what="the board")
        eventually(lambda: there.feed.after(begun), what="the event")
        assert not hears(here)


def test_a_leader_that_is_lost_is_replaced(pair: Two, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE leader SET instance_id = 'lost', until = clock_timestamp()")
    with connected(database_url):  # the others look when a server comes or goes
        pass
    eventually(lambda: any(s.leadership.is_ours for s in (pair.here, pair.there)), what="another leader")


def test_a_leader_that_ends_hands_over_at_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are told, and don't wait for their next look."""
    monkeypatch.setattr("cictl_server.signals.postgres.keeper._RENEWAL_SECONDS", (600, 600))
    monkeypatch.setattr("cictl_server.signals.postgres.members.LIFETIME_SECONDS", 600)
    with connected(database_url) as later, connected(database_url) as last:
        with connected(database_url) as first:
            first_id = first.members.own.instance_id
            eventually(lambda: later.members.is_alive(first_id), what="the newcomer to be known")
        assert later.leadership.is_ours
        later.close()
        eventually(lambda: last.leadership.is_ours, what="the handing over")
        eventually(lambda: [m.leads for m in last.members.all()] == [(BACKGROUND,)], what="the others to be gone")


def test_a_server_is_known_as_soon_as_it_has_come(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells of it, as behind a pooler: whoever finds its name in a record may have to act before the next look."""
    monkeypatch.setattr(Outbox, "put", lambda *_: None)
    with connected(database_url) as here:
        for _ in range(3):
            with connected(database_url) as there:
                assert here.members.is_alive(there.members.own.instance_id)


def test_a_server_that_is_unknown_to_the_database_enters_again(pair: Two, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE servers")
    with connected(database_url) as third:  # the others look when a server comes or goes
        eventually(lambda: pair.here.figures().alive == pair.there.figures().alive == 3, what="all to be known")
        assert len({signals.members.number for signals in (pair.here, pair.there, third)}) == 3


def test_a_server_that_was_not_heard_of_is_listed_for_a_minute(pair: Two, database_url: str) -> None:
    dead = pair.there.members.own.instance_id
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO servers SELECT 'old', 999, name, version, started, seen - interval '2 minutes' FROM servers LIMIT 1"
        )
        connection.execute(
            "INSERT INTO servers SELECT 'dead', 998, name, version, started, seen - interval '20 s' FROM servers"
            " WHERE instance_id = %s",
            (dead,),
        )
    eventually(lambda: len(pair.here.members.all()) == 3, what="the dead one to be listed")
    assert not pair.here.members.is_alive("dead")
    assert pair.here.figures().alive == 2


def test_what_a_crash_of_the_database_takes_is_told(own_postgres: Postgres) -> None:
    """Events and passing states are lost with it: followers must look anew, and agents are heard from now on."""
    with own_postgres.schema() as url, connected(url) as here, connected(url) as there:
        board, lasting = here.board("notes", Note, is_lasting=False), here.board("orders", Note, is_lasting=True)
        for each in (board, lasting):
            each.change("a", lambda _: (Note("x"), None))
        begun, number = here.feed.last_number(), there.members.number
        here.feed.add(EventKind.JOB, "job-1")
        eventually(lambda: there.feed.after(begun), what="the event")
        own_postgres.stop()
        with pytest.raises(StoreAway):
            board.change("a", lambda old: (old, None))
        board.gather("b", lambda _: Note("kept meanwhile"))
        own_postgres.start()
        eventually(lambda: here.feed.after(begun) is None, what="the reset of followers")
        eventually(lambda: there.feed.after(begun) is None, what="the reset of followers at the other server")
        eventually(lambda: board.states() == {"b": Note("kept meanwhile")}, what="the board")
        assert lasting.states() == {"a": Note("x")}
        eventually(lambda: here.figures().alive == 2, what="both servers")
        assert there.members.number == number
        eventually(lambda: here.leadership.is_ours or there.leadership.is_ours, what="a leader")
        after = here.feed.last_number()
        there.feed.add(EventKind.JOB, "job-2")
        eventually(lambda: here.feed.after(after), what="another event")


def test_a_long_break_begins_the_listening_anew(own_postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cictl_server.signals.postgres.keeper._BREAK_SECONDS", 0.5)
    with own_postgres.schema() as url, connected(url) as signals:
        own_postgres.stop()
        stopped = utc_now()
        eventually(lambda: utc_now() - stopped > timedelta(seconds=1), what="a second")
        own_postgres.start()
        eventually(lambda: signals.listening_since > stopped, what="the database again")


class Answering:
    """A connection to a database whose clock is ahead."""

    def __init__(self, *, ahead: timedelta) -> None:
        self.ahead = ahead

    def execute(self, _statement: str) -> Answering:
        return self

    def fetchone(self) -> tuple[datetime]:
        return (utc_now() + self.ahead,)


def test_the_time_is_that_of_the_database() -> None:
    database = Answering(ahead=timedelta(hours=1))
    told = DatabaseClock(cast("Connection", database))
    assert timedelta(minutes=59) < told() - utc_now() < timedelta(minutes=61)
    database.ahead = timedelta(hours=-1)
    told.measure(cast("Connection", database))
    assert timedelta(minutes=59) < utc_now() - told() < timedelta(minutes=61)


def test_two_servers_tell_the_same_time(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as they can know it: to half of the time that it takes to ask the database."""
    inexact: list[timedelta] = []
    ask = clock._ask

    def noted(connection: Connection) -> tuple[datetime, float, timedelta]:
        answer = ask(connection)
        inexact.append(answer[2])
        return answer

    monkeypatch.setattr(clock, "_ask", noted)
    with connected(database_url) as here, connected(database_url) as there:
        first, second, third = here.clock(), there.clock(), here.clock()
        most = 2 * max(inexact)
    assert first - most <= second <= third + most


def test_a_thousand_topics_go_in_few_notices() -> None:
    topics = [f"job:{number}" for number in range(10**18, 10**18 + 1000)]
    sent = list(notices("a", topics, sent=1.5))
    assert [topic for notice in sent for topic in Notice.decode(notice.encode()).topics] == topics
    assert len(sent) == 4
    assert all(len(notice.encode()) < 8000 for notice in sent)


def test_servers_of_other_schemas_hear_nothing(postgres: Postgres) -> None:
    with ExitStack() as stack:
        one, other = (stack.enter_context(connected(stack.enter_context(postgres.schema()))) for _ in range(2))
        eventually(lambda: hears(one) and hears(other), what="their own notifications")
        assert not wakes(Two(here=one, there=other))
        assert other.figures().alive == 1


def test_channels_are_short_whatever_the_schema_is_called() -> None:
    assert len(channel_of("x" * 63)) < 63
    assert channel_of("x" * 63) != channel_of("x" * 62)


def test_no_table_is_read_whole(database_url: str) -> None:
    with connected(database_url), psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO passing_states SELECT 'presence', 'agent-' || n, n, now(), '{}' FROM generate_series(1, 20000) n"
        )
        connection.execute("INSERT INTO events SELECT n, 'job', 'job-' || n FROM generate_series(1, 8192) n")
        connection.execute("ANALYZE passing_states, events")
        for statement, values in (
            (PASSING.newer, ("presence", 19990)),
            (PASSING.find, ("presence", ["agent-1", "agent-2"])),
            ("SELECT number, kind, subject FROM events WHERE number > %s ORDER BY number", (8190,)),
        ):
            text = statement if isinstance(statement, str) else statement.as_string(connection)
            plan = connection.execute(f"EXPLAIN {text}".encode(), values).fetchall()
            assert not any("Seq Scan" in line for (line,) in plan), plan
