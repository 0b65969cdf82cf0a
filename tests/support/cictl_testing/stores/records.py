"""Records for tests of the store: everything that does not matter is filled in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cictl.project_file.definition import Pipeline
from cictl.wire.jobs import JobStatus
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ChainRecord, PipelineRecord, ProjectRecord

MOMENT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def make_job(number: int, status: str = "queued", *, needs: dict[str, str] | None = None, **fields: Any) -> JobRecord:
    """Return an execution with these requirements."""
    return JobRecord(
        number=number,
        script="true",
        status=JobStatus(status),
        created=MOMENT,
        required_capabilities=needs or {},
        **fields,
    )


def put_jobs(store: Store, *jobs: JobRecord) -> None:
    """Store executions in one transaction."""

    def put(tx: Transaction) -> None:
        for job in jobs:
            tx.jobs.put(job)

    store.write(put)


def make_agent(agent_id: str, **fields: Any) -> AgentRecord:
    return AgentRecord(agent_id=agent_id, seen=MOMENT, **fields)


def make_project(project_id: int, name: str = "shop") -> ProjectRecord:
    return ProjectRecord(
        id=project_id,
        name=name,
        identity=f"{name}-{project_id}",
        repo_url="https://git.example.test/shop.git",
        repo_ref="main",
        config_file="cictl.yaml",
        loaded_commit="",
        updated=MOMENT,
    )


def make_pipeline(record_id: int, project_id: int, pipeline_id: str) -> PipelineRecord:
    return PipelineRecord(id=record_id, project_id=project_id, definition=Pipeline(id=pipeline_id))


def make_chain(record_id: int, project_id: int, chain_id: str) -> ChainRecord:
    return ChainRecord(id=record_id, project_id=project_id, chain_id=chain_id, pipelines=[])
