"""What a success tells to do next: to people at a terminal, and to nobody else."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.screen import Screen
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop, job

from cictl.wire.jobs import JobStatus
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("command", "following"),
    [
        ("run shop/build", "cictl jobs watch --run 1"),
        ("run shop/build/compile", "cictl jobs watch 1/compile"),
        ("agents exec build-1 -- uptime", "cictl jobs logs -f 1/script"),
        ("tokens create anna --role admin", "cictl login {url} --token-file FILE"),
        ("projects import {repository} --ref main", "cictl run shop/build --follow"),
    ],
)
def test_a_success_tells_what_comes_next(screen: Screen, shop: Shop, command: str, following: str) -> None:
    shown = screen.show(*command.format(repository=shop.repository).split(), columns=200)
    assert shown.endswith(f"next: {following.format(url=shop.url)}\r\n")
    assert shown.count("next: ") == 1


@pytest.mark.parametrize(("status", "verb"), [("running", "watch"), ("failed", "summary"), ("succeeded", "")])
def test_what_comes_next_depends_on_the_run(server: RunningServer, home: Path, status: str, verb: str) -> None:
    server.run(server.define("[{id: make, steps: [{run: x}]}]"))
    job = server.running()
    if status != "running":
        server.report(job.id, status)
    shown = Screen(os.environ["CICTL_SERVER_URL"], home).show("runs", "show", "1")
    assert shown.partition("next: cictl runs ")[2] == (f"{verb} 1\r\n" if verb else "")


def test_the_suggested_command_reaches_the_same_server(screen: Screen, shop: Shop) -> None:
    shown = screen.show("run", "shop/build/compile", "--server", shop.url, columns=200)
    assert f"next: cictl jobs watch 1/compile --server {shop.url}\r\n" in shown


def test_a_token_leads_to_its_use(screen: Screen, cli: Run, shop: Shop) -> None:
    admin = {"CICTL_TOKEN": cli("tokens", "create", "root", "--role", "admin").out.strip()}
    enrolment = screen.show("agents", "enroll", columns=200, env=admin)
    assert f"next: cictl run-agent --server {shop.url} --enroll-token-file FILE\r\n" in enrolment
    own = screen.show("tokens", "create", "b", "--role", "agent", "--agent", "b-1", columns=200, env=admin)
    assert f"next: cictl run-agent --server {shop.url} --id b-1 --token-file FILE\r\n" in own


@pytest.mark.parametrize("value", ["0", "off", "no"])
def test_who_knows_it_all_turns_it_off(screen: Screen, value: str) -> None:
    assert "next:" not in screen.show("run", "shop/build", env={"CICTL_HINTS": value})


def test_a_pipe_and_a_program_are_told_nothing(cli: Run, screen: Screen) -> None:
    assert "next:" not in cli("run", "shop/build").err
    assert "next:" not in screen.show("run", "shop/build", "-o", "json")


def test_checking_a_file_leads_to_running_it(screen: Screen, home: Path) -> None:
    make_repository(home / "tea", {"cictl.yaml": "version: 1\nproject: {name: tea}\npipelines: []\n"})
    text = "version: 1\nproject: {name: tea}\npipelines: [{id: b, jobs: [{id: j, steps: [{run: ls}]}]}]\n"
    assert "next:" not in screen.show("lint", "tea")
    (home / "tea" / "cictl.yaml").write_text(text)
    assert screen.show("lint", "tea").endswith("next: cictl run --local\r\n")


def test_a_list_tells_why_jobs_wait(screen: Screen, shop: Shop, cli: Run) -> None:
    needs = {"requires.tool.kettle": "*"}
    numbered = [{"run_number": "1", "pipeline_job_id": name} for name in ("compile", "test", "pack")]
    shop.put(
        job("job-1", metadata=numbered[0], required_capabilities=needs),
        job("job-2", metadata=numbered[1], required_capabilities=needs),
    )
    shop.put(job("job-3", JobStatus.SUCCEEDED, metadata=numbered[2]))
    assert "wait" not in cli("jobs", "list").err
    shown = screen.show("jobs", "list", columns=200)
    assert re.search(r"1/test and 1 more wait: .*kettle.*\r\nnext: cictl jobs explain 1/test\r\n$", shown)


def test_a_server_without_agents_asks_for_one(screen: Screen, home: Path) -> None:
    child = screen.start("serve", "--port", "0", "--data-dir", str(home / "own"), columns=200)
    child.expect_exact("serves http://127.0.0.1:")
    child.expect(r"next: cictl run-agent --server (http://127\.0\.0\.1:\d+)  # in another terminal\r\n")
    child.sendintr()
    child.expect_exact("stopped")
