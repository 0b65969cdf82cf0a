"""`cictl demo`: the whole thing in a minute, with real processes and a temporary store."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from cictl.cli.output.table import Result
    from cictl.wire.jobs import JobExecution
    from cictl_client import Client

_START_SECONDS = 20.0
_IDLE_RUNS = 20
_AGENT = "demo-agent"


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave server and agent running afterwards.")] = False,
) -> None:
    """Start a server and an agent, import a sample project, run it, and show the result.

    Everything lives in a temporary directory and is gone afterwards, unless --keep is given.

    Examples:

      cictl demo

      cictl demo --keep
    """
    from cictl_client import Client

    if shutil.which("git") is None:
        _fail("the demo needs git", hint="install git and run `cictl demo` again")
    home = Path(tempfile.mkdtemp(prefix="cictl-demo-"))
    with ExitStack() as cleanup:
        if not keep:
            cleanup.callback(shutil.rmtree, home, ignore_errors=True)
        server = cleanup.enter_context(_process(home, "serve", "--port", "0", "--data-dir", str(home / "data")))
        url = _wait_for_url(server)
        agent = cleanup.enter_context(
            _process(home, "run-agent", "--server", url, "--id", _AGENT, "--work-dir", str(home / "work"))
        )
        client = cleanup.enter_context(Client(url))
        _wait_for_agent(client, agent)
        code = _show(home, url, client)
        if keep:
            cleanup.pop_all()
            client.close()
            _tell_how_to_go_on(home, url, server, agent)
    raise typer.Exit(code)


def _show(home: Path, url: str, client: Client) -> int:
    """Do what a user would, by the same commands, and return the exit code of the followed run."""
    from cictl.cli.commands.here import demo_project

    _say(f"a server on {url}, an agent named {_AGENT}, everything in {home}")
    repository = home / demo_project.NAME
    demo_project.create(repository)
    _cictl(url, "projects", "import", str(repository))
    _cictl(url, "agents", "list")
    code = _cictl(url, "run", f"{demo_project.NAME}/build", "--follow")
    jobs = [client.get_job(job.id) for job in client.list_jobs(pipeline="build").job_executions]
    _say(f"measuring how soon an idle agent starts what is enqueued: {_IDLE_RUNS} small runs")
    delays = _measure_starts(client)
    _summarise(client, sorted(jobs, key=lambda job: job.id), delays)
    return code


def _cictl(url: str, *arguments: str) -> int:
    """Run one command as a user would type it, and return its exit code."""
    typer.echo(f"\n$ cictl {shlex.join(arguments)}", err=True)
    sys.stderr.flush()
    return subprocess.run([sys.executable, "-m", "cictl", *arguments], env=_environment(url), check=False).returncode  # noqa: S603 - this program


def _measure_starts(client: Client) -> list[float]:
    """Enqueue single jobs for an idle agent, and return the milliseconds from enqueueing to start of each."""
    from cictl.wire.projects import RunRequest

    pipelines = {p.pipeline_id: p.id for project in client.list_projects() for p in project.pipelines}
    delays = []
    for _ in range(_IDLE_RUNS):
        [job_id] = client.run_pipeline(pipelines["ping"], RunRequest()).job_execution_ids
        client.wait_for_job(job_id, timeout=60, poll=0.05)
        job = client.get_job(job_id)
        if job.started_utc is not None:
            delays.append((job.started_utc - job.created_utc).total_seconds() * 1000)
        _wait_until_idle(client)
    return delays


def _wait_until_idle(client: Client) -> None:
    """Wait until the agent asks for work again, so that the next run finds it waiting."""
    deadline = time.monotonic() + _START_SECONDS
    while client.get_agent(_AGENT).job_in_progress and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)


def _summarise(client: Client, jobs: list[JobExecution], delays: list[float]) -> None:
    from statistics import median

    from cictl.cli.output.data import Format
    from cictl.cli.output.table import Renderer

    renderer = Renderer(stdout=sys.stdout, stderr=sys.stderr, env=os.environ)
    typer.echo()
    renderer.show(_summary(client, jobs), form=Format.TABLE)
    if delays:
        middle, worst = median(delays), max(delays)
        typer.echo(f"\nidle agent, enqueue to start: median {middle:.0f} ms of {len(delays)}, slowest {worst:.0f} ms")


def _summary(client: Client, jobs: list[JobExecution]) -> Result[JobExecution]:
    from cictl.cli.output.table import Column, Result
    from cictl.wire.queue import JobList

    artifacts = {job.id: len(client.list_artifacts(job.id)) for job in jobs}
    return Result(
        message=JobList(job_executions=jobs),
        rows=jobs,
        columns=(
            Column("JOB", lambda job: "/".join(filter(None, (job.facts.pipeline_job_id, job.facts.matrix_name)))),
            Column("STATUS", lambda job: job.status.value),
            Column(
                "TESTS", lambda job: f"{job.test_summary.passed}/{job.test_summary.total}" if job.test_summary else ""
            ),
            Column("ARTIFACTS", lambda job: artifacts[job.id] or ""),
            Column("WAITED", lambda job: job.started_utc and job.started_utc - job.created_utc),
            Column("TOOK", lambda job: job.finished_utc and job.started_utc and job.finished_utc - job.started_utc),
        ),
        name=lambda job: job.id,
    )


@dataclass(frozen=True, kw_only=True)
class _Child:
    """A cictl process of ours and the file that its stderr goes to."""

    process: subprocess.Popen[bytes]
    log: Path

    def fail(self) -> NoReturn:
        output = self.log.read_text(errors="replace").strip()
        _fail(f"{self.log.stem} did not start", hint=output or "it said nothing")


@contextmanager
def _process(home: Path, command: str, *arguments: str) -> Iterator[_Child]:
    """Run a cictl command in the background, apart from the terminal's Ctrl-C; it is stopped at the end."""
    log = home / f"{command}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - this program
            [sys.executable, "-m", "cictl", command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        yield _Child(process=process, log=log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_url(server: _Child) -> str:
    """Return the address that the server says it has."""
    deadline = time.monotonic() + _START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        for line in server.log.read_text(errors="replace").splitlines():
            _, found, rest = line.partition(" serves ")
            if found:
                return rest.split(",")[0]
        time.sleep(0.05)
    return server.fail()


def _wait_for_agent(client: Client, agent: _Child) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while agent.process.poll() is None and time.monotonic() < deadline:
        if any(known.agent_id == _AGENT for known in client.list_agents()):
            return
        time.sleep(0.05)
    agent.fail()


def _environment(url: str) -> dict[str, str]:
    return {**os.environ, "CICTL_SERVER_URL": url}


def _tell_how_to_go_on(home: Path, url: str, server: _Child, agent: _Child) -> None:
    _say("server and agent go on; try:")
    for line in (
        f"export CICTL_SERVER_URL={url}",
        "cictl jobs list",
        "cictl run teahouse/build --follow",
        f"cictl agents deactivate {_AGENT}",
        f"kill {agent.process.pid} {server.process.pid} && rm -r {home}    # when you are done",
    ):
        typer.echo(f"  {line}", err=True)


def _say(text: str) -> None:
    typer.echo(f"\n{text}", err=True)


def _fail(message: str, *, hint: str) -> NoReturn:
    typer.echo(f"error: {message}\ntry: {hint}", err=True)
    raise typer.Exit(1)
