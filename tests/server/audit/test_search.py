"""Finding records of the audit: filters, parts, and following them."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import islice

import msgspec
import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer

from cictl.wire.audit.records import AuditFilter, AuditPage, AuditRecord
from cictl.wire.codec import decode
from cictl_server.services.audit import search
from cictl_server.signals.waits import blocking


def clear(server: RunningServer, times: int = 1) -> None:
    for _ in range(times):
        assert server.post("/api/v1/jobs/clear-queue").status_code == 200


def page(server: RunningServer, query: str = "") -> AuditPage:
    answer = server.get("/api/v1/audit", query_string=query)
    assert answer.status_code == 200, answer.text
    return decode(answer.content, AuditPage)


def ids(records: list[AuditRecord]) -> list[int]:
    return [record.id for record in records]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("order=oldest", [1, 2, 3, 4, 5]),
        ("action=queue.cleared", [3, 1]),
        ("action=agent", [5, 4, 2]),
        ("action=age", []),
        ("target=a", [4, 2]),
        ("target=b", [5]),
        ("actor=anonymous", [5, 4, 3, 2, 1]),
        ("actor=anna", []),
        ("action=agent&target=a&limit=1", [4]),
    ],
)
def test_records_are_found_by_their_parts(server: RunningServer, query: str, found: list[int]) -> None:
    for agent_id in ("a", "b"):
        server.heartbeat(agent_id)
    clear(server)
    server.act("activate", "a")
    clear(server)
    server.act("restart", "a")
    server.act("activate", "b")
    assert ids(page(server, query).records) == found


def test_nothing_earlier_than_since_is_found(server: RunningServer) -> None:
    clear(server, 2)
    server.clock.step(10)
    since = server.clock.now.isoformat().replace("+00:00", "Z")
    clear(server, 2)
    assert ids(page(server, f"since={since}").records) == [4, 3]


def test_a_search_ends_with_records_that_are_long_past(server: RunningServer) -> None:
    clear(server, 5)
    server.clock.step(timedelta(days=3).total_seconds())
    since = server.clock.now.isoformat().replace("+00:00", "Z")
    clear(server, 1)
    first = page(server, f"since={since}&limit=1")
    assert (ids(first.records), first.next_cursor) == ([6], "6")
    rest = page(server, f"since={since}&limit=1&cursor=6")
    assert (rest.records, rest.next_cursor) == ([], "")


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_parts_make_the_whole(server: RunningServer, order: str) -> None:
    clear(server, 7)
    found, cursor = [], ""
    while True:
        part = page(server, f"limit=3&order={order}&cursor={cursor}")
        found += ids(part.records)
        cursor = part.next_cursor
        if not cursor:
            break
    assert found == (list(range(1, 8)) if order == "oldest" else list(range(7, 0, -1)))


def test_a_part_looks_at_a_bounded_number_of_records(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_LOOKED_AT", 20)
    clear(server, 21)
    first = page(server, "action=job.cancelled")
    assert (first.records, first.next_cursor) == ([], "2")
    assert page(server, "action=job.cancelled&cursor=2").next_cursor == ""


@pytest.mark.parametrize("query", ["cursor=x", "cursor=-1", "since=yesterday", f"cursor={'9' * 30}"])
def test_a_bad_query_is_told(server: RunningServer, query: str) -> None:
    answer = server.get("/api/v1/audit", query_string=query)
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text


def test_the_ends_of_the_chain_come_with_each_part(server: RunningServer) -> None:
    assert page(server).chain.last_id == 0
    clear(server, 2)
    [newest] = page(server, "limit=1").records
    assert (page(server).chain.last_id, page(server).chain.last_hash) == (2, newest.hash)


def test_who_follows_gets_what_is_there_and_then_what_comes(server: RunningServer) -> None:
    clear(server, 2)
    records = blocking(server.services.audit.search.follow(AuditFilter(action="queue"), after=1))
    first = next(records)
    threading.Thread(target=clear, args=(server,)).start()
    second = next(records)
    assert [record and record.id for record in (first, second)] == [2, 3]
    server.services.core.hub.close()
    assert list(records) == []


def test_who_follows_gets_nothing_else(server: RunningServer) -> None:
    clear(server, 2)
    server.heartbeat("a")
    server.act("activate", "a")
    found = blocking(server.services.audit.search.follow(AuditFilter(action="agent"), after=0))
    assert [record and record.id for record in islice(found, 1)] == [3]


@pytest.mark.parametrize(("query", "last_id", "expected"), [("", "", []), ("&cursor=1", "", [2]), ("", "0", [1, 2])])
def test_a_stream_begins_where_it_is_told(server: RunningServer, query: str, last_id: str, expected: list[int]) -> None:
    clear(server, 2)
    server.services.core.hub.publish("audit")
    headers = {"Last-Event-ID": last_id} if last_id else {}
    hub = server.services.core.hub

    def end_the_stream() -> None:
        eventually(lambda: hub.is_watched("audit"), what="the stream")
        hub.close()

    threading.Thread(target=end_the_stream).start()
    answer = server.get("/api/v1/audit", query_string=f"follow=1{query}", headers=headers)
    events = [block for block in answer.text.split("\n\n") if block.startswith("event: record")]
    told = [msgspec.json.decode(block.partition("data: ")[2], type=AuditRecord).id for block in events]
    assert told == expected
