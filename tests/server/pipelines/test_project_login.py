"""The login in the URL of a project's repository: git gets it, and so does the agent that clones; nobody else sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.origins import finish_everything, import_project
from cictl_testing.server import RunningServer
from cictl_testing.servers.git_server import LOGIN, GitServer

PROJECT = """\
version: 1
project: {name: shop}
pipelines: [{id: build, vcs_source: {repo: self}, jobs: [{id: compile, timeout_seconds: 60, steps: [{run: make}]}]}]
pipeline_chains: [{id: ship, pipelines: [build]}]
"""
PASSWORD = LOGIN.partition(":")[2]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The URL, with its login, of a repository that a real git server keeps."""
    (tmp_path / "root").mkdir()
    served = GitServer(tmp_path / "root")
    served.publish(make_repository(tmp_path / "shop", {"cictl.yaml": PROJECT}), "shop")
    yield f"{served.url_with_login}/shop.git"
    served.close()


def test_no_answer_tells_it(server: RunningServer, url: str) -> None:
    ids = import_project(server, url)
    [job_id] = server.run(ids["build"])
    pipeline = f"/api/v1/pipelines/{ids['build']}"
    answers = [
        server.post("/api/v1/projects/import", {"repo_url": url}),
        server.post(f"/api/v1/projects/{ids['project']}/reload"),
        server.post(f"/api/v1/projects/{ids['project']}/inspect", {"pipeline_db_id": ids["build"]}),
        server.post(f"{pipeline}/dry-run-preview", {}),
        server.post(f"/api/v1/pipeline-chains/{ids['ship']}/dry-run-preview", {}),
        *map(
            server.get,
            [
                "/api/v1/projects",
                f"/api/v1/projects/{ids['project']}",
                f"{pipeline}/source-refs",
                f"{pipeline}/version-resolve",
                "/api/v1/jobs",
                "/api/v1/jobs?view=queued",
                f"/api/v1/jobs/{job_id}",
                f"/api/v1/jobs/{job_id}/explain",
            ],
        ),
    ]
    assert {answer.status_code for answer in answers} <= {200, 201}, [answer.text for answer in answers]
    assert [answer.text for answer in answers if PASSWORD in answer.text] == []
    told = server.get("/api/v1/projects").json["projects"][0]
    assert told["repo_url"] == url.replace(f"{LOGIN}@", "")
    assert told["config_path"] == f"{told['repo_url']}@main:cictl.yaml"


def test_the_agent_gets_it_and_a_rerun_keeps_it(server: RunningServer, url: str) -> None:
    [job_id] = server.run(import_project(server, url)["build"])
    leased = server.leased()
    assert leased.source is not None
    assert leased.source.repo == url
    server.report(job_id, "failed")
    assert PASSWORD not in server.post(f"/api/v1/jobs/{job_id}/rerun").text
    again = server.leased()
    assert again.source is not None
    assert again.source.repo == url
    cancelled = server.cancel(again.id)
    assert (cancelled.status_code, PASSWORD in cancelled.text) == (200, False)


def test_the_same_url_is_the_same_project(server: RunningServer, url: str) -> None:
    ids = import_project(server, url)
    finish_everything(server)
    assert import_project(server, url)["project"] == ids["project"]
