"""A whole server in a directory, spoken to through its HTTP routes without sockets; only the clock is ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import falcon.testing
import msgspec
from msgspec.structs import replace

from cictl.base.job_parts import ApprovalSpec
from cictl.project_file import parse
from cictl.wire import words
from cictl.wire.admin.access import TokenRequest
from cictl.wire.agents import HeartbeatRequest, HeartbeatResponse, LeaseRequest, LeaseResponse, StatusRequest
from cictl.wire.audit.records import AuditFilter, AuditRecord
from cictl.wire.codec import decode, encode
from cictl.wire.jobs import JobExecution, JobResponse
from cictl.wire.projects import RunRequest, RunResponse
from cictl.wire.short_ids import short_id_of
from cictl_server.app import create_app
from cictl_server.log_writer.contract import LogWriter
from cictl_server.services import Services
from cictl_server.services.access.authentication import Policy
from cictl_server.services.history.approvals import held_for_approval
from cictl_server.services.pipelines.run_preparation import Mode
from cictl_server.services.projects.timetable import follow_file
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.projects import ChainRecord, PipelineRecord, ProjectRecord
from cictl_server.store.tiny.store import TinyStore
from cictl_testing.stores.chosen import chosen_kind, open_chosen, open_chosen_logs, stored_elsewhere

T = TypeVar("T")


class SteppedClock:
    """A clock that moves only when told to.

    Attributes:
        seconds: What a clock that can't be set would show.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds

    def jump(self, seconds: float) -> None:
        """Set the clock, back if *seconds* is negative; no time passes."""
        self.now += timedelta(seconds=seconds)


@dataclass
class RunningServer:
    """The verbs of tests: what admins and agents do, as one line each."""

    directory: Path
    clock: SteppedClock = field(default_factory=SteppedClock)
    version: str = "1.2.3"
    update_tools: UpdateTools | None = None
    process: ServerProcess | None = None
    min_free: int | None = None
    policy: Policy = Policy.OPEN_AT_FIRST
    settings: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `Services.build`."""
    kind: str = field(default_factory=chosen_kind)
    """Of its store, see `stores/chosen.py`; `tiny` for tests of what is in the directory."""

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Open the data and build everything, as `cictl serve` does."""
        self.store, self.log_writer = self.open_data()
        self.services = Services.build(
            self.store,
            self.directory,
            version=self.version,
            clock=self.clock,
            steady=lambda: self.clock.seconds,
            update_tools=self.update_tools,
            process=self.process,
            min_free=self.min_free,
            policy=self.policy,
            **{"log_writer": self.log_writer, **self.settings},
        )
        self.services.jobs.expiry.start_up()
        self.http = falcon.testing.TestClient(create_app(self.services), headers={"Host": "localhost"})

    def open_data(self) -> tuple[Store, LogWriter]:
        """Open what keeps records and logs."""
        return open_chosen(self.directory, self.kind), open_chosen_logs(self.directory, self.kind)

    def find_releases(self, **environ: str) -> None:
        """Restart as a server whose settings say where releases are."""
        self.update_tools = UpdateTools.from_environment(environ, version=self.version, data_dir=self.directory)
        self.restart()

    def restart_with(self, **settings: Any) -> None:
        """Restart with other arguments of `Services.build`."""
        self.settings.update(settings)
        self.restart()

    def token(self, role: str, name: str = "", **fields: Any) -> str:
        """Make a token, and return its secret. From the first one on, which must be an admin's, the server wants one."""
        request = TokenRequest(name=name or role, role=role, **fields)
        return self.services.access.tokens.create(request, created_by="").token

    def ask(self, method: str, path: str, secret: str = "", **options: Any) -> falcon.testing.Result:
        """Send a request with a token."""
        headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {secret}"} if secret else {})}
        return self.http.simulate_request(method, path, headers=headers, **options)

    @property
    def tiny(self) -> TinyStore:
        """The store, for tests of what it has on the disk."""
        assert isinstance(self.store, TinyStore)
        return self.store

    def stored(self) -> bytes:
        """Return everything that the server keeps: its files, and what is in a database."""
        if isinstance(self.store, TinyStore):
            self.store.compact()
        files = (path.read_bytes() for path in self.directory.rglob("*") if path.is_file())
        return b"".join([*files, stored_elsewhere(self.directory, self.kind)])

    def close(self) -> None:
        self.services.core.hub.close()
        self.log_writer.close()
        self.services.core.signals.close()
        self.store.close()

    def restart(self) -> None:
        self.close()
        self.start()

    def content(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything in the store but the audit, to see that nothing was changed."""
        with self.store.read() as view:
            tables = {name: getattr(view, name).iter_all() for name in View.__annotations__ if name != "audit"}
            content = {name: [msgspec.to_builtins(record) for record in rows] for name, rows in tables.items()}
        content["settings"] = [row for row in content["settings"] if row["key"] != "audit_chain"]
        return content

    def audit(self, **wanted: Any) -> list[AuditRecord]:
        """Return the records of the audit that match, the oldest first."""
        found = AuditFilter(**wanted)
        page = self.services.audit.search.list_records(found, limit=1000, cursor=None, is_oldest_first=True)
        assert not page.next_cursor
        return page.records

    def get(self, path: str, **options: Any) -> falcon.testing.Result:
        return self.http.simulate_get(path, **options)

    def post(self, path: str, message: object = None, **options: Any) -> falcon.testing.Result:
        body = b"" if message is None else encode(message)
        return self.http.simulate_post(path, body=body, **options)

    def read(self, type_: type[T], path: str) -> T:
        """GET *path* and return the answer as *type_*; it must be 200."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return decode(answer.content, type_)

    def heartbeat(self, agent_id: str = "a", **fields: Any) -> HeartbeatResponse:
        request = HeartbeatRequest(agent_id=agent_id, os="linux", arch="amd64", **fields)
        answer = self.post("/api/v1/heartbeat", request)
        assert answer.status_code == 200, answer.text
        return decode(answer.content, HeartbeatResponse)

    def lease(self, agent_id: str = "a", **fields: Any) -> LeaseResponse:
        answer = self.post("/api/v1/agent/lease", LeaseRequest(agent_id=agent_id, **fields))
        assert answer.status_code == 200, answer.text
        return decode(answer.content, LeaseResponse)

    def leased(self, agent_id: str = "a") -> JobExecution:
        """Lease, and return the execution; there must be one."""
        job = self.lease(agent_id).job_execution
        assert job is not None
        return job

    def report(
        self, job_id: str, status: str, agent_id: str = "a", *, lease_token: str = "", **fields: Any
    ) -> falcon.testing.Result:
        request = StatusRequest(agent_id=agent_id, status=status, **fields)
        return self.post(f"/api/v1/jobs/{job_id}/status", request, headers={words.LEASE_TOKEN: lease_token})

    def running(self, agent_id: str = "a") -> JobExecution:
        """Lease an execution and report that it runs."""
        job = self.leased(agent_id)
        assert self.report(job.id, "running", agent_id).status_code == 200
        return self.job(job.id)

    def finish(self, status: str, agent_id: str = "a") -> JobExecution:
        """Lease the next execution and end it at once."""
        job = self.running(agent_id)
        assert self.report(job.id, status, agent_id).status_code == 200
        return self.job(job.id)

    def short_id(self, job_id: str) -> str:
        """Return what people call the execution."""
        return short_id_of(self.job(job_id).facts)

    def job(self, job_id: str) -> JobExecution:
        return self.read(JobResponse, f"/api/v1/jobs/{job_id}").job_execution

    def log(self, job_id: str) -> bytes:
        return self.get(f"/api/v1/jobs/{job_id}/log").content

    def cancel(self, job_id: str) -> falcon.testing.Result:
        return self.post(f"/api/v1/jobs/{job_id}/cancel")

    def act(self, action: str, agent_id: str = "a") -> falcon.testing.Result:
        return self.http.simulate_post(f"/api/v1/agents/{agent_id}/actions", body=b'{"action":"%s"}' % action.encode())

    def drain(self, agent_id: str = "a", reason: str = "new kernel") -> falcon.testing.Result:
        return self.post(f"/api/v1/agents/{agent_id}/actions", {"action": "drain", "reason": reason})

    def define(self, jobs: str) -> int:
        """Store a project with one pipeline that has these *jobs* (YAML, a flow sequence), and return its id."""
        return self.define_project(f"pipelines: [{{id: build, jobs: {jobs}}}]")["build"]

    def define_project(
        self, rest: str, *, name: str = "shop", repo_url: str = "https://git.example.test/shop.git"
    ) -> dict[str, int]:
        """Store a project with this *rest* of its file, and return the ids of its pipelines and chains by name."""
        definition = parse(f"version: 1\nproject: {{name: {name}}}\n{rest}", config_file="cictl.yaml")

        def store(tx: Transaction) -> dict[str, int]:
            ids: dict[str, int] = {}
            project_id = tx.projects.next_id()
            record = ProjectRecord(
                id=project_id,
                name=name,
                identity=f"{name}-{project_id}",
                repo_url=repo_url,
                repo_ref="main",
                config_file="cictl.yaml",
                loaded_commit="",
                updated=self.clock(),
                notify=definition.notify,
            )
            tx.projects.put(record)
            for pipeline in definition.pipelines:
                ids[pipeline.id] = tx.pipelines.next_id()
                tx.pipelines.put(PipelineRecord(id=ids[pipeline.id], project_id=project_id, definition=pipeline))
            for chain in definition.pipeline_chains:
                ids[chain.id] = tx.chains.next_id()
                tx.chains.put(
                    ChainRecord(id=ids[chain.id], project_id=project_id, chain_id=chain.id, pipelines=chain.pipelines)
                )
            follow_file(tx, project_id, now=self.clock())
            return ids

        return self.store.write(store)

    def run(self, pipeline_id: int, **fields: Any) -> list[str]:
        """Run a pipeline and return the ids of its executions; the clock moves, so that ids tell ages."""
        self.clock.step(0.001)
        answer = self.post(f"/api/v1/pipelines/{pipeline_id}/run-selection", RunRequest(**fields))
        assert answer.status_code == 201, answer.text
        return decode(answer.content, RunResponse).job_execution_ids

    def run_held(self, pipeline_id: int, approval: ApprovalSpec) -> list[str]:
        """Start a run that waits as a whole, as that of a fork does, and return the ids of its executions."""
        self.clock.step(0.001)
        pipelines = self.services.pipelines
        prepared = pipelines.preparer.pipeline(pipeline_id, RunRequest(), Mode.RUN)
        prepared = replace(prepared, planned=held_for_approval(prepared.planned, approval))
        jobs = pipelines.runs.new_jobs(prepared)
        self.store.write(lambda tx: pipelines.runs.put(tx, prepared, jobs))
        return [job.id for job in jobs]

    def run_chain(self, chain_id: int, **fields: Any) -> list[str]:
        """Run a chain and return the ids of its executions."""
        self.clock.step(0.001)
        answer = self.post(f"/api/v1/pipeline-chains/{chain_id}/run", RunRequest(**fields))
        assert answer.status_code == 201, answer.text
        return decode(answer.content, RunResponse).job_execution_ids

    def enqueue(self, **fields: Any) -> str:
        """Enqueue one execution that any agent may take."""
        [job_id] = self.run(self.define('[{id: work, steps: [{run: "true"}]}]'), **fields)
        return job_id
