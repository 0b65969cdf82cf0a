"""Parts of logs: steps, times, lines that match, the failed jobs of a run."""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop, job
from msgspec import to_builtins

from cictl.base.text.characters import escaped_lines
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.instants import instant_of
from cictl.cli.logs.filter import MAX_LINE, LogFilter
from cictl.cli.output.text import iso
from cictl.wire.jobs import JobStatus, Step, StepEvent
from cictl_server.services.jobs.jobs import JobService
from tests.cli.conftest import Run

STEPS = """[{id: work, steps: [{run: make fetch}, {run: "cc -c a.c\\ncc b.c"},
    {test: {name: unit tests, command: make test, format: go-test-json, report: r.xml}}]}]"""


class Working:
    """An agent that works on one execution, as its reports say."""

    def __init__(self, server: RunningServer, jobs: str = STEPS) -> None:
        self._server = server
        [self.id] = server.run(server.define(jobs))
        self._size = 0
        server.running()

    def says(self, text: str) -> Working:
        report = self._server.report(self.id, "running", output_append=text, output_offset=self._size)
        assert report.status_code == 200
        self._size += len(text.encode())
        return self

    def begins(self, index: int) -> Working:
        step = self._server.job(self.id).step_plan[index - 1]
        event = StepEvent(type="step.started", step=Step(index=index, total=3, name=step.name), log_offset=self._size)
        self._server.report(self.id, "running", events=[event])
        return self

    def ends(self, status: str, **fields: Any) -> Working:
        self._server.report(self.id, status, **fields)
        return self


@pytest.fixture
def worked(server: RunningServer) -> Working:
    """An execution that failed in the second of its three steps; the first line of a step closes an open one."""
    working = Working(server).says("prepared\n").begins(1).says("one\nfetched")
    server.clock.step(60)
    working.begins(2).says("\ncc a.c\n")
    server.clock.step(60)
    return working.says("error: a.c\n").ends("failed")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param(("--step", "1"), "one\nfetched\n", id="by number"),
        pytest.param(("--step", "make fetch"), "one\nfetched\n", id="by name"),
        pytest.param(("--step", "CC"), "cc a.c\nerror: a.c\n", id="by the beginning of its name, and to the end"),
        pytest.param(("--step", "1", "--tail", "1"), "fetched\n", id="the end of a step"),
        pytest.param(("--step", "1", "--tail", "9"), "one\nfetched\n", id="no more than the step"),
        pytest.param(("--failed",), "cc a.c\nerror: a.c\n", id="the failed step"),
        pytest.param(("--failed", "--tail", "1"), "error: a.c\n", id="the end of the failed step"),
        pytest.param(("--grep", "^e|one"), "one\nerror: a.c\n", id="lines"),
        pytest.param(("--step", "step 2", "--grep", "a.c$", "--tail", "1"), "error: a.c\n", id="all together"),
        pytest.param(("--tail", "0"), "", id="nothing"),
    ],
)
def test_parts(run: Run, worked: Working, options: tuple[str, ...], shown: str) -> None:
    ran = run("jobs", "logs", worked.id, *options)
    assert (ran.code, ran.out, ran.err) == (0, shown, "")


def test_timestamps(run: Run, server: RunningServer, worked: Working) -> None:
    ran = run("jobs", "logs", worked.id, "--timestamps")
    last = server.clock.now
    earlier, first = last - timedelta(seconds=60), last - timedelta(seconds=120)
    expected = [(first, "prepared"), (first, "one"), (first, "fetched"), (earlier, "cc a.c"), (last, "error: a.c")]
    assert (ran.code, ran.out) == (0, "".join(f"{iso(time)} {line}\n" for time, line in expected))


def test_lines_as_data(run: Run, server: RunningServer, worked: Working) -> None:
    ran = run("jobs", "logs", worked.id, "--step", "2", "-o", "json")
    last = server.clock.now
    assert ran.json() == {
        "lines": [
            {"job_id": worked.id, "time_utc": to_builtins(last - timedelta(seconds=60)), "text": "cc a.c"},
            {"job_id": worked.id, "time_utc": to_builtins(last), "text": "error: a.c"},
        ]
    }
    assert run("jobs", "logs", worked.id, "--failed", "--query", "lines[].text").json() == ["cc a.c", "error: a.c"]


def test_lines_of_a_run_as_data(run: Run, server: RunningServer, worked: Working) -> None:
    ran = run("jobs", "logs", "--run", "@last", "-o", "json", "--grep", "one|error")
    assert [(line["job_id"], line["text"]) for line in ran.json()["lines"]] == [
        (worked.id, "one"),
        (worked.id, "error: a.c"),
    ]
    assert run("jobs", "logs", "--run", "@last", "-o", "name").out == f"{worked.id}\n"


def test_lines_as_data_where_none_are_wanted(run: Run, server: RunningServer) -> None:
    working = Working(server).says("one\n")
    ran = run("jobs", "logs", working.id, "--failed", "-o", "json")
    assert (ran.code, ran.json()) == (0, {"lines": []})
    ran = run("jobs", "logs", working.id, "--grep", "two", "-o", "json")
    assert ran.code == ExitCode.ERROR


@pytest.mark.parametrize("follow", [(), ("-f",)], ids=["at once", "followed"])
def test_lines_as_data_steer_no_terminal(run: Run, server: RunningServer, follow: tuple[str, ...]) -> None:
    text = "a\x1b[2J\x9b31m\u202eb"
    working = Working(server).says(f"{text}\n").ends("succeeded")
    ran = run("jobs", "logs", working.id, "--raw", *follow, "-o", "json")
    [line] = [json.loads(ran.out)] if follow else ran.json()["lines"]
    assert line["text"] == text
    assert escaped_lines(ran.out) == ran.out


def test_followed_lines_are_an_object_each(run: Run, worked: Working) -> None:
    ran = run("jobs", "logs", "-f", worked.id, "-o", "json")
    assert [json.loads(line)["text"] for line in ran.out.splitlines()] == [
        "prepared",
        "one",
        "fetched",
        "cc a.c",
        "error: a.c",
    ]
    assert ran.code == ExitCode.FAILED


@pytest.mark.parametrize("options", [("-o", "yaml"), ("-o", "name"), ("--query", "lines")])
def test_what_cannot_go_on_is_refused(run: Run, worked: Working, options: tuple[str, ...]) -> None:
    ran = run("jobs", "logs", "-f", worked.id, *options)
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")


def test_timestamps_of_a_part(run: Run, server: RunningServer, worked: Working) -> None:
    ran = run("jobs", "logs", worked.id, "-t", "--step", "1", "--grep", "fetched")
    assert ran.out == f"{iso(server.clock.now - timedelta(seconds=120))} fetched\n"


def test_timestamps_of_a_running_job_end_with_its_log(run: Run, server: RunningServer) -> None:
    working = Working(server).says("one\n")
    assert run("jobs", "logs", working.id, "-t").out == f"{iso(server.clock.now)} one\n"


def test_since(run: Run, server: RunningServer, worked: Working) -> None:
    instant = (server.clock.now - timedelta(seconds=30)).isoformat()
    assert run("jobs", "logs", worked.id, "--since", instant).out == "error: a.c\n"


def test_since_a_while_ago_shows_nothing_of_an_old_log(run: Run, worked: Working) -> None:
    assert run("jobs", "logs", worked.id, "--since", "5m").out == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h30m", timedelta(hours=2.5)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta()),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert now - instant_of(text, now=now) == expected


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00"])
def test_times(text: str) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert instant_of(text, now=noon + timedelta(days=9)) == noon


def test_a_time_without_zone_is_local() -> None:
    local = datetime(2026, 3, 1, 12).astimezone()
    assert instant_of("2026-03-01T12:00:00", now=local) == local


@pytest.mark.parametrize("text", ["", "m", "10", "yesterday", "1h2", "-5m", "99999999999d", "9999-99-99"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Failure, match="--since") as caught:
        instant_of(text, now=datetime(2026, 3, 1, tzinfo=UTC))
    assert caught.value.exit_code == ExitCode.USAGE


def test_grep_that_finds_nothing_ends_with_1(run: Run, worked: Working) -> None:
    ran = run("jobs", "logs", worked.id, "--grep", "warning", "-o", "json")
    assert (ran.code, ran.out, ran.error()["code"]) == (ExitCode.ERROR, "", "no_match")


def test_grep_sees_lines_without_colours_and_raw_leaves_them(run: Run, server: RunningServer) -> None:
    working = Working(server).says("\x1b[31mred\x1b[0m\nblue\n").ends("succeeded")
    assert run("jobs", "logs", working.id, "--grep", "^red$").out == "red\n"
    assert run("jobs", "logs", working.id, "--grep", "red", "--raw").out == "\x1b[31mred\x1b[0m\n"


def test_failed_shows_nothing_of_a_success(run: Run, server: RunningServer) -> None:
    working = Working(server).says("fine\n").ends("succeeded")
    ran = run("jobs", "logs", working.id, "--failed")
    assert (ran.code, ran.out) == (0, "")
    assert "has not failed: succeeded" in ran.err


def test_failed_before_any_step_shows_the_whole_log(run: Run, server: RunningServer) -> None:
    working = Working(server).says("no such repository\n").ends("failed")
    assert run("jobs", "logs", working.id, "--failed").out == "no such repository\n"


@pytest.mark.parametrize(
    ("step", "code", "text"),
    [
        pytest.param("deploy", ExitCode.NOT_FOUND, "1 (make fetch), 2 (cc -c a.c), 3 (unit tests)", id="unknown"),
        pytest.param("", ExitCode.NOT_FOUND, "never began", id="never began"),
        pytest.param("4", ExitCode.NOT_FOUND, "no step '4'", id="no such number"),
    ],
)
def test_step_that_is_not_there(run: Run, worked: Working, step: str, code: ExitCode, text: str) -> None:
    ran = run("jobs", "logs", worked.id, "--step", step or "unit tests")
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err


def test_the_job_shows_how_long_its_steps_took(run: Run, worked: Working) -> None:
    lines = run("jobs", "show", worked.id).out.partition("Steps:\n")[2].splitlines()
    assert [line.split() for line in lines] == [
        ["1.", "make", "fetch", "1m00s"],
        ["2.", "cc", "-c", "a.c", "1m00s", "failed"],
        ["3.", "unit", "tests"],
    ]


@pytest.fixture
def rescued(server: RunningServer) -> Working:
    """An execution whose first step failed, and whose third one ran all the same."""
    working = Working(server).begins(1).says("error: no net\n")
    server.clock.step(60)
    return working.begins(3).says("tidied\n").ends("failed", failed_step=1)


def test_the_step_that_failed_need_not_be_the_last(run: Run, rescued: Working) -> None:
    assert run("jobs", "logs", rescued.id, "--failed").out == "error: no net\n"
    lines = run("jobs", "show", rescued.id).out.partition("Steps:\n")[2].splitlines()
    assert [line.split()[-1] for line in lines] == ["failed", "a.c", "0.0s"]


def test_a_watch_shows_the_step_that_failed(run: Run, rescued: Working) -> None:
    shown = run("jobs", "watch", rescued.id).err
    assert "  error: no net\n" in shown
    assert "tidied" not in shown


def test_step_that_has_not_begun_can_be_waited_for(run: Run, server: RunningServer) -> None:
    working = Working(server).begins(1)
    ran = run("jobs", "logs", working.id, "--step", "3")
    assert ran.code == ExitCode.NOT_FOUND
    assert "try: -f waits for it" in ran.err


def test_ambiguous_step(run: Run, server: RunningServer) -> None:
    jobs = "[{id: work, steps: [{run: test a}, {run: test b}]}]"
    ran = run("jobs", "logs", Working(server, jobs).id, "--step", "test")
    assert ran.code == ExitCode.USAGE
    assert "1 (test a), 2 (test b)" in ran.err


def test_following_a_step_waits_for_it_and_ends_where_the_next_begins(
    run: Run, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = Working(server).begins(1).says("one\n")
    seen: list[str] = []
    follow = JobService.follow_log

    def followed(jobs: JobService, job_id: str, **options: Any) -> Any:
        seen.append("follow")
        return follow(jobs, job_id, **options)

    def go_on() -> None:
        working.begins(2).says("two\n")
        while not any("follow" in request for request in seen):
            threading.Event().wait(0.01)
        working.says("more of two\n").begins(3).says("three\n")

    monkeypatch.setattr(JobService, "follow_log", followed)
    thread = threading.Thread(target=go_on)
    thread.start()
    ran = run("jobs", "logs", "-f", working.id, "--step", "2")
    thread.join()
    assert (ran.code, ran.out) == (0, "two\nmore of two\n")


def test_following_a_step_that_fails_ends_with_the_result(run: Run, worked: Working) -> None:
    ran = run("jobs", "logs", "-f", worked.id, "--step", "step 2")
    assert (ran.code, ran.out) == (ExitCode.FAILED, "cc a.c\nerror: a.c\n")


def test_following_a_step_that_never_begins_ends_with_the_result(run: Run, worked: Working) -> None:
    assert run("jobs", "logs", "-f", worked.id, "--step", "unit tests").code == ExitCode.FAILED


def test_following_only_lines_that_match(run: Run, worked: Working) -> None:
    ran = run("jobs", "logs", "-f", worked.id, "--grep", "nothing like this", "--timestamps")
    assert (ran.code, ran.out) == (ExitCode.FAILED, "")


TWO = "[{id: good, steps: [{run: 'true'}]}, {id: bad, steps: [{run: 'false'}]}]"


@pytest.fixture
def finished_run(server: RunningServer) -> str:
    """The id of a run with a job that succeeded and one that failed."""
    server.run(server.define(TWO))
    for status, text in (("succeeded", "fine\n"), ("failed", "broken")):
        found = server.running()
        server.report(found.id, "running", output_append=text, output_offset=0)
        server.report(found.id, status)
    return found.metadata["pipeline_run_id"]


@pytest.mark.parametrize(
    ("options", "code", "shown"),
    [
        pytest.param((), ExitCode.OK, "good | fine\nbad | broken\n", id="all"),
        pytest.param(("--failed",), ExitCode.OK, "broken", id="failed"),
        pytest.param(("--grep", "o"), ExitCode.OK, "bad | broken\n", id="lines that match"),
        pytest.param(("--grep", "x"), ExitCode.ERROR, "", id="no line matches"),
    ],
)
def test_logs_of_a_run(run: Run, finished_run: str, options: tuple[str, ...], code: ExitCode, shown: str) -> None:
    ran = run("jobs", "logs", "--run", finished_run, *options)
    assert (ran.code, ran.out) == (code, shown)


def test_following_a_run(run: Run, finished_run: str) -> None:
    ran = run("jobs", "logs", "-f", "--run", finished_run)
    assert ran.code == ExitCode.FAILED
    assert sorted(ran.out.splitlines()) == ["bad | broken", "good | fine"]


def test_failed_logs_of_a_run_without_failures(run: Run, server: RunningServer) -> None:
    working = Working(server).says("fine\n").ends("succeeded")
    run_id = server.job(working.id).metadata["pipeline_run_id"]
    ran = run("jobs", "logs", "--run", run_id, "--failed")
    assert (ran.code, ran.out, ran.err) == (0, "", "no job of the run has failed\n")


@pytest.mark.parametrize(
    "options",
    [
        ("job-1", "--tail", "1", "--offset", "1"),
        ("job-1", "--since", "1m", "--offset", "1"),
        ("job-1", "--step", "1", "--failed"),
        ("job-1", "--failed", "-f"),
        ("job-1", "--grep", "("),
        ("job-1", "--since", "later"),
        ("job-1", "--run", "run-1"),
        ("--run", "run-1", "--offset", "1"),
        ("--run", "run-1", "-f", "--grep", "x"),
        ("-f",),
    ],
)
def test_what_excludes_each_other(shown: Run, showcase: Shop, options: tuple[str, ...]) -> None:
    ran = shown("jobs", "logs", *options)
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert showcase.gate.requests == []


@pytest.mark.parametrize("options", [("--since", "1m"), ("--step", "1"), ("--failed",)])
def test_server_that_keeps_no_times_and_steps(cli: Run, shop: Shop, options: tuple[str, ...]) -> None:
    shop.put(job("job-1", status=JobStatus.FAILED, step_plan=[Step(index=1, name="make")]))
    for route in ("log", "steps"):
        shop.gate.refuse_plainly(f"GET /api/v1/jobs/job-1/{route}", 404, "404 page not found")
    ran = cli("jobs", "logs", "job-1", *options, "-o", "json")
    assert (ran.code, ran.error()["code"]) == (ExitCode.ERROR, "unsupported")


def filtered(*pieces: bytes, pattern: str) -> bytes:
    shown: list[bytes] = []
    kept = LogFilter(shown.append, raw=False, pattern=re.compile(pattern))
    for piece in pieces:
        kept.feed(piece)
    kept.close()
    return b"".join(shown)


def test_lines_cut_anywhere_are_matched_whole() -> None:
    text = "één\ntwee\n\ndrie".encode()
    for cut in range(len(text)):
        assert filtered(text[:cut], text[cut:], pattern="^(één|drie|)$") == "één\n\ndrie".encode()


def test_an_endless_line_is_not_held_for_ever() -> None:
    shown = filtered(*[b"x" * 65_536] * 40, b"y\n", pattern="y")
    assert shown.endswith(b"xy\n")
    assert len(shown) <= MAX_LINE


def test_the_longest_line_that_is_held() -> None:
    assert filtered(b"x" * (MAX_LINE - 2), b"y\n", pattern="xy") == b"x" * (MAX_LINE - 2) + b"y\n"
