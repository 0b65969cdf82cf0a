"""The audit in the client: parts, following, and walking along the chain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.answers import AnsweringServer, Reply, Seen, drop, reply
from cictl_testing.servers.threads import LocalServer

from cictl.base.backoff import Backoff
from cictl.wire.audit.chain import BrokenChain, hash_of, sealed
from cictl.wire.audit.records import AuditActor, AuditFilter, AuditPage, AuditRecord, ChainEnds
from cictl_client import Client, ForeignAnswer, UnexpectedAnswer
from cictl_server.app import create_app

AUDIT = "GET /api/v1/audit"


def record(number: int, prev_hash: str = "") -> AuditRecord:
    return sealed(
        AuditRecord(
            id=number,
            time_utc=datetime(2026, 3, 1, tzinfo=UTC),
            actor=AuditActor(kind="user", name="anna"),
            action="queue.cleared",
            outcome="success",
        ),
        prev_hash=prev_hash,
    )


def stream(*numbers: int) -> Reply:
    """A connection that breaks after the records with these numbers."""
    events = [b"event: record\nid: %d\ndata: %s\n\n" % (n, msgspec.json.encode(record(n))) for n in numbers]
    return Reply((b": audit\n\n", *events, drop), kind="text/event-stream")


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RunningServer]:
    rules = RunningServer(tmp_path)
    yield rules
    rules.close()


@pytest.fixture
def real_client(real: RunningServer) -> Iterator[Client]:
    http = LocalServer(create_app(real.services))
    http.start()
    with Client(http.url) as connected:
        yield connected
    real.services.core.hub.close()
    http.close()


def test_filters_are_sent(client: Client, server: AnsweringServer) -> None:
    server.on(AUDIT, reply(AuditPage(records=[record(1)], chain=ChainEnds())))
    wanted = AuditFilter(actor="anna", since=datetime(2026, 3, 1, tzinfo=UTC))
    assert client.list_audit(wanted, cursor="7", limit=3).records == [record(1)]
    assert server.seen[0].target == "/api/v1/audit?actor=anna&since=2026-03-01T00%3A00%3A00Z&limit=3&cursor=7"


def test_following_goes_on_after_the_last_record(
    client: Client, server: AnsweringServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cictl_client.retry._BACKOFF", Backoff(first=0.01, most=0.02))
    asked: list[str] = []

    def answer(seen: Seen) -> Reply:
        asked.append(seen.headers["last-event-id"])
        return stream(5, 6) if len(asked) == 1 else stream(7)

    server.on(AUDIT, answer)
    errors: list[Exception] = []
    found = client.follow_audit(after=4, on_reconnect=errors.append)
    assert [one.id for one in islice(found, 3)] == [5, 6, 7]
    assert (asked, len(errors)) == (["4", "6"], 1)


def test_something_else_than_records_is_told(client: Client, server: AnsweringServer) -> None:
    server.on(AUDIT, reply(ChainEnds()))
    with pytest.raises(UnexpectedAnswer, match="not records"):
        next(client.follow_audit(after=0))
    with pytest.raises(ForeignAnswer, match="no records"):
        client.verify_audit()


def test_a_chain_of_several_parts_holds(real: RunningServer, real_client: Client) -> None:
    for _ in range(1001):
        real.post("/api/v1/jobs/clear-queue")
    assert real_client.verify_audit() == 1001


def test_a_chain_that_begins_later_holds(real: RunningServer, real_client: Client) -> None:
    real.post("/api/v1/jobs/clear-queue")
    real.clock.step(500 * 86_400)
    assert real.services.audit.trail.prune() == 1
    assert real_client.verify_audit() == 1


def test_what_a_later_server_adds_to_its_records_is_no_break(client: Client, server: AnsweringServer) -> None:
    document = {"id": 1, "of_tomorrow": True, "prev_hash": ""}
    document["hash"] = hash_of(document)
    ends = {"last_id": 1, "last_hash": document["hash"]}
    server.on(AUDIT, Reply((msgspec.json.encode({"records": [document], "chain": ends}),), kind="application/json"))
    assert client.verify_audit() == 1


def test_a_broken_chain_names_the_first_record(client: Client, server: AnsweringServer) -> None:
    first = record(1)
    altered = msgspec.structs.replace(record(2, first.hash), action="job.deleted")
    server.on(AUDIT, reply(AuditPage(records=[first, altered], chain=ChainEnds(last_id=2, last_hash=altered.hash))))
    with pytest.raises(BrokenChain) as found:
        client.verify_audit()
    assert found.value.record_id == 2


@pytest.mark.parametrize(("user_agent", "told"), [("cictl", "cli"), ("cictl-agent", "agent"), ("cictl-client", "api")])
def test_the_audit_tells_through_what_a_request_came(
    real: RunningServer, real_client: Client, user_agent: str, told: str
) -> None:
    with Client(real_client.base_url, user_agent=user_agent) as other:
        other.clear_queue()
    assert real.audit()[-1].origin.client == told
