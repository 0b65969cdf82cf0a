"""`cictl demo`: the whole thing in a minute, with a temporary store."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cictl.cli.commands.here.local import demo_project

if TYPE_CHECKING:
    from cictl.cli.commands.here.local.embedded import Embedded
    from cictl.cli.output.table import Result
    from cictl.wire.jobs import JobExecution
    from cictl_client import Client

_START_SECONDS = 60.0
_IDLE_RUNS = 20
_AGENT = "demo-agent"


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Let server and agent go on afterwards, until Ctrl-C.")] = False,
) -> None:
    """Start a server and an agent, import a sample project, run it, and show the result.

    Everything lives in a temporary directory, and is gone when the command ends.

    Examples:

      cictl demo

      cictl demo --keep
    """
    from cictl.cli.commands.here.end_signals import ended_by_signals
    from cictl.cli.commands.here.local.embedded import embedded
    from cictl_client import Client

    if shutil.which("git") is None:
        _fail("the demo needs git", hint="install git and run `cictl demo` again")
    with ended_by_signals(), tempfile.TemporaryDirectory(prefix="cictl-demo-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        with (
            embedded(home / "data", home / "work", agent_id=_AGENT) as here,
            Client(here.url, token=here.token) as client,
        ):
            _wait_for_agent(client)
            code = _show(home, here, client)
            if keep:
                _go_on(here)
            else:
                _tell_what_to_try()
    raise typer.Exit(code)


def _show(home: Path, here: Embedded, client: Client) -> int:
    """Do what a user would, by the same commands, and return the exit code of the followed run."""
    _say(f"a server on {here.url}, an agent named {_AGENT}, everything in {home}")
    repository = home / demo_project.NAME
    demo_project.create(repository)
    _cictl(here, "projects", "import", str(repository))
    _cictl(here, "agents", "list")
    code = _cictl(here, "run", f"{demo_project.NAME}/build", "--follow")
    jobs = [client.get_job(job.id) for job in client.list_jobs(pipeline="build").job_executions]
    _say(f"measuring how soon an idle agent starts what is enqueued: {_IDLE_RUNS} small runs")
    delays = _measure_starts(client)
    _summarise(client, sorted(jobs, key=lambda job: job.id), delays)
    return code


def _cictl(here: Embedded, *arguments: str) -> int:
    """Run one command as a user would type it, and return its exit code."""
    typer.echo(f"\n$ cictl {shlex.join(arguments)}", err=True)
    sys.stderr.flush()
    env = {**os.environ, "CICTL_SERVER_URL": here.url, "CICTL_TOKEN": here.token}
    return subprocess.run([sys.executable, "-m", "cictl", *arguments], env=env, check=False).returncode  # noqa: S603 - this program


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
    from cictl.wire.waiting.queue import JobList

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


def _wait_for_agent(client: Client) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not client.list_agents():
        if time.monotonic() > deadline:
            _fail("the agent did not start", hint="cictl run-agent, which tells why")
        time.sleep(0.02)


def _go_on(here: Embedded) -> None:
    """Wait for Ctrl-C."""
    _say("server and agent go on until Ctrl-C; in another terminal:")
    for line in (
        f"export CICTL_SERVER_URL={here.url} CICTL_TOKEN_FILE={shlex.quote(str(here.token_file))}",
        "cictl jobs list",
        f"cictl run {demo_project.NAME}/build --follow",
        f"cictl agents deactivate {_AGENT}",
    ):
        typer.echo(f"  {line}", err=True)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _tell_what_to_try() -> None:
    program = _program()
    _say("what to try next:")
    for line, meaning in (
        (f"{program} demo --keep", "the same, and server and agent go on, so that you can look around"),
        (f"{program} init", "in a repository of yours: writes its cictl.yaml, and offers to run it here and now"),
        (f"{program} serve", "a server of your own; docs/tutorial.md goes on from there"),
    ):
        typer.echo(f"  {line:{len(program) + 12}}  # {meaning}", err=True)


def _program() -> str:
    """Return what starts this program in any directory: `cictl`, or its path where the shell does not find it, as after `make demo`."""
    own = Path(sys.executable).with_name("cictl")
    found = shutil.which("cictl")
    is_found = found is not None and own.exists() and Path(found).samefile(own)
    return "cictl" if is_found or not own.exists() else shlex.quote(str(own))


def _say(text: str) -> None:
    typer.echo(f"\n{text}", err=True)


def _fail(message: str, *, hint: str) -> NoReturn:
    typer.echo(f"error: {message}\ntry: {hint}", err=True)
    raise typer.Exit(1)
