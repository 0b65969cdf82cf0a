"""A project: its file as it was loaded, what runs of it stand, what starts them, and what is decided about it here."""

from __future__ import annotations

import falcon

from cictl.wire.admin.access import Role
from cictl.wire.admin.secrets import Secret
from cictl.wire.forges import Forge
from cictl.wire.projects import ImportRequest, JobTokens, ProjectDetail, ProjectSettings
from cictl_server.errors import CictlError, Conflict, GitFailed, InvalidProject, InvalidRequest, NotFound
from cictl_server.face.drawing.shares import shares
from cictl_server.face.forms import read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.face.views.queue import seen_pauses
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.access.principal import Principal
from cictl_server.services.jobs.obstacles import command
from cictl_server.services.runs.runs import RunQuery

_RUNS, _COUNTED = 15, 200
"""How many runs are listed, and from how many the branches are told."""
_POLLS = {
    "-1": "as the server says",
    "0": "never",
    "60": "every minute",
    "300": "every 5 minutes",
    "3600": "every hour",
}


class ProjectPage:
    """`/projects/{project_id}`"""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Show the project."""
        services, principal = self._services, principal_of(req)
        project = services.projects.projects.get_project(media.path_id(project_id, noun="project"))
        whose = str(project.id)
        schedules = services.schedules.schedules.list_schedules(
            project=whose, pipeline="", count=2, sees=principal.sees_project
        )
        pauses = seen_pauses(services.policies.pauses.show().pauses, principal)
        runs = services.runs.runs.list_runs(RunQuery(project=whose), limit=_RUNS, sees=principal.sees_run)
        view = View(
            template="project/project.html",
            title=project.name,
            section="overview",
            command=command("projects", "show", project.name),
            watches=(f"project:{project.id}", "job"),
            values={
                "project": project,
                "has_icon": services.projects.projects.find_icon(project.id) is not None,
                "runs": runs.runs,
                "branches": services.runs.insight.branches(project.id, limit=_COUNTED),
                "shares": shares,
                "schedules": schedules,
                "hook": services.triggers.hooks.show(project.id, asked_at=req.prefix),
                "forge": self._forge(project.id),
                "secrets": self._secrets(project, principal),
                "pause": next((pause for pause in pauses if pause.project_id == project.id), None),
                "polls": _POLLS,
                "poll": str(project.poll_seconds),
                "starts": project.job_tokens is JobTokens.START,
            },
        )
        self._pages.show(req, resp, view)

    def _forge(self, project_id: int) -> Forge | None:
        try:
            return self._services.forges.forges.show(project_id)
        except NotFound:
            return None

    def _secrets(self, project: ProjectDetail, principal: Principal) -> list[Secret]:
        """Return the secrets that the project's jobs may use. Those of all projects are not shown to who sees some alone."""
        scopes = (project.id,) if principal.projects else (project.id, 0)
        return [secret for secret in self._services.secrets.own.list_secrets() if secret.project_id in scopes]


class ProjectImportPage:
    """`/projects/import`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Ask where the project is."""
        principal_of(req).check_role(Role.OPERATOR)
        self._show(req, resp, {}, problem=None)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Import a project and go to it; show the form again if it can't be had."""
        form = read_form(req)
        request = ImportRequest(
            repo_url=form.get("repo_url", ""),
            repo_ref=form.get("repo_ref", ""),
            config_file=form.get("config_file", ""),
            name=form.get("name", ""),
            refuses_taken_name=True,
        )
        try:
            made = self._projects.import_project(request)
        except (InvalidRequest, GitFailed, Conflict) as problem:
            self._show(req, resp, form, problem=problem)
            return
        go_to(req, resp, f"projects/{made.project_id}")

    def _show(
        self, req: falcon.Request, resp: falcon.Response, given: dict[str, str], *, problem: CictlError | None
    ) -> None:
        findings = problem.findings if isinstance(problem, InvalidProject) else []
        view = View(
            template="project/import.html",
            title="Import a project",
            section="overview",
            command="cictl projects import URL",
            values={"given": given, "problem": problem, "findings": findings},
        )
        self._pages.show(req, resp, view, status=problem.code.status if problem else 200)


class ProjectReloadPage:
    """`/projects/{project_id}/reload`: a form alone"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Read the project file again."""
        self._projects.reload_project(media.path_id(project_id, noun="project"))
        go_to(req, resp, f"projects/{project_id}")


class ProjectCheckPage:
    """`/projects/{project_id}/check`: a form alone"""

    def __init__(self, services: Services) -> None:
        self._checks = services.triggers.checks
        self._pages = Pages(services)

    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Look at the repository now, and show what that started."""
        found = self._checks.check(media.path_id(project_id, noun="project"))
        view = View(
            template="project/check.html",
            title=f"Look at {found.project}",
            section="overview",
            command=command("projects", "check", found.project),
            values={"found": found, "project_id": project_id},
        )
        self._pages.show(req, resp, view)


class ProjectSettingsPage:
    """`/projects/{project_id}/settings`: a form alone"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Change what is decided about the project here: an unchecked box means no."""
        form = read_form(req)
        poll = form.get("poll_seconds", "")
        change = ProjectSettings(
            public_badges="public_badges" in form,
            job_tokens=JobTokens.START if "job_tokens" in form else JobTokens.NONE,
            poll_seconds=int(poll) if poll in _POLLS else None,
        )
        self._projects.change_settings(media.path_id(project_id, noun="project"), change)
        go_to(req, resp, f"projects/{project_id}")


class ProjectDeletePage:
    """`/projects/{project_id}/delete`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Say what goes with the project."""
        principal_of(req).check_role(Role.OPERATOR)
        project = self._projects.get_project(media.path_id(project_id, noun="project"))
        pipelines, chains = len(project.pipelines), len(project.pipeline_chains)
        question = Question(
            title=f"Delete {project.name}?",
            text=[
                f"Its definition goes: {counted(pipelines, 'pipeline')} and {counted(chains, 'chain')}, their schedules, its webhook.",
                "Its runs stay, with their logs and artifacts. The repository is not touched.",
            ],
            button=f"Delete {project.name}",
            back=f"projects/{project.id}",
            command=command("projects", "delete", project.name),
        )
        ask(self._pages, req, resp, question, section="overview")

    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Delete the project."""
        self._projects.delete_project(media.path_id(project_id, noun="project"))
        go_to(req, resp, "")


class ProjectHookPage:
    """`/projects/{project_id}/hook`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects
        self._hooks = services.triggers.hooks
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Ask before another secret is made."""
        principal_of(req).check_role(Role.OPERATOR)
        project = self._projects.get_project(media.path_id(project_id, noun="project"))
        has_secret = self._hooks.show(project.id, asked_at=req.prefix).has_secret
        question = Question(
            title=f"Make {'another' if has_secret else 'a'} secret for the webhooks of {project.name}?",
            text=["The one before counts no more at once."] if has_secret else ["It is shown this once."],
            button="Make it",
            back=f"projects/{project.id}",
            command=command("projects", "hook", "rotate", project.name),
            is_harmful=has_secret,
        )
        ask(self._pages, req, resp, question, section="overview")

    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Make another secret, and show it, this once."""
        made = self._hooks.rotate(media.path_id(project_id, noun="project"), asked_at=req.prefix)
        show_once(
            self._pages,
            req,
            resp,
            title="The secret of the webhooks",
            secrets={
                "Secret, for GitHub, Gitea, Forgejo and GitLab": made.secret,
                "Key, for Standard Webhooks": made.standard_webhooks_key,
            },
            text=f"Give it to the forge, with the address {made.url}.",
            back=f"projects/{project_id}",
            section="overview",
        )


def show_once(
    pages: Pages,
    req: falcon.Request,
    resp: falcon.Response,
    *,
    title: str,
    secrets: dict[str, str],
    text: str,
    back: str,
    section: str,
) -> None:
    """Answer with *secrets*, by what they are. No browser keeps the page, and no address leads to it again."""
    view = View(
        template="secret.html",
        title=title,
        section=section,
        values={"secrets": secrets, "text": text, "back": back},
        is_secret=True,
    )
    pages.show(req, resp, view)
