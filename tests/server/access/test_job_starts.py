"""Runs that jobs start with their tokens: where the project allows it, whose they are, and where a loop ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import falcon.testing
import pytest
from cictl_testing.files import make_repository
from cictl_testing.server import RunningServer

from cictl.wire.agents import LeaseRequest
from cictl.wire.projects import ImportRequest, JobTokens, ProjectSettings
from cictl_server.services.access.reach import DEEPEST_START
from cictl_server.services.history.run_limits import RunLimits

PIPELINES = """
pipelines: [{id: build, jobs: [{id: j, steps: [{run: ls}]}]}, {id: more, jobs: [{id: k, steps: [{run: ls}]}]}]
pipeline_chains: [{id: all, pipelines: [build, more]}]
"""


@dataclass
class Team:
    """A server that wants tokens, with the projects shop (1) and other (2), both of which let their jobs start runs."""

    server: RunningServer
    root: str = field(init=False)
    ids: dict[str, int] = field(init=False)
    others: dict[str, int] = field(init=False)
    agents: int = 0

    def __post_init__(self) -> None:
        self.root = self.server.token("admin")
        self.ids = self.server.define_project(PIPELINES)
        self.others = self.server.define_project(PIPELINES, name="other")
        for project_id in (1, 2):
            self.allow(JobTokens.START, project_id)

    def allow(self, allowed: JobTokens, project_id: int = 1) -> None:
        change = ProjectSettings(job_tokens=allowed)
        self.server.services.projects.projects.change_settings(project_id, change)

    def job(self) -> tuple[str, str]:
        """Lease the oldest execution to another agent; return its id and the token of its steps."""
        self.server.clock.step(1)
        self.agents += 1
        request = LeaseRequest(agent_id=f"agent-{self.agents}", sends_token=True)
        lease = self.server.services.jobs.leasing.lease(request)
        assert lease.job_execution is not None
        return lease.job_execution.id, lease.job_token

    def start(self, secret: str, pipeline: int = 0) -> falcon.testing.Result:
        path = f"/api/v1/pipelines/{pipeline or self.ids['build']}/run-selection"
        return self.server.ask("POST", path, secret, body=b"{}")

    def first(self) -> tuple[str, str]:
        """Run the pipeline as an admin, and lease it."""
        assert self.start(self.root).status_code == 201
        return self.job()

    def get(self, path: str, secret: str) -> falcon.testing.Result:
        return self.server.ask("GET", f"/api/v1/{path}", secret)


@pytest.fixture
def team(server: RunningServer) -> Team:
    return Team(server)


def test_a_job_starts_a_run_and_reads_it(team: Team) -> None:
    job_id, secret = team.first()
    [started] = team.start(secret, team.ids["more"]).json["job_execution_ids"]
    assert team.get(f"jobs/{started}", secret).json["job_execution"]["started_by"] == "1/j"
    assert team.get(f"jobs/{started}/log", secret).status_code == 200
    assert [job["id"] for job in team.get("jobs", secret).json["job_executions"]] == [started, job_id]
    [record] = team.server.audit(action="run.started", actor=job_id)
    assert (record.actor.kind, record.actor.name, record.targets[0].name) == ("job", "1/j", "shop/more")


def test_a_job_starts_a_chain(team: Team) -> None:
    _, secret = team.first()
    answer = team.server.ask("POST", f"/api/v1/pipeline-chains/{team.ids['all']}/run", secret)
    assert (answer.status_code, answer.json["enqueued"]) == (201, 2)


def test_what_a_run_starts_is_not_for_its_other_jobs_nor_the_job_for_what_it_started(team: Team) -> None:
    job_id, secret = team.first()
    team.start(secret)
    _, child = team.job()
    [grandchild] = team.start(child).json["job_execution_ids"]
    assert team.get(f"jobs/{grandchild}", secret).status_code == 404
    assert team.get(f"jobs/{job_id}", child).status_code == 404


def test_a_project_allows_it_only_when_told_to(team: Team) -> None:
    team.allow(JobTokens.NONE)
    _, secret = team.first()
    refused = team.start(secret)
    assert (refused.status_code, refused.text) == (403, "the project shop does not let its jobs start runs\n")
    [record] = team.server.audit(action="auth.refused")
    assert (record.actor.kind, record.details["wanted"]) == ("job", "run.started")


def test_another_project_is_not_found(team: Team) -> None:
    _, secret = team.first()
    assert team.start(secret, team.others["build"]).status_code == 404
    chain = team.server.ask("POST", f"/api/v1/pipeline-chains/{team.others['all']}/run", secret)
    assert chain.status_code == 404
    assert [project["name"] for project in team.get("projects", secret).json["projects"]] == ["shop"]


def test_a_project_of_the_same_name_is_not_found(team: Team) -> None:
    _, secret = team.first()
    namesake = team.server.define_project(PIPELINES)
    team.allow(JobTokens.START, 3)
    assert team.start(secret, namesake["build"]).status_code == 404
    assert [project["id"] for project in team.get("projects", secret).json["projects"]] == [1]


def test_a_job_that_is_over_starts_nothing(team: Team) -> None:
    job_id, secret = team.first()
    assert team.server.ask("POST", f"/api/v1/jobs/{job_id}/cancel", team.root).status_code == 200
    assert team.start(secret).status_code == 401


def test_runs_of_jobs_count_among_those_that_wait(team: Team) -> None:
    team.server.restart_with(run_limits=RunLimits(queued_runs=2))
    _, secret = team.first()
    assert [team.start(secret).status_code for _ in range(2)] == [201, 429]


def test_a_pipeline_that_starts_itself_ends(team: Team) -> None:
    _, secret = team.first()
    for _ in range(DEEPEST_START):
        assert team.start(secret).status_code == 201
        _, secret = team.job()
    refused = team.start(secret)
    assert (refused.status_code, refused.text) == (
        403,
        "10 starts by jobs led to this one, and no further one is allowed\n",
    )


def test_a_person_s_rerun_of_a_job_begins_to_count_anew(team: Team) -> None:
    _, secret = team.first()
    team.start(secret)
    job_id, _ = team.job()
    for path, body in {"cancel": b"", "rerun": b""}.items():
        assert team.server.ask("POST", f"/api/v1/jobs/{job_id}/{path}", team.root, body=body).status_code < 300
    with team.server.store.read() as view:
        newest = next(view.jobs.newest_first())
    assert (newest.start_depth, newest.started_by_job) == (0, "")


def test_the_setting_is_shown_recorded_and_outlives_imports_and_restarts(server: RunningServer, tmp_path: Path) -> None:
    text = f"version: 1\nproject: {{name: shop}}{PIPELINES}"
    repository = str(make_repository(tmp_path / "repository", {"cictl.yaml": text}))
    root = server.token("admin")
    service = server.services.projects.projects
    service.import_project(ImportRequest(repo_url=repository))
    assert "job_tokens" not in server.ask("GET", "/api/v1/projects/1", root).json["project"]
    changed = server.ask("POST", "/api/v1/projects/1/settings", root, body=b'{"job_tokens":"start"}')
    assert (changed.status_code, changed.json) == (200, {"job_tokens": "start"})
    service.import_project(ImportRequest(repo_url=repository))
    service.reload_project(1)
    server.restart()
    assert server.ask("GET", "/api/v1/projects/1", root).json["project"]["job_tokens"] == "start"
    assert server.ask("POST", "/api/v1/projects/1/settings", root, body=b"{}").json == {"job_tokens": "start"}
    told = [(record.targets[0].name, record.details) for record in server.audit(action="project.changed")]
    assert ("shop", {"job_tokens": "start"}) in told


def test_an_unknown_setting_is_refused(team: Team) -> None:
    refused = team.server.ask("POST", "/api/v1/projects/1/settings", team.root, body=b'{"job_tokens":"all"}')
    assert (refused.status_code, refused.text) == (400, 'job_tokens "all" is unknown\n')
