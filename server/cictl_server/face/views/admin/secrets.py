"""Secrets of the server's own. Values go in and never out."""

from __future__ import annotations

import falcon

from cictl.wire.admin.secrets import SecretRequest
from cictl_server.errors import NotFound
from cictl_server.face.forms import given_of, read_fields
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.http import media
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command

_BACK = "admin/secrets"


class SecretsPage:
    """`/admin/secrets`"""

    def __init__(self, services: Services) -> None:
        self._secrets = services.secrets.own
        self._projects = services.projects.projects
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the names of the secrets."""
        view = View(
            template="admin/secrets.html",
            title="Secrets",
            section="admin",
            command="cictl secrets list",
            values={
                "secrets": self._secrets.list_secrets(),
                "projects": [(project.id, project.name) for project in self._projects.list_projects()],
            },
        )
        self._pages.show(req, resp, view)


class SecretSetPage:
    """`/admin/secrets/set`, with all but the value in the query"""

    def __init__(self, services: Services) -> None:
        self._secrets = services.secrets.own
        self._projects = services.projects.projects
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say whether it replaces one, and ask for the value."""
        given = given_of(req, "name", "project", "branches")
        name, project = given.get("name", ""), given.get("project", "")
        whose = next((one.name for one in self._projects.list_projects() if str(one.id) == project), "")
        is_known = any((one.name, str(one.project_id or "")) == (name, project) for one in self._secrets.list_secrets())
        question = Question(
            title=f"Set the secret {name} of {whose or 'all projects'}?",
            text=[
                "It replaces the value that is there, for good." if is_known else "There is none of this name yet.",
                "The value goes in, and is never shown again.",
            ],
            button="Set",
            back=_BACK,
            command=command("secrets", "set", name, *(("--project", whose) if whose else ())),
            hidden=given,
            asks=("value", "Value"),
            is_needed=True,
            is_long=True,
            is_harmful=is_known,
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Store a secret, or another value of one. The value is taken as it is, blanks and all."""
        form = {name: values[0] for name, values in read_fields(req).items()}
        patterns = [part.strip() for part in form.get("branches", "").split(",") if part.strip()]
        request = SecretRequest(
            name=form.get("name", "").strip(),
            value=form.get("value", "").replace("\r\n", "\n"),
            project=form.get("project", ""),
            branches=patterns or None,
        )
        self._secrets.set(request)
        go_to(req, resp, _BACK)


class SecretRemovePage:
    """`/admin/secrets/{secret_id}/remove`"""

    def __init__(self, services: Services) -> None:
        self._secrets = services.secrets.own
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, secret_id: str) -> None:
        """Say what removing it means."""
        number = media.path_id(secret_id, noun="secret")
        found = next((secret for secret in self._secrets.list_secrets() if secret.id == number), None)
        if found is None:
            raise NotFound("secret")
        words = ["--project", found.project] if found.project else []
        question = Question(
            title=f"Remove the secret {found.name}?",
            text=[
                f"Jobs of {found.project or 'all projects'} that name it fail from then on. Its value can't be had back.",
            ],
            button="Remove",
            back=_BACK,
            command=command("secrets", "remove", found.name, *words),
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response, secret_id: str) -> None:
        """Remove the secret."""
        self._secrets.delete(media.path_id(secret_id, noun="secret"))
        go_to(req, resp, _BACK)


class SecretsKeyPage:
    """`/admin/secrets/rotate-key`"""

    def __init__(self, services: Services) -> None:
        self._secrets = services.secrets.own
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say what another key means."""
        count = len(self._secrets.list_secrets())
        question = Question(
            title="Seal all secrets with a new key?",
            text=[
                f"{counted(count, 'secret')} {'is' if count == 1 else 'are'} sealed anew. Backups from before need the old key."
            ],
            button="Rotate the key",
            back=_BACK,
            command="cictl secrets rotate-key",
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Seal all with a new key."""
        self._secrets.rotate_key()
        go_to(req, resp, _BACK)
