"""Remote repositories for projects, and what their imports give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cictl.wire.projects import ImportRequest
from cictl_testing.files import git, make_repository
from cictl_testing.server import RunningServer

_ME = ("-c", "user.name=t", "-c", "user.email=t@localhost")


class Origin:
    """A bare repository, and a clone to commit from."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "origin.git"
        self.work = directory / "work"
        for path, options in ((self.path, ("--bare",)), (self.work, ())):
            path.mkdir(parents=True)
            git(path, "init", "-q", "-b", "main", *options)
        git(self.work, "remote", "add", "origin", str(self.path))

    @property
    def url(self) -> str:
        return str(self.path)

    def commit(self, files: dict[str, str], *, branch: str = "main") -> str:
        """Commit *files* on *branch*, push it, and return the commit."""
        git(self.work, "checkout", "-q", "-B", branch)
        make_repository(self.work, files)
        return self.push(branch)

    def push(self, branch: str = "main") -> str:
        """Push the present commit as *branch*, by force, and return it."""
        git(self.work, "push", "-q", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return git(self.work, "rev-parse", "HEAD")

    def tag(self, name: str) -> None:
        """Push an annotated tag of the present commit."""
        git(self.work, *_ME, "tag", "-a", "-f", "-m", name, name)
        git(self.work, "push", "-q", "--force", "origin", f"refs/tags/{name}")

    def read(self, path: str, *, branch: str) -> str:
        return git(self.path, "show", f"{branch}:{path}")

    def hide(self) -> None:
        """Make the remote unreachable."""
        self.path.rename(self.path.with_name("hidden"))


def import_project(server: RunningServer, url: str, **fields: Any) -> dict[str, int]:
    """Import a project and return the ids of its pipelines and chains by name, and its own as `project`."""
    answer = server.post("/api/v1/projects/import", ImportRequest(repo_url=url, **fields))
    assert answer.status_code == 201, answer.text
    number = int(answer.json["project_id"])
    project: dict[str, Any] = server.get(f"/api/v1/projects/{number}").json["project"]
    pipelines = {one["pipeline_id"]: int(one["id"]) for one in project["pipelines"]}
    chains = {one["chain_id"]: int(one["id"]) for one in project.get("pipeline_chains", [])}
    return {"project": number, **pipelines, **chains}


def finish_everything(server: RunningServer, status: str = "succeeded") -> None:
    """Lease and end executions, as an agent with a POSIX shell, until none is left to lease."""
    server.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    while (job := server.lease().job_execution) is not None:
        assert server.report(job.id, status).status_code == 200
