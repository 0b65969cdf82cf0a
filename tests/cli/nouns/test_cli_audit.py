"""`cictl audit`: who did what, found, followed and checked."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop

from cictl.cli.app.exit_codes import ExitCode
from cictl_server.store.contract import Transaction
from tests.cli.conftest import Ran, Run


@pytest.fixture
def told(server: RunningServer) -> RunningServer:
    """A server on which the queue was cleared twice, and an agent activated."""
    server.heartbeat("a")
    for _ in range(2):
        server.post("/api/v1/jobs/clear-queue")
        server.clock.step(60)
    server.act("activate")
    return server


def test_records_are_listed_the_newest_first(told: RunningServer, run: Run) -> None:
    listed = run("audit", "list")
    assert [line.split()[1:4] for line in listed.out.splitlines()] == [
        ["ACTOR", "ACTION", "OUTCOME"],
        ["anonymous", "agent.activated", "success"],
        ["anonymous", "queue.cleared", "success"],
        ["anonymous", "queue.cleared", "success"],
    ], told
    assert "agent a" in listed.out


def test_records_are_found_by_their_parts(told: RunningServer, run: Run) -> None:
    assert run("audit", "list", "--action", "queue", "-o", "name").out == "2\n1\n", told
    assert run("audit", "list", "--target", "a", "-o", "name").out == "3\n"
    assert run("audit", "list", "--since", "2026-03-01T12:00:30Z", "-o", "name").out == "3\n2\n"
    nobody = run("audit", "list", "--actor", "anna")
    assert (nobody.code, nobody.out, nobody.err) == (0, "", "no records match\n")


def test_a_list_says_that_there_are_more(told: RunningServer, run: Run) -> None:
    assert run("audit", "list", "--limit", "1").err == "there are more; --limit 10 shows them\n", told
    assert run("audit", "list", "--limit", "3").err == ""


def test_json_is_one_object_and_jsonl_one_a_line(told: RunningServer, run: Run) -> None:
    assert [record["id"] for record in run("audit", "list", "-o", "json").json()["records"]] == [3, 2, 1], told
    lines = run("audit", "list", "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [3, 2, 1]
    assert json.loads(lines[0])["from"]["client"] == "api"


def test_jsonl_has_all_records(server: RunningServer, run: Run) -> None:
    for _ in range(1200):
        server.post("/api/v1/jobs/clear-queue")
    assert run("audit", "list", "-o", "jsonl").out.count("\n") == 1200
    assert run("audit", "list", "-o", "name").out.count("\n") == 100
    assert run("audit", "list", "--limit", "0", "-o", "name").out.count("\n") == 1200


def test_other_commands_have_no_jsonl(told: RunningServer, run: Run) -> None:
    refused = run("jobs", "list", "-o", "jsonl")
    assert refused.code == ExitCode.USAGE, told
    assert "'jsonl' is not one of table, wide, json, yaml, name" in refused.err


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("-o", "jsonl", "--query", "x"), "--query goes with -o json"),
        (("-f", "-o", "yaml"), "--follow goes with -o table, wide, json and jsonl only"),
        (("-f", "-o", "name"), "--follow goes with"),
        (("--since", "yesterday"), "--since 'yesterday' is neither a duration nor a time"),
    ],
)
def test_what_does_not_go_together_is_told(told: RunningServer, run: Run, argv: tuple[str, ...], text: str) -> None:
    refused = run("audit", "list", *argv)
    assert (refused.code, text in refused.err) == (ExitCode.USAGE, True), (told, refused.err)


def test_errors_of_jsonl_are_json(run: Run, dead_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_SERVER_URL", dead_url)
    assert run("audit", "list", "-o", "jsonl").error()["code"] == "unreachable"


def test_a_chain_that_holds_is_told_with_its_length(told: RunningServer, run: Run) -> None:
    verified = run("audit", "verify")
    assert (verified.code, verified.err) == (0, "the chain of 3 records holds\n")
    assert run("audit", "verify", "-o", "json").json() == {"records": 3}
    there = run("audit", "verify", "--data-dir", str(told.directory), "-o", "json")
    assert (there.code, there.json()) == (0, {"records": 3})


def alter(tx: Transaction) -> None:
    record = tx.audit.find(2)
    assert record is not None
    tx.audit.put(msgspec.structs.replace(record, action="job.deleted"))


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        pytest.param(alter, "record 2: it was altered", id="altered"),
        pytest.param(lambda tx: tx.audit.delete(2), "record 3: it does not follow", id="removed"),
        pytest.param(lambda tx: tx.audit.delete(3), "record 3: it is the newest one, but", id="the last removed"),
    ],
)
@pytest.mark.parametrize("is_running", [True, False])
def test_the_first_broken_record_is_named(
    told: RunningServer, run: Run, change: Callable[[Transaction], object], broken: str, is_running: bool
) -> None:
    told.store.write(change)
    found = run("audit", "verify", *(() if is_running else ("--data-dir", str(told.directory))))
    assert (found.code, found.out) == (ExitCode.ERROR, "")
    assert f"error: the audit was tampered with: {broken}" in found.err
    assert "\ntry: compare what is from record" in found.err


def test_a_directory_without_data_is_not_found(run: Run) -> None:
    assert run("audit", "verify", "--data-dir", "/nowhere").code == ExitCode.NOT_FOUND


def test_only_an_admin_sees_the_audit(cli: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.server.token("admin")
    monkeypatch.setenv("CICTL_TOKEN", shop.server.token("operator"))
    refused: list[Ran] = [cli("audit", "list"), cli("audit", "verify")]
    assert [ran.code for ran in refused] == [ExitCode.NOT_ALLOWED] * 2
    assert "this needs the role admin" in refused[0].err
