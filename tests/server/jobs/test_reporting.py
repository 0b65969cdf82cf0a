"""Status reports: who may say what, what it changes, and where the log bytes go."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.stores.disk import path_of, watched

from cictl.wire.agents import StatusRequest
from cictl.wire.codec import decode
from cictl.wire.jobs import LONGEST_OUTPUT, LONGEST_WARNING, MOST_WARNINGS, JobExecution, JobStateResponse
from cictl_server.errors import LogGap
from cictl_server.log_writer.files import FileLogs
from cictl_server.services.logs.book import LogBook, Written
from cictl_server.store.contract import ShortFile


def prepare(server: RunningServer, status: str) -> JobExecution:
    """Return an execution of agent `a` in *status*; nobody owns a queued one."""
    job_id = server.enqueue()
    if status != "queued":
        server.leased()
    if status not in ("queued", "leased"):
        server.report(job_id, "running")
    if status in ("succeeded", "failed"):
        server.report(job_id, status)
    return server.job(job_id)


@pytest.mark.weakness("A7.3a")
@pytest.mark.parametrize(
    ("stored", "requested", "agent", "code", "result"),
    [
        ("queued", "running", "b", 200, "running"),
        ("queued", "succeeded", "b", 409, "queued"),
        ("queued", "failed", "b", 409, "queued"),
        ("leased", "running", "a", 200, "running"),
        ("leased", "running", "b", 409, "leased"),
        ("leased", "failed", "a", 200, "failed"),
        ("leased", "failed", "b", 409, "leased"),
        ("running", "running", "a", 200, "running"),
        ("running", "running", "b", 409, "running"),
        ("running", "succeeded", "a", 200, "succeeded"),
        ("running", "succeeded", "b", 409, "running"),
        ("succeeded", "running", "b", 200, "succeeded"),
        ("succeeded", "succeeded", "a", 200, "succeeded"),
        ("succeeded", "succeeded", "b", 409, "succeeded"),
        ("succeeded", "failed", "b", 200, "succeeded"),
        ("failed", "running", "a", 200, "failed"),
        ("failed", "failed", "b", 409, "failed"),
        ("failed", "succeeded", "a", 200, "failed"),
    ],
)
def test_stored_and_requested_status(
    server: RunningServer, stored: str, requested: str, agent: str, code: int, result: str
) -> None:
    job = prepare(server, stored)
    assert server.report(job.id, requested, agent).status_code == code
    assert server.job(job.id).status == result


@pytest.mark.weakness("A7.3a")
def test_the_first_report_of_an_unowned_execution_binds_it(server: RunningServer) -> None:
    job = prepare(server, "queued")
    server.report(job.id, "running", "b")
    assert server.job(job.id).leased_by_agent_id == "b"
    assert server.report(job.id, "running", "c").status_code == 409


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        pytest.param({"agent_id": ""}, 400, "agent_id is required", id="no agent"),
        pytest.param({"status": "queued"}, 400, "status must be running, succeeded or failed", id="bad status"),
        pytest.param(
            {"output_append": "x"}, 400, "output_offset is required with output_append, 0 or more", id="offset"
        ),
    ],
)
def test_refusals(server: RunningServer, fields: dict[str, str], code: int, text: str) -> None:
    job = prepare(server, "leased")
    answer = server.report(job.id, **{"status": "running", **fields})
    assert (answer.status_code, answer.text) == (code, text + "\n")


@pytest.mark.parametrize("job_id", ["job-1", "nonsense", "job-", "job-1e3"])
def test_an_unknown_execution_is_a_bad_request_as_the_contract_has_it(server: RunningServer, job_id: str) -> None:
    answer = server.report(job_id, "running")
    assert (answer.status_code, answer.text) == (400, "job not found\n")


def test_fields_follow_the_contract(server: RunningServer) -> None:
    job = prepare(server, "leased")
    server.report(job.id, " Running ", current_step=" Step 1/2: x ", error="odd", exit_code=4)
    assert (server.job(job.id).current_step, server.job(job.id).error, server.job(job.id).exit_code) == (
        "Step 1/2: x",
        "odd",
        4,
    )
    server.report(job.id, "running", runtime_capabilities={"k": "v"})
    kept = server.job(job.id)
    assert (kept.current_step, kept.error, kept.exit_code) == ("Step 1/2: x", "", None)
    server.report(job.id, "succeeded", exit_code=0, error="ignored")
    done = server.job(job.id)
    assert (done.current_step, done.error, done.exit_code) == ("", "", 0)
    assert done.runtime_capabilities == {"k": "v"}


def test_a_minimal_answer_is_small(server: RunningServer) -> None:
    job = prepare(server, "leased")
    body = b'{"agent_id":"a","status":"running","output_append":"hello","output_offset":0}'
    answer = server.http.simulate_post(f"/api/v1/jobs/{job.id}/status", body=body, headers={"Prefer": "return=minimal"})
    assert decode(answer.content, JobStateResponse).job_execution.log_size == 5
    assert "script" not in answer.json["job_execution"]


def test_appends_go_where_their_offset_says(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", output_append="héllo ", output_offset=0)
    server.report(job.id, "running", output_append="llo wor", output_offset=3)
    server.report(job.id, "running", output_append="ld", output_offset=10)
    assert server.log(job.id).decode() == "héllo world"


def test_a_gap_is_refused_with_the_size_that_is_stored(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", output_append="abc", output_offset=0)
    answer = server.post(
        f"/api/v1/jobs/{job.id}/status",
        {"agent_id": "a", "status": "running", "output_append": "x", "output_offset": 9},
        headers={"Accept": "application/json"},
    )
    assert (answer.status_code, answer.json["code"], answer.json["log_size"]) == (409, "log_gap", 3)
    assert server.log(job.id) == b"abc"


def test_a_terminal_report_waits_for_the_whole_log(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", output_append="abc", output_offset=0)
    assert server.report(job.id, "succeeded", output_size=5).status_code == 409
    assert server.job(job.id).status == "running"
    digest = hashlib.sha256(b"abcde").hexdigest()
    answer = server.report(
        job.id, "succeeded", output_append="de", output_offset=3, output_size=5, output_sha256=digest
    )
    assert answer.status_code == 200
    assert server.log(job.id) == b"abcde"


def test_a_log_that_differs_from_the_agents_is_sent_anew(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", output_append="damaged", output_offset=0)
    digest = hashlib.sha256(b"correct").hexdigest()
    answer = server.report(job.id, "succeeded", output_size=7, output_sha256=digest)
    assert (answer.status_code, server.log(job.id)) == (409, b"")
    server.report(job.id, "succeeded", output_append="correct", output_offset=0, output_size=7, output_sha256=digest)
    assert (server.job(job.id).status, server.log(job.id)) == ("succeeded", b"correct")


def test_a_snapshot_replaces_and_an_empty_one_keeps(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", output="one\n")
    server.report(job.id, "running", output="one\ntwo\n")
    server.report(job.id, "running")
    assert server.job(job.id).output == "one\ntwo\n"
    server.report(job.id, "running", output="other")
    assert server.job(job.id).output == "other"


def test_tails_of_a_long_log_are_joined_to_a_whole(server: RunningServer) -> None:
    """An agent of the reference sends the last 512 KiB; the server keeps everything that it ever sent."""
    job = prepare(server, "running")
    whole = "".join(f"line {n}\n" for n in range(90_000))
    for end in range(200_000, len(whole) + 1, 150_000):
        server.report(job.id, "running", output=whole[max(0, end - 524_288) : end])
    server.report(job.id, "succeeded", output=whole[-524_288:])
    assert server.log(job.id).decode() == whole
    assert server.job(job.id).output == whole[-524_288:].partition("\n")[2]


def test_what_an_agent_sends_after_a_cancel_does_not_count(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", output_append="before\n", output_offset=0)
    server.cancel(job.id)
    assert server.report(job.id, "failed", output_append="after\n", output_offset=7).status_code == 200
    assert server.log(job.id) == b"before\n[control] job cancelled by user"
    assert server.job(job.id).error == "cancelled by user"


def test_an_agent_with_an_execution_cannot_begin_another_one(server: RunningServer) -> None:
    """Not even one that it was given once: a late report of an expired lease must not make it the owner of two."""
    first, second = server.enqueue(), server.enqueue()
    server.leased("b")
    server.leased("a")
    server.clock.step(45)
    server.report(second, "running", "a")
    server.services.jobs.expiry.run_once()
    answer = server.report(first, "running", "a")
    assert (answer.status_code, answer.text) == (409, "job is not leased\n")
    assert server.job(first).status == "queued"


@pytest.mark.parametrize("begin", ["lease", "report"])
def test_the_next_holder_begins_with_an_empty_log(server: RunningServer, begin: str) -> None:
    """A terminal report that is refused for want of log bytes leaves those that it brought."""
    job = prepare(server, "leased")
    assert server.report(job.id, "failed", output_append="a's", output_offset=0, output_size=9).status_code == 409
    server.clock.step(45)
    server.services.jobs.expiry.run_once()
    if begin == "lease":
        server.leased("b")
    server.report(job.id, "running", "b", output_append="b", output_offset=0)
    assert server.log(job.id) == b"b"


def test_an_older_snapshot_that_arrives_late_takes_nothing_away(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", output="one\ntwo\n")
    server.report(job.id, "running", output="one\n")
    assert server.log(job.id) == b"one\ntwo\n"


def test_an_older_tail_that_arrives_late_takes_nothing_away(server: RunningServer) -> None:
    job = prepare(server, "running")
    whole = "".join(f"line {n}\n" for n in range(70_000))
    for end in (400_000, 600_000, 700_000, 600_000):
        server.report(job.id, "running", output=whole[max(0, end - 524_288) : end])
    assert server.log(job.id).decode() == whole[:700_000]


@pytest.mark.weakness("A7.3b")
@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("running", {"output_append": "late", "output_offset": 0}),
        ("running", {"output": "late"}),
        ("succeeded", {"output_append": "late", "output_offset": 0}),
    ],
)
def test_a_report_that_is_overtaken_never_reaches_the_log_of_the_next_agent(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, status: str, fields: dict[str, Any]
) -> None:
    job = prepare(server, "leased")

    def overtaken(write: Callable[..., object]) -> Callable[..., object]:
        """Return *write*, just before which the lease expires and another agent begins."""

        def overtake_and_write(*arguments: object, **options: object) -> object:
            monkeypatch.undo()
            server.clock.step(45)
            server.services.jobs.expiry.run_once()
            assert server.leased("b").id == job.id
            assert server.report(job.id, "running", "b", output_append="mine", output_offset=0).status_code == 200
            return write(*arguments, **options)

        return overtake_and_write

    for name in ("append", "continue_by"):
        monkeypatch.setattr(LogBook, name, overtaken(getattr(LogBook, name)))
    assert server.report(job.id, status, "a", **fields).status_code == 409
    assert server.log(job.id) == b"mine"
    assert len(list(server.log_writer.names())) == 1


def test_a_report_whose_lease_expires_meanwhile_goes_on_in_a_new_log(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = prepare(server, "leased")
    append = LogBook.append

    def expire(logs: LogBook, name: str, data: bytes, *, offset: int) -> Written:
        monkeypatch.undo()
        server.clock.step(45)
        server.services.jobs.expiry.run_once()
        return append(logs, name, data, offset=offset)

    monkeypatch.setattr(LogBook, "append", expire)
    assert server.report(job.id, "running", output_append="one", output_offset=0).status_code == 200
    assert server.log(job.id) == b"one"
    assert server.job(job.id).leased_by_agent_id == "a"


@pytest.mark.weakness("A7.3b")
def test_two_that_begin_an_unowned_execution_do_not_share_its_log(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = prepare(server, "queued")
    append = LogBook.append

    def second(logs: LogBook, name: str, data: bytes, *, offset: int) -> Written:
        monkeypatch.undo()
        assert server.report(job.id, "running", "b", output_append="other", output_offset=0).status_code == 409
        return append(logs, name, data, offset=offset)

    monkeypatch.setattr(LogBook, "append", second)
    assert server.report(job.id, "running", "a", output_append="one", output_offset=0).status_code == 200
    assert server.log(job.id) == b"one"


def test_warnings_are_kept_bounded_and_no_failure(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "succeeded", warnings=["x" * 9999, *["y"] * 99])
    kept = server.job(job.id)
    assert (kept.status, kept.error) == ("succeeded", "")
    assert kept.warnings == ["x" * LONGEST_WARNING, *["y"] * (MOST_WARNINGS - 1)]


def test_warnings_are_of_one_execution(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", warnings=["no file"])
    server.report(job.id, "succeeded")
    assert server.job(job.id).warnings == ["no file"]
    again = server.post(f"/api/v1/jobs/{job.id}/rerun").json["job_execution"]
    assert "warnings" not in again


def test_outputs_are_those_of_the_success(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", outputs={"version": "early"})
    assert server.job(job.id).outputs == {}
    server.report(job.id, "succeeded", outputs={"version": "1.2\nü", "long": "x" * LONGEST_OUTPUT})
    assert server.job(job.id).outputs == {"version": "1.2\nü", "long": "x" * LONGEST_OUTPUT}
    server.restart()
    assert server.job(job.id).outputs["version"] == "1.2\nü"
    again = server.post(f"/api/v1/jobs/{job.id}/rerun").json["job_execution"]
    assert "outputs" not in again


def test_the_step_that_failed_is_kept_with_a_failure(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "running", failed_step=1)
    assert server.job(job.id).failed_step == 0
    server.report(job.id, "failed", failed_step=2)
    assert server.job(job.id).failed_step == 2
    assert "failed_step" not in server.post(f"/api/v1/jobs/{job.id}/rerun").json["job_execution"]


def test_a_failed_execution_has_no_outputs(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "failed", outputs={"version": "1.2"})
    assert server.job(job.id).outputs == {}


def test_long_outputs_do_not_swell_a_list(server: RunningServer) -> None:
    job = prepare(server, "running")
    server.report(job.id, "succeeded", outputs={"long": "x" * LONGEST_OUTPUT})
    [listed] = server.get("/api/v1/jobs").json["job_executions"]
    assert len(listed["outputs"]["long"].encode()) <= 500
    assert listed["is_cut"]


@pytest.mark.tinydb
@pytest.mark.parametrize(
    ("size", "files"),
    [pytest.param(4096, ["state.journal"], id="short"), pytest.param(4097, ["LOG", "state.journal"], id="long")],
)
def test_a_short_log_becomes_durable_with_the_end_of_its_job(
    server: RunningServer, size: int, files: list[str]
) -> None:
    job = prepare(server, "running")
    flushed: list[str] = []
    with watched(lambda name, args: flushed.append(path_of(args[0]).name) if name == "fsync" else None):
        server.report(job.id, "succeeded", output_append="x" * size, output_offset=0, output_size=size)
    assert [name.replace(f"{job.id}.log", "LOG") for name in flushed] == files


class CrashingLogs(FileLogs):
    """Logs that can lose their bytes, before they are sealed and at any other time: what is not sealed need not survive."""

    crashes_before_seal = False

    def seal_or_read(self, name: str) -> tuple[int, ShortFile | None]:
        if self.crashes_before_seal:
            self.crashes_before_seal = False
            self.crash(name)
        return super().seal_or_read(name)

    def crash(self, name: str) -> None:
        with self.edit(name) as log:
            log.write(b"", at=0, now=datetime.now(UTC))


def test_a_piece_that_a_crash_took_before_the_end_is_durable_is_asked_for_again(server: RunningServer) -> None:
    logs = CrashingLogs(server.directory / "crashing")
    server.restart_with(log_writer=logs)
    job = prepare(server, "running")
    end: dict[str, Any] = {"output_append": "text", "output_offset": 0, "output_size": 4}
    logs.crashes_before_seal = True
    assert server.report(job.id, "succeeded", **end).status_code == 409
    assert (server.job(job.id).status, server.log(job.id)) == ("running", b"")
    assert server.report(job.id, "succeeded", **end).status_code == 200
    assert (server.job(job.id).status, server.log(job.id)) == ("succeeded", b"text")


def test_a_piece_that_a_crash_took_after_its_answer_is_asked_for_again(server: RunningServer) -> None:
    logs = CrashingLogs(server.directory / "crashing")
    server.restart_with(log_writer=logs)
    job = prepare(server, "running")
    assert server.report(job.id, "running", output_append="text", output_offset=0).status_code == 200
    logs.crash(job.id)
    assert server.report(job.id, "running", output_append=" more", output_offset=4).status_code == 409
    assert server.report(job.id, "running", output_append="text more", output_offset=0).status_code == 200
    assert server.log(job.id) == b"text more"


class SharedLogs(FileLogs):
    """Logs into which another server writes once, when this one has read the log to its end to compare it."""

    others = b""

    def read(self, name: str, *, offset: int, limit: int) -> bytes:
        data = super().read(name, offset=offset, limit=limit)
        if not data and self.others:
            others, self.others = self.others, b""
            self.append(name, others, at=self.size(name), now=datetime.now(UTC))
        return data


def test_bytes_of_an_end_at_another_server_never_stand_under_this_one(server: RunningServer) -> None:
    logs = SharedLogs(server.directory / "shared")
    server.restart_with(log_writer=logs)
    job = prepare(server, "running")
    end: dict[str, Any] = {
        "output_append": "text",
        "output_offset": 0,
        "output_size": 4,
        "output_sha256": hashlib.sha256(b"text").hexdigest(),
    }
    logs.others = b", and that of another end"
    assert server.report(job.id, "succeeded", **end).status_code == 200
    assert server.log(job.id) == b"text"


class RewrittenLogs(FileLogs):
    """Logs that another server empties once, as damaged, when this one has compared them."""

    rewrite: Callable[[], None] | None = None

    def read(self, name: str, *, offset: int, limit: int) -> bytes:
        data = super().read(name, offset=offset, limit=limit)
        if not data and self.rewrite:
            rewrite, self.rewrite = self.rewrite, None
            rewrite()
        return data


def test_an_end_does_not_count_for_a_log_that_was_rewritten_since_it_was_compared(server: RunningServer) -> None:
    logs = RewrittenLogs(server.directory / "rewritten")
    server.restart_with(log_writer=logs)
    job = prepare(server, "running")
    server.report(job.id, "running", output_append="text", output_offset=0)
    damaged = hashlib.sha256(b"test").hexdigest()

    def rewrite() -> None:
        reporting = server.services.jobs.reporting
        with pytest.raises(LogGap):
            reporting.report(job.id, StatusRequest(agent_id="a", status="failed", output_size=4, output_sha256=damaged))

    logs.rewrite = rewrite
    whole = hashlib.sha256(b"text").hexdigest()
    assert server.report(job.id, "succeeded", output_size=4, output_sha256=whole).status_code == 409
    assert (server.job(job.id).status, server.log(job.id)) == ("running", b"")
