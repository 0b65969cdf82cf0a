"""Secrets of the server's own, and the Vaults that jobs take secrets from. Values go in and never out."""

from __future__ import annotations

import falcon

from cictl.base.job_parts import SecretRef
from cictl.wire.secrets import SecretRequest
from cictl.wire.vault import VaultConnectionRequest, VaultTestRequest, VaultTestResponse
from cictl_server.errors import NotFound
from cictl_server.face.forms import read_fields, read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.http import media
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command

_SECRETS, _VAULT = "admin/secrets", "admin/vault"


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
        go_to(req, resp, _SECRETS)


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
            back=_SECRETS,
            command=command("secrets", "remove", found.name, *words),
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response, secret_id: str) -> None:
        """Remove the secret."""
        self._secrets.delete(media.path_id(secret_id, noun="secret"))
        go_to(req, resp, _SECRETS)


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
            back=_SECRETS,
            command="cictl secrets rotate-key",
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Seal all with a new key."""
        self._secrets.rotate_key()
        go_to(req, resp, _SECRETS)


class VaultPage:
    """`/admin/vault`"""

    def __init__(self, services: Services) -> None:
        self._connections = services.secrets.connections
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the connections."""
        view = View(
            template="admin/vault.html",
            title="Vault",
            section="admin",
            command="cictl vault list",
            values={"connections": self._connections.list_connections()},
        )
        self._pages.show(req, resp, view)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Store a connection, or change the one with this name; an empty field keeps what is."""
        form = {name: value for name, value in read_form(req).items() if value}
        version = form.get("kv_default_version", "")
        request = VaultConnectionRequest(
            name=form.get("name", ""),
            url=form.get("url"),
            role_id=form.get("role_id"),
            secret_id_env=form.get("secret_id_env"),
            approle_mount=form.get("approle_mount"),
            namespace=form.get("namespace"),
            kv_default_mount=form.get("kv_default_mount"),
            kv_default_version=int(version) if version in ("1", "2") else None,
            ca_file=form.get("ca_file"),
        )
        self._connections.save(request)
        go_to(req, resp, _VAULT)


class VaultTestPage:
    """`/admin/vault/{connection_id}/test`"""

    def __init__(self, services: Services) -> None:
        self._tests = services.secrets.testing
        self._connections = services.secrets.connections
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, connection_id: str) -> None:
        """Ask what is to be tried."""
        self._show(req, resp, media.path_id(connection_id, noun="vault connection"), None)

    def on_post(self, req: falcon.Request, resp: falcon.Response, connection_id: str) -> None:
        """Log in there, read a secret if one is named, and show how that went. Nothing is kept, and no value is shown."""
        number = media.path_id(connection_id, noun="vault connection")
        form = read_form(req)
        wanted = SecretRef(name="test", path=form.get("path", ""), key=form.get("key", ""))
        request = VaultTestRequest(
            secret_id_override=form.get("secret_id", ""), test_secret=wanted if wanted.path else None
        )
        self._show(req, resp, number, self._tests.test(number, request))

    def _show(self, req: falcon.Request, resp: falcon.Response, number: int, answer: VaultTestResponse | None) -> None:
        name = self._connections.get_connection(number).name
        view = View(
            template="admin/vault_test.html",
            title=f"Test of {name}",
            section="admin",
            command=command("vault", "test", name),
            values={"answer": answer},
            is_secret=True,
        )
        self._pages.show(req, resp, view)


class VaultRemovePage:
    """`/admin/vault/{connection_id}/remove`"""

    def __init__(self, services: Services) -> None:
        self._connections = services.secrets.connections
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, connection_id: str) -> None:
        """Say which pipelines still use it."""
        number = media.path_id(connection_id, noun="vault connection")
        found = next((one for one in self._connections.list_connections() if one.id == number), None)
        if found is None:
            raise NotFound("vault connection")
        users = ", ".join(found.used_by)
        question = Question(
            title=f"Remove the Vault {found.name}?",
            text=[
                f"{len(found.used_by)} pipelines still use it, and their jobs will fail: {users}."
                if users
                else "No pipeline uses it."
            ],
            button="Remove",
            back=_VAULT,
            command=command("vault", "remove", found.name),
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response, connection_id: str) -> None:
        """Remove the connection."""
        self._connections.delete(media.path_id(connection_id, noun="vault connection"))
        go_to(req, resp, _VAULT)
