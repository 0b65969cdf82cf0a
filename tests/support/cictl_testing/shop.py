"""A real server on a port, with three agents and the project shop, for tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from cictl.project_file import parse
from cictl.wire.admin.updates import Restarting, UpdateAnswer, UpdateCheck, UpdateStatus, UpdateTags
from cictl.wire.admin.vault import VaultConnection
from cictl.wire.agents import Agent, AgentResponse
from cictl.wire.codec import Message
from cictl.wire.jobs import JobExecution, JobStatus
from cictl.wire.results.reports import TestReport, TestReportUpload
from cictl_server.services.core.ids import job_number
from cictl_server.services.projects.timetable import follow_file
from cictl_server.signals.topics import job_topic
from cictl_server.store.contract import Transaction
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.artifacts import ArtifactEntry, ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ChainRecord, PipelineRecord, ProjectRecord
from cictl_server.store.records.secrets import VaultConnectionRecord
from cictl_testing.files import git, make_repository
from cictl_testing.gate import Gate
from cictl_testing.server import RunningServer, SteppedClock
from cictl_testing.servers.threads import ThreadedServer

LONG_AGO = datetime(1966, 1, 2, 3, 4, 5, tzinfo=UTC)
"""When the server's clock stands; before 1970, where new ids count from 1 instead of telling nanoseconds."""

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    trigger: manual
    on: {schedule: [{cron: "30 2 * * *", timezone: Europe/Berlin}]}
    vcs_source: {repo: REPOSITORY, ref: main}
    jobs:
      - {id: compile, timeout_seconds: 60, steps: [{run: make}]}
      - id: test
        needs: [compile]
        matrix: {include: [{name: linux}]}
        steps: [{test: {name: unit, command: make test, format: junit-xml, report: r.xml}}]
  - {id: deploy, depends_on: [build], jobs: [{id: ship, steps: [{run: ship}]}]}
pipeline_chains: [{id: release, pipelines: [build, deploy]}]
"""
VAULT = VaultConnection(
    id=3,
    name="pantry",
    url="https://vault.example.com",
    auth_method="approle",
    approle_mount="approle",
    role_id="ci",
    secret_id_env="CICTL_VAULT_PANTRY",
    kv_default_version=2,
)
UPDATES: dict[str, Message] = {
    "POST /api/v1/update/check": UpdateCheck(current_version="v1", latest_version="v1", update_available=False),
    "GET /api/v1/update/tags": UpdateTags(tags=["v1", "v0"], current_version="v1"),
    "GET /api/v1/update/status": UpdateStatus(
        status={
            "update_current_version": "v1",
            "update_previous_version": "v0",
            "update_server_self_update_supported": "1",
        }
    ),
    "POST /api/v1/update/apply": UpdateAnswer(updated=False, message="already up to date"),
    "POST /api/v1/update/rollback": UpdateAnswer(updated=False, message="already up to date"),
    "POST /api/v1/server/restart": Restarting(restarting=True, message="restart requested"),
}
"""What a server in an installation answers that runs the latest version; a shop has no installation."""

CAPABILITIES = {"executor": "script", "shells": "posix"}
PROJECT, BUILD, DEPLOY, RELEASE = 3, 7, 8, 2
"""Ids of the project, its pipelines and its chain."""

_RECORD_NAMES = {
    "created_utc": "created",
    "started_utc": "started",
    "finished_utc": "finished",
    "leased_utc": "leased",
    "leased_by_agent_id": "agent_id",
}


def job(job_id: str, status: JobStatus = JobStatus.QUEUED, **fields: Any) -> JobExecution:
    """Return an execution of shop/build."""
    metadata = {
        "project": "shop",
        "pipeline_id": "build",
        "pipeline_run_id": "run-1",
        "pipeline_job_id": "compile",
        **fields.pop("metadata", {}),
    }
    return JobExecution(
        id=job_id,
        script="make",
        required_capabilities=fields.pop("required_capabilities", None),
        timeout_seconds=60,
        status=status,
        created_utc=LONG_AGO,
        metadata=metadata,
        **fields,
    )


def make_template(directory: Path) -> None:
    """Make the data directory that each shop is a copy of, and the repository of its project."""
    repository = directory / "repository"
    make_repository(repository, {"cictl.yaml": FILE.replace("REPOSITORY", str(repository))})
    git(repository, "branch", "topic")
    clock = SteppedClock()
    clock.now = LONG_AGO
    server = RunningServer(directory / "data", clock=clock)
    definition = parse((repository / "cictl.yaml").read_text(), config_file="cictl.yaml")

    def change(tx: Transaction) -> None:
        for agent_id in ("build-1", "build-2", "mac"):
            tx.agents.put(AgentRecord(agent_id=agent_id, deactivated=agent_id == "mac", seen=LONG_AGO))
        project = ProjectRecord(
            id=PROJECT,
            name="shop",
            identity=f"{repository}@main:cictl.yaml",
            repo_url=str(repository),
            repo_ref="main",
            config_file="cictl.yaml",
            loaded_commit=git(repository, "rev-parse", "HEAD"),
            updated=LONG_AGO,
        )
        tx.projects.put(project)
        for number, pipeline in zip((BUILD, DEPLOY), definition.pipelines, strict=True):
            tx.pipelines.put(PipelineRecord(id=number, project_id=PROJECT, definition=pipeline))
        follow_file(tx, PROJECT, now=LONG_AGO)
        for chain in definition.pipeline_chains:
            tx.chains.put(ChainRecord(id=RELEASE, project_id=PROJECT, chain_id=chain.id, pipelines=chain.pipelines))
        vault = VaultConnectionRecord(
            id=VAULT.id,
            name=VAULT.name,
            url=VAULT.url,
            role_id=VAULT.role_id,
            secret_id_env=VAULT.secret_id_env,
            created=LONG_AGO,
            updated=LONG_AGO,
        )
        tx.vault_connections.put(vault)

    server.store.write(change)
    server.close()


class Shop:
    """One server.

    Attributes:
        server: Its verbs, which pass the gate by.
        gate: Notes and answers what comes through the port.
        repository: Where the project comes from.
    """

    def __init__(self, directory: Path, *, repository: Path) -> None:
        self.repository = repository
        clock = SteppedClock()
        clock.now = LONG_AGO
        self.server = RunningServer(directory, clock=clock)
        for agent_id in ("build-1", "build-2", "mac"):
            self.beat(agent_id)
        self.gate = Gate(self.server.http.app)
        self._http = ThreadedServer(self.gate)
        self.url = self._http.url

    def close(self) -> None:
        self.server.services.core.hub.close()
        self._http.stop()
        self.server.close()

    def beat(self, agent_id: str, **fields: Any) -> None:
        """Let an agent send a heartbeat."""
        usual = {"hostname": "host", "version": "1.2.3", "capabilities": CAPABILITIES}
        self.server.heartbeat(agent_id, **{**usual, **fields})

    def agent(self, agent_id: str) -> Agent:
        return self.server.read(AgentResponse, f"/api/v1/agents/{agent_id}").agent

    def rename(self, name: str) -> None:
        """Give the project another name."""

        def change(tx: Transaction) -> None:
            project = tx.projects.find(PROJECT)
            assert project is not None
            tx.projects.put(msgspec.structs.replace(project, name=name))

        self.server.store.write(change)

    def forget_agents(self) -> None:
        """Let no agent ever have been there."""

        def change(tx: Transaction) -> None:
            for agent in list(tx.agents.iter_all()):
                tx.agents.delete(agent.agent_id)

        self.server.store.write(change)

    def stock(self) -> None:
        """Put one of everything there: job-1 is over, with all that a job leaves behind, and job-2 waits."""
        self.put(job("job-1", JobStatus.SUCCEEDED, started_utc=LONG_AGO, finished_utc=LONG_AGO), log=b"hello\n")
        self.put(job("job-2"))
        self.keep("job-1", {"app": b"hello"})
        self.report("job-1", TestReport(total=1, passed=1, failed=0, skipped=0))

    def put(self, *jobs: JobExecution, log: bytes = b"") -> None:
        """Store executions as they are; each gets the *log*, unless that is empty."""
        for each in jobs:
            number = job_number(each.id)
            if log:
                self.append(each.id, log)
            names = set(JobRecord.__struct_fields__)
            fields = {_RECORD_NAMES.get(n, n): getattr(each, n) for n in each.__struct_fields__}
            fields["required_capabilities"] = each.required_capabilities or {}
            fields["log_size"] = self._log(each.id).stat().st_size if self._log(each.id).exists() else 0
            self._store(JobRecord(number=number, **{n: v for n, v in fields.items() if n in names}))

    def _store(self, record: JobRecord) -> None:
        self.server.store.write(lambda tx: tx.jobs.put(record))
        self.server.services.core.hub.publish(job_topic(record.number))

    def append(self, job_id: str, data: bytes) -> None:
        """Make a log longer."""
        with self._log(job_id).open("ab") as file:
            file.write(data)
        self.server.services.core.hub.publish(job_topic(job_number(job_id)))

    def change(self, job_id: str, **fields: Any) -> None:
        """Change the record of an execution."""
        with self.server.store.read() as view:
            record = view.jobs.find(job_number(job_id))
        assert record is not None
        self._store(msgspec.structs.replace(record, **fields))

    def finish(self, job_id: str, status: JobStatus = JobStatus.SUCCEEDED, **fields: Any) -> None:
        """Let a job end after 65 seconds, with the log that it has."""
        log = self._log(job_id)
        usual = {
            "started": LONG_AGO,
            "finished": LONG_AGO + timedelta(seconds=65),
            "log_size": log.stat().st_size if log.exists() else 0,
        }
        self.change(job_id, status=status, **{**usual, **fields})

    def when_asked(self, happens: Callable[[str], None]) -> None:
        """Call *happens* with the id of a job each time that its state is asked for."""

        def look(request: str) -> None:
            job_id = request.partition("?")[0].rpartition("/")[2]
            if "view=state" in request and job_id.startswith("job-"):
                happens(job_id)

        self.gate.before = look

    def keep(self, job_id: str, files: dict[str, bytes], *, links: dict[str, str] | None = None) -> None:
        """Make *files*, and *links* to their last, the artifacts of a job; a name may be one that no agent could send."""
        number = job_number(job_id)
        for path, data in files.items():
            target = self.server.directory / "artifacts" / job_id / "1" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        entries = [ArtifactEntry(path=path, size_bytes=len(data)) for path, data in files.items()]
        size = entries[-1].size_bytes if entries else 0
        entries += [ArtifactEntry(path=path, size_bytes=size, link=link) for path, link in (links or {}).items()]
        self.server.store.write(lambda tx: tx.artifacts.put(ArtifactsRecord(number=number, entries=entries)))

    def report(self, job_id: str, report: TestReport) -> None:
        """Let the agent build-1 have sent a report of the job's tests."""
        status = self.job(job_id).status
        self.change(job_id, agent_id="build-1", status=JobStatus.RUNNING)
        upload = TestReportUpload(agent_id="build-1", report=report)
        assert self.server.post(f"/api/v1/jobs/{job_id}/tests", upload).status_code < 300
        self.change(job_id, status=status)

    def job(self, job_id: str) -> JobExecution:
        return self.server.job(job_id)

    def projects(self) -> list[str]:
        return [project.name for project in self.server.services.projects.projects.list_projects()]

    def _log(self, job_id: str) -> Path:
        return self.server.directory / "logs" / f"{job_id}.log"
