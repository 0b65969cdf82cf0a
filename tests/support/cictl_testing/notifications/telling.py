"""Verbs of tests about notifications: a project that tells somebody, runs of its branches, and what became of the messages."""

from __future__ import annotations

from msgspec.structs import replace

from cictl.base.names.git_names import branch_of, tag_of
from cictl.wire.notifications import Notification, NotificationList
from cictl_server.store.contract import Transaction
from cictl_testing.server import RunningServer

_JOBS = "[{id: work, steps: [{run: x}]}]"
SECONDS = 20


def define_telling(server: RunningServer, *entries: str, jobs: str = _JOBS, pipelines: str = "") -> int:
    """Store a project whose `notify` has *entries*, and return the id of its pipeline `build`."""
    rest = f"pipelines: [{{id: build, jobs: {jobs}}}{pipelines}]\nnotify: [{', '.join(entries)}]"
    return server.define_project(rest)["build"]


def webhook(url: str, on: str = "always", rest: str = "") -> str:
    """Return an entry of `notify`."""
    return f"{{on: [{on}], webhook: '{url}', secret_env: CICTL_NOTIFY_CHAT{rest}}}"


def start(server: RunningServer, pipeline: int, *, ref: str = "main", **fields: object) -> str:
    """Start a run of *ref*, a branch by its short name, and return the id of its one execution."""
    [job_id] = server.run(pipeline, **fields)
    number = int(server.job(job_id).facts.run_number)

    def put(tx: Transaction) -> None:
        run = tx.runs.find(number)
        assert run is not None
        tx.runs.put(replace(run, ref=ref, branch=branch_of(ref), tag=tag_of(ref)))

    server.store.write(put)
    return job_id


def end(server: RunningServer, job_id: str, status: str) -> None:
    """Let an agent take the execution and end it. It must be the next in the queue."""
    job = server.running()
    assert job.id == job_id
    assert server.report(job_id, status).status_code == 200


def run(server: RunningServer, pipeline: int, status: str, *, ref: str = "main") -> str:
    """Run a ref to its end, and return the id of the execution."""
    job_id = start(server, pipeline, ref=ref)
    end(server, job_id, status)
    return job_id


def rerun(server: RunningServer, job_id: str, status: str) -> str:
    """Run an execution again to its end, and return the id of the new one."""
    answer = server.post(f"/api/v1/jobs/{job_id}/rerun")
    assert answer.status_code == 201, answer.text
    again: str = answer.json["job_execution"]["id"]
    end(server, again, status)
    return again


def notifications(server: RunningServer, query: str = "") -> list[Notification]:
    """Return the notifications, the oldest first."""
    return server.read(NotificationList, f"/api/v1/notifications?{query}").notifications[::-1]


def types(server: RunningServer) -> list[str]:
    return [found.type.value for found in notifications(server)]


def deliver(server: RunningServer) -> None:
    """Bring what is due now, each target's next message."""
    couriers = server.services.notifications.couriers
    couriers.start_due()
    assert couriers.wait(SECONDS)


def deliver_all(server: RunningServer) -> None:
    """Bring messages until none is due."""
    while server.services.notifications.delivery.due():
        deliver(server)
