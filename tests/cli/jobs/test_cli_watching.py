"""Lists and waits that live: on a terminal, in a pipe, through an outage."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cictl_testing.screen import Screen, end
from cictl_testing.shop import LONG_AGO, Shop, job
from rich.console import Console

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.patience import Patience
from cictl.cli.jobs.progress import JobsPicture
from cictl.cli.output.table import Renderer
from cictl.wire.jobs import JobState, JobStatus
from cictl.wire.problems import Code
from tests.cli.conftest import HASTE, Run

AGENTS = "GET /api/v1/agents"


@pytest.fixture
def changes() -> list[Callable[[], object]]:
    """What happens between one look and the next; after the last comes Ctrl-C."""
    return []


@pytest.fixture
def patience(changes: list[Callable[[], object]]) -> Patience:
    def sleep(_: float) -> None:
        if not changes:
            raise KeyboardInterrupt
        changes.pop(0)()

    return HASTE._replace(sleep=sleep)


@pytest.fixture
def between(changes: list[Callable[[], object]]) -> Callable[..., None]:
    """Takes the changes."""
    return lambda *happening: changes.extend(happening)


def change(shop: Shop, agent_id: str, **fields: Any) -> Callable[[], object]:
    def apply() -> None:
        shop.beat(agent_id, **fields)

    return apply


def beat_later(shop: Shop) -> None:
    shop.server.clock.step(9)
    shop.beat("mac")


def test_in_a_pipe_each_change_is_a_line(cli: Run, shop: Shop, between: Callable[..., None]) -> None:
    between(
        change(shop, "mac", version="9.9.9"),
        lambda: None,
        lambda: shop.put(job("job-1", JobStatus.RUNNING, leased_by_agent_id="build-2")),
    )
    ran = cli("agents", "list", "--watch")
    lines = [line.split() for line in ran.out.splitlines()]
    assert ran.code == ExitCode.INTERRUPTED
    assert [line[0] for line in lines] == ["AGENT", "build-1", "build-2", "mac", "mac", "build-2"]
    assert "9.9.9" in lines[4]
    assert lines[5][2] == "yes"


def test_a_heartbeat_alone_is_no_news(cli: Run, shop: Shop, between: Callable[..., None]) -> None:
    between(lambda: beat_later(shop))
    assert len(cli("agents", "list", "-w").out.splitlines()) == 4


def test_as_json_each_change_is_an_object(cli: Run, shop: Shop, between: Callable[..., None]) -> None:
    between(change(shop, "mac", version="9.9.9"))
    objects = [msgspec.json.decode(line) for line in cli("agents", "list", "-w", "-o", "json").out.splitlines()]
    assert [found["agent_id"] for found in objects] == ["build-1", "build-2", "mac", "mac"]
    assert objects[-1]["version"] == "9.9.9"


def test_jobs(cli: Run, shop: Shop, between: Callable[..., None]) -> None:
    shop.put(job("job-1", JobStatus.RUNNING))
    between(lambda: shop.finish("job-1"), lambda: shop.put(job("job-2")))
    ran = cli("jobs", "list", "--watch", "--project", "shop")
    assert ran.code == ExitCode.INTERRUPTED
    assert [line.split()[:2] for line in ran.out.splitlines()] == [
        ["ID", "STATUS"],
        ["job-1", "running"],
        ["job-1", "succeeded"],
        ["job-2", "queued"],
    ]


def test_names(cli: Run, shop: Shop, between: Callable[..., None]) -> None:
    between(change(shop, "mac", version="9.9.9"))
    assert cli("agents", "list", "-w", "-o", "name").out.split() == ["build-1", "build-2", "mac", "mac"]


def test_no_agents_yet(cli: Run, shop: Shop, between: Callable[..., None]) -> None:
    shop.forget_agents()
    between(change(shop, "mac"))
    ran = cli("agents", "list", "-w")
    assert "no agents are known" in ran.err
    assert [line.split()[0] for line in ran.out.splitlines()] == ["AGENT", "mac"]


def test_an_outage_is_told_once_and_survived(cli: Run, shop: Shop, between: Callable[..., None]) -> None:
    between(
        lambda: shop.gate.refuse(AGENTS, 500, Code.INTERNAL, "down", times=2),
        lambda: None,
        change(shop, "mac", version="9.9.9"),
    )
    ran = cli("agents", "list", "-w")
    assert ran.err.count("connection lost") == 1
    assert ran.err.count("connected again") == 1
    assert "9.9.9" in ran.out.splitlines()[-1]


def test_a_refusal_ends_it(cli: Run, shop: Shop, between: Callable[..., None]) -> None:
    between(lambda: shop.gate.refuse(AGENTS, 401, Code.UNAUTHENTICATED, "token expired"))
    assert cli("agents", "list", "-w").code == ExitCode.NOT_ALLOWED


def test_first_look_that_fails_ends_it(run: Run, dead_url: str) -> None:
    assert run("agents", "list", "-w", "--server", dead_url).code == ExitCode.UNREACHABLE


@pytest.mark.parametrize("options", [("-o", "yaml"), ("--query", "agents")])
def test_formats_that_need_an_end(shown: Run, showcase: Shop, options: tuple[str, ...]) -> None:
    ran = shown("agents", "list", "-w", *options)
    assert (ran.code, ran.out, showcase.gate.requests) == (ExitCode.USAGE, "", [])


def test_on_a_terminal_the_table_lives_in_any_size(screen: Screen, shop: Shop) -> None:
    child = screen.start("agents", "list", "--watch")
    child.expect_exact("\x1b[?1049h")
    child.expect_exact("Ctrl-C ends")
    change(shop, "mac", version="9.9.9")()
    child.expect_exact("9.9.9")
    child.setwinsize(10, 30)
    child.expect_exact("…")
    child.sendintr()
    child.expect_exact("\x1b[?1049l")
    assert end(child) == ExitCode.INTERRUPTED
    assert "9.9.9" in str(child.before)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
def test_no_motion_where_it_is_unwanted(screen: Screen, shop: Shop, env: dict[str, str]) -> None:
    child = screen.start("agents", "list", "--watch", env=env)
    child.expect_exact("linux/amd64")
    change(shop, "mac", version="9.9.9")()
    child.expect_exact("9.9.9")
    child.sendintr()
    assert end(child) == ExitCode.INTERRUPTED
    assert "\x1b[" not in str(child.before)


def two_jobs(shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.RUNNING, current_step="Step 1/2: make", leased_by_agent_id="build-1"))
    shop.put(job("job-2", metadata={"pipeline_job_id": "test"}))


def test_watched_jobs_are_a_table_that_survives_a_new_size(screen: Screen, shop: Shop) -> None:
    two_jobs(shop)
    child = screen.start("jobs", "watch", "job-1", "job-2", columns=100)
    child.expect_exact("Step 1/2: make")
    child.setwinsize(12, 40)
    child.expect_exact("\x1b[2J\x1b[H")
    child.expect_exact("running")
    for job_id in ("job-1", "job-2"):
        shop.finish(job_id)
    assert end(child) == 0
    rest = str(child.before)
    assert "succeeded" in rest
    assert rest.endswith("\r\n")


def test_ctrl_c_leaves_a_clean_screen(screen: Screen, shop: Shop) -> None:
    two_jobs(shop)
    child = screen.start("jobs", "watch", "job-1", "job-2")
    child.expect_exact("Step 1/2: make")
    child.sendintr()
    child.expect_exact("\x1b[?25h")
    child.expect_exact("Attach again with: cictl jobs watch job-1 job-2")
    assert end(child) == ExitCode.INTERRUPTED


def renderer() -> Renderer:
    return Renderer(stdout=sys.stdout, stderr=sys.stderr, env={})


def drawn(states: list[JobStatus], *, height: int) -> list[str]:
    jobs = [job(f"job-{n}", status, leased_by_agent_id="a" * 50) for n, status in enumerate(states)]
    picture = JobsPicture(jobs, {each.id: each.id for each in jobs}, renderer())
    console = Console(width=40, height=24)
    with console.capture() as capture:
        console.print(picture.draw(height=height, width=40))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_table_fits_the_screen() -> None:
    lines = drawn([JobStatus.RUNNING] * 5, height=20)
    assert len(lines) == 6
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_table_never_loses_states_and_times(width: int) -> None:
    [state] = [
        job(
            "job-1",
            JobStatus.RUNNING,
            started_utc=LONG_AGO,
            leased_by_agent_id="a" * 50,
            current_step="Step 1/1: " + "x" * 300,
        )
    ]
    picture = JobsPicture([state], {state.id: "test-the-whole-of-the-payment-service"}, renderer())
    console = Console(width=width, height=24)
    with console.capture() as capture:
        console.print(picture.draw(height=20, width=width))
    title, row = capture.get().splitlines()
    assert title.split() == ["JOB", "STATUS", "TIME", "AGENT", "STEP"]
    assert re.match(r"test\S+ +running +\S+[dhms] ", row), row
    assert "……" not in row


def test_of_too_many_jobs_the_urgent_are_shown_and_the_rest_counted() -> None:
    states = [JobStatus.SUCCEEDED] * 30 + [JobStatus.QUEUED] * 20 + [JobStatus.FAILED] + [JobStatus.RUNNING] * 2
    lines = drawn(states, height=8)
    assert len(lines) <= 8
    shown = [line.split()[0] for line in lines[1:-1]]
    assert {"job-50", "job-51", "job-52"} <= set(shown)


def test_new_states_show() -> None:
    picture = JobsPicture([job("job-1")], {"job-1": "compile"}, renderer())
    picture.states["job-1"] = JobState(id="job-1", status=JobStatus.FAILED, log_size=0, error="exit status 3")
    console = Console(width=80)
    with console.capture() as capture:
        console.print(picture.draw(height=20))
    assert capture.get().splitlines()[1].split() == ["compile", "failed", "-", "-", "exit", "status", "3"]
