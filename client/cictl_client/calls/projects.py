"""Calls about projects."""

from __future__ import annotations

from cictl.wire.codec import encode
from cictl.wire.forges import Forge, ForgeRequest, ForgeTest
from cictl.wire.projects import (
    ImportRequest,
    ImportResponse,
    ProjectDetail,
    ProjectList,
    ProjectResponse,
    ProjectSettings,
    ProjectSummary,
)
from cictl.wire.triggers import HookSecret, ProjectCheck, ProjectHook
from cictl_client.answers import RawResponse
from cictl_client.calls.calls import GIT_SECONDS, Calls

_IMAGES = "image/*, application/problem+json"


class ProjectCalls(Calls):
    """The projects that were imported."""

    def list_projects(self) -> list[ProjectSummary]:
        """Return all projects, sorted by name."""
        return self._transport.get(ProjectList, "/api/v1/projects").projects

    def get_project(self, project_id: int) -> ProjectDetail:
        """Return one project with its pipelines, jobs and steps."""
        return self._transport.get(ProjectResponse, f"/api/v1/projects/{project_id}").project

    def import_project(self, request: ImportRequest) -> ImportResponse:
        """Import a repository; `InvalidProject` says what is wrong with its file, `GitFailed` why it can't be read."""
        return self._mutations.post(ImportResponse, "/api/v1/projects/import", encode(request), timeout=GIT_SECONDS)

    def reload_project(self, project_id: int) -> ImportResponse:
        """Read the project file of a project anew; raise as `import_project` does."""
        return self._mutations.post(ImportResponse, f"/api/v1/projects/{project_id}/reload", timeout=GIT_SECONDS)

    def change_project_settings(self, project_id: int, change: ProjectSettings) -> ProjectSettings:
        """Change what the server decides about a project, and return all of it; fields of *change* that are None stay as they are."""
        return self._mutations.post(ProjectSettings, f"/api/v1/projects/{project_id}/settings", encode(change))

    def check_project(self, project_id: int) -> ProjectCheck:
        """Look at the repository of a project now, and return the runs that new commits started; `GitFailed` if it can't be read."""
        return self._transport.post(ProjectCheck, f"/api/v1/projects/{project_id}/check", b"{}", timeout=GIT_SECONDS)

    def get_project_hook(self, project_id: int) -> ProjectHook:
        """Return where the webhooks of a project go, and whether its secret was made."""
        return self._transport.get(ProjectHook, f"/api/v1/projects/{project_id}/hook")

    def rotate_project_hook(self, project_id: int) -> HookSecret:
        """Make another secret for the webhooks of a project, and return it; the old one counts no more."""
        return self._transport.post(HookSecret, f"/api/v1/projects/{project_id}/hook/rotate", b"{}")

    def get_forge(self, project_id: int) -> Forge:
        """Return the forge that is told of a project's runs; `NotFound` if it has none."""
        return self._transport.get(Forge, _forge(project_id))

    def set_forge(self, project_id: int, request: ForgeRequest) -> Forge:
        """Let a forge be told of a project's further runs, instead of the one before."""
        return self._mutations.post(Forge, _forge(project_id), encode(request))

    def test_forge(self, project_id: int) -> ForgeTest:
        """Return whether the forge of a project knows the repository and takes the token."""
        return self._transport.post(ForgeTest, f"{_forge(project_id)}/test")

    def remove_forge(self, project_id: int) -> None:
        """Let no forge be told of a project's runs any more."""
        self._mutations.delete(_forge(project_id))

    def delete_project(self, project_id: int) -> None:
        """Delete a project with its definitions."""
        self._mutations.delete(f"/api/v1/projects/{project_id}")

    def get_project_icon(self, project_id: int) -> RawResponse:
        """Return the icon of a project as it came, with its type in the headers; `NotFound` if it has none."""
        return self._transport.send("GET", f"/api/v1/projects/{project_id}/icon", headers={"Accept": _IMAGES})


def _forge(project_id: int) -> str:
    return f"/api/v1/projects/{project_id}/forge"
