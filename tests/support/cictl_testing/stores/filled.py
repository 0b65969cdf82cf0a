"""A data directory with something of everything that a server keeps."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cictl.base.names.artifact_paths import link_entry
from cictl.wire.admin.secrets import SecretRequest
from cictl.wire.admin.vault import VaultConnectionRequest
from cictl.wire.jobs import Step, StepEvent
from cictl_server.services.notifications import NotificationSettings
from cictl_testing.files import zipped
from cictl_testing.notifications.telling import deliver_all
from cictl_testing.server import RunningServer

PIPELINES = """\
pipelines:
  - {id: build, jobs: [{id: work, steps: [{run: "true"}]}]}
  - {id: ship, depends_on: [build], jobs: [{id: send, requires: {tools: {teleporter: "*"}}, steps: [{run: "true"}]}]}
pipeline_chains: [{id: all, pipelines: [build, ship]}]
notify: [{on: [always], command: bell}]
"""
_REPORT = {"total": 2, "passed": 2, "failed": 0, "skipped": 0, "coverage": {"format": "lcov"}}
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(300)


@dataclass(frozen=True)
class Filled:
    """A data directory of a stopped server, and the secret of its admin's token."""

    directory: Path
    token: str


def fill_directory(directory: Path, *, jobs: int = 3) -> Filled:
    """Make one whose server has run *jobs* executions to their end, of a project with icon, chain and secret.

    There are also a removed execution, which was the newest, a queued and a blocked one.
    """
    settings = NotificationSettings(commands={"bell": Path("/bin/true")})
    server = RunningServer(directory, kind="tiny", settings={"notification_settings": settings})
    server.clock.now = datetime.now(UTC) - timedelta(hours=1)  # so its agent is away, whenever somebody asks
    ids = server.define_project(PIPELINES)
    server.heartbeat()
    server.services.projects.projects.icons.put(1, _PNG)
    for number in range(jobs):
        server.run(ids["build"])
        _run_job(server, number)
    deliver_all(server)
    server.run_chain(ids["all"])
    [newest] = server.run(ids["build"])
    server.services.jobs.removal.delete(newest)
    server.services.secrets.own.set(SecretRequest(name="KEY", value="a-value-of-the-tests"))
    vault = VaultConnectionRequest(
        name="v", url="https://vault.example.test", role_id="r", secret_id_env="CICTL_VAULT_V"
    )
    server.services.secrets.connections.save(vault)
    token = server.token("admin")
    server.close()
    return Filled(directory, token)


def _run_job(server: RunningServer, number: int) -> None:
    """Run the next execution: with two steps, a log over some time, artifacts of odd names, a link, a program, and reports."""
    job = server.running()
    output = ""
    for step in (1, 2):
        server.clock.step(3)
        begun = StepEvent(
            type="step.started", step=Step(index=step, total=2, name="käse"), log_offset=len(output.encode())
        )
        output += f"step {step} of execution {number}\nkäse\n" * 40
        server.report(job.id, "running", output=output, events=[begun])
    body = io.BytesIO(zipped({"bin/tool": b"#!tool", "a b#?%.txt": b"%d" % number, "empty": b""}, mode=0o755))
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr(link_entry("tool"), "bin/tool")
        archive.writestr("large.bin", bytes(range(256)) * 5000)
    path = f"/api/v1/jobs/{job.id}/artifacts/upload-zip"
    answer = server.http.simulate_post(path, body=body.getvalue(), headers={"X-CIWI-Agent-ID": "a"})
    assert answer.status_code == 200, answer.text
    assert server.post(f"/api/v1/jobs/{job.id}/tests", {"agent_id": "a", "report": _REPORT}).status_code == 200
    assert server.report(job.id, "succeeded", output=output + "the end").status_code == 200
