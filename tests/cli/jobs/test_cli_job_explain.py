"""`cictl jobs explain`, against a real server."""

from __future__ import annotations

import os

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.shop import LONG_AGO, Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.jobs.explain import explanation_result
from cictl.cli.output.data import Format
from cictl.cli.output.table import Renderer
from cictl.cli.tables.jobs import state_text
from cictl.wire.codec import decode
from cictl.wire.jobs import JobStateResponse, JobStatus
from cictl.wire.waiting.explain import COUNTED_JOBS, Explanation, Reason
from tests.cli.conftest import Run

NEEDS_GO = '[{id: compile, requires: {tools: {go: ">=1.22"}}, steps: [{run: "true"}]}]'
CHAIN = '[{id: compile, steps: [{run: "true"}]}, {id: test, needs: [compile], steps: [{run: "true"}]}]'


def three_agents(server: RunningServer) -> str:
    """Enqueue what none of three agents can take: one is offline, one deactivated, one has the wrong go."""
    server.heartbeat("mac", capabilities={})
    server.clock.step(100)
    server.heartbeat("build-1", capabilities={"tool.go": "1.20"})
    server.heartbeat("build-2", capabilities={})
    server.act("deactivate", "build-2")
    [job_id] = server.run(server.define(NEEDS_GO))
    return job_id


def test_why_no_agent_takes_it(run: Run, server: RunningServer) -> None:
    job_id = three_agents(server)
    ran = run("jobs", "explain", job_id)
    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == """\
1/compile (shop/build/compile)
queued 2026-03-01T12:01:40Z: none of the 3 agents has all that it needs; build-1 comes nearest: go is 1.20, wants >= 1.22.

Agents, the nearest first:
  build-1  go is 1.20, wants >= 1.22
  build-2  go is missing, wants >= 1.22; deactivated
  mac      go is missing, wants >= 1.22; offline, last heard of 2026-03-01T12:00:00Z

What to do:
  - install go >= 1.22 on build-1, then let it look again
      cictl agents refresh-tools build-1
"""
    )


def test_the_command_that_it_names_helps(run: Run, server: RunningServer) -> None:
    server.heartbeat("a")
    server.act("deactivate")
    job_id = server.enqueue()
    [command] = run("jobs", "explain", job_id, "--query", "fixes[].command", "-o", "name").out.splitlines()
    assert run(*command.split()[1:]).code == 0
    assert "agent a fits and is free" in run("jobs", "explain", job_id).out


def test_its_commands_reach_the_same_server(run: Run, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = server.enqueue()
    server.cancel(job_id)
    url = os.environ["CICTL_SERVER_URL"]
    monkeypatch.delenv("CICTL_SERVER_URL")
    assert (
        f"      cictl jobs rerun {server.short_id(job_id)} --server {url}\n"
        in run("jobs", "explain", job_id, "--server", url).out
    )
    assert "      cictl run-agent\n" in run("jobs", "explain", server.enqueue(), "--server", url).out


def test_what_a_blocked_job_waits_for(run: Run, server: RunningServer) -> None:
    compile_id, test_id = server.run(server.define(CHAIN))
    server.heartbeat("a")
    server.running()
    out = run("jobs", "explain", test_id).out
    assert f"\nWaits for:\n  compile  running {server.short_id(compile_id)}\n" in out
    assert f"      cictl jobs watch {server.short_id(compile_id)}\n" in out


def test_a_busy_agent_and_who_goes_first(run: Run, server: RunningServer) -> None:
    busy_with, _, job_id = server.enqueue(), server.enqueue(), server.enqueue()
    server.heartbeat("a")
    server.running()
    out = run("jobs", "explain", job_id).out
    assert f"agent a fits, but is busy with {server.short_id(busy_with)}; 1 other job goes first." in out
    assert f"  a  busy with {server.short_id(busy_with)}\n" in out


def test_a_running_job_and_a_job_that_is_over(run: Run, server: RunningServer) -> None:
    job_id = server.enqueue()
    server.running()
    server.report(job_id, "running", current_step="Step 1/1: make")
    assert "it runs on agent a; now in Step 1/1: make." in run("jobs", "explain", job_id).out
    server.report(job_id, "failed", error="make failed")
    out = run("jobs", "explain", job_id).out
    assert "it failed on agent a: make failed." in out
    assert f"      cictl jobs rerun {server.short_id(job_id)}\n" in out


def test_a_cancelled_job(run: Run, server: RunningServer) -> None:
    job_id = server.enqueue()
    server.cancel(job_id)
    assert "\ncancelled 2026-03-01T12:00:00Z: it was cancelled by a user.\n" in run("jobs", "explain", job_id).out


def test_ended_by_another_job(run: Run, server: RunningServer) -> None:
    compile_id, test_id = server.run(server.define(CHAIN))
    server.cancel(compile_id)
    assert f"\nEnded by:\n  compile  failed {server.short_id(compile_id)}\n" in run("jobs", "explain", test_id).out


def test_json_is_the_api_shape(run: Run, server: RunningServer) -> None:
    job_id = three_agents(server)
    found = run("jobs", "explain", job_id, "-o", "json").json()
    assert found == server.get(f"/api/v1/jobs/{job_id}/explain").json
    assert run("jobs", "explain", job_id, "-o", "name").out == f"{job_id}\n"


def test_many_agents_are_cut_only_in_the_text(run: Run, server: RunningServer) -> None:
    for number in range(10):
        server.heartbeat(f"a{number}")
    [job_id] = server.run(server.define(NEEDS_GO))
    assert "  and 2 more; `-o json` has all\n" in run("jobs", "explain", job_id).out
    assert len(run("jobs", "explain", job_id, "-o", "json").json()["agents"]) == 10


def test_a_count_that_reaches_its_limit_is_a_least_one() -> None:
    found = Explanation(
        job_execution_id="job-1",
        name="",
        status=JobStatus.QUEUED,
        reason=Reason.READY,
        summary="agent a fits",
        since_utc=LONG_AGO,
        older_jobs=COUNTED_JOBS,
    )
    prose = explanation_result(found, name="41/test").prose
    assert prose is not None
    [_, (_, sentence)] = prose(str)
    assert sentence.endswith("agent a fits; at least 1000 other jobs go first.")


class Terminal:
    """A stream that is a terminal of 80 columns."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def test_on_a_terminal_lines_fit_and_instants_are_ages(server: RunningServer) -> None:
    found = server.read(Explanation, f"/api/v1/jobs/{three_agents(server)}/explain")
    screen = Terminal()
    renderer = Renderer(stdout=screen, stderr=screen, env={"COLUMNS": "80"}, now=server.clock)  # type: ignore[arg-type]
    renderer.show(explanation_result(found, name="41/test"), form=Format.TABLE)
    assert max(map(len, screen.text.splitlines())) <= 80
    assert "offline, last heard of 1m ago" in screen.text


def test_a_server_that_cannot_explain(cli: Run, shop: Shop) -> None:
    shop.put(job("job-1"))
    shop.gate.refuse_plainly("GET /api/v1/jobs/job-1/explain", 404, "404 page not found")
    ran = cli("-o", "json", "jobs", "explain", "job-1")
    assert (ran.code, ran.out) == (ExitCode.SERVER_ERROR, "")
    assert ran.error()["code"] == "not_supported"
    assert "cictl jobs show job-1" in ran.error()["hint"]


def test_a_job_that_waits_for_its_secrets(run: Run, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_VAULT_ID", "s")
    nobody = {"name": "pantry", "url": "http://127.0.0.1:1", "role_id": "r", "secret_id_env": "CICTL_VAULT_ID"}
    assert server.post("/api/v1/vault/connections", nobody).status_code == 201
    secrets = "vault: {connection: pantry, secrets: [{name: t, path: p, key: k}]}"
    [job_id] = server.run(
        server.define(f"[{{id: j, steps: [{{run: x, env: {{A: '{{{{ secret.t }}}}'}}, {secrets}}}]}}]")
    )
    assert not server.lease().assigned
    assert run("jobs", "explain", job_id).out == (
        "1/j (shop/build/j)\n"
        "queued 2026-03-01T12:00:00Z: it waits for its secrets, which could not be had: "
        'resolve step 1 secret "t": send vault request: Connection refused.\n'
        "The next attempt is due at 2026-03-01T12:00:01Z.\n"
        "\nWhat to do:\n"
        "  - see whether pantry answers\n"
        "      cictl vault test pantry\n"
    )
    reason = 'resolve step 1 secret "t": send vault request: Connection refused'
    shown = " ".join(run("jobs", "show", job_id).out.split())
    assert f"Waits for: no agents connected {reason} Next attempt: 2026-03-01T12:00:01Z" in shown
    state = decode(server.get(f"/api/v1/jobs/{job_id}", params={"view": "state"}).content, JobStateResponse)
    assert state_text(state.job_execution) == f"queued, waits for its secrets: {reason}"
