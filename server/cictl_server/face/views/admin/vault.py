"""The Vaults that jobs take secrets from."""

from __future__ import annotations

import falcon

from cictl.base.job_parts import SecretRef
from cictl.wire.admin.vault import VaultConnectionRequest, VaultTestRequest, VaultTestResponse
from cictl_server.errors import NotFound
from cictl_server.face.forms import given_of, read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.http import media
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command

_BACK = "admin/vault"
_CONNECTION = {
    "name": "",
    "url": "--url",
    "role_id": "--role-id",
    "secret_id_env": "--secret-id-env",
    "approle_mount": "--approle-mount",
    "namespace": "--namespace",
    "kv_default_mount": "--kv-mount",
    "kv_default_version": "--kv-version",
    "ca_file": "--ca-file",
}
"""The fields of a connection, with the options that say them on a command line."""


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


class VaultSavePage:
    """`/admin/vault/save`, with the connection's fields in the query"""

    def __init__(self, services: Services) -> None:
        self._connections = services.secrets.connections
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say which connection is made or changed, and who uses it."""
        given = given_of(req, *_CONNECTION)
        name = given.get("name", "")
        known = next((one for one in self._connections.list_connections() if one.name == name), None)
        fields = [f"{field}: {text}." for field, text in given.items() if field != "name"]
        users = f"Used by {', '.join(known.used_by)}." if known and known.used_by else ""
        options = [word for field, text in given.items() if field != "name" for word in (_CONNECTION[field], text)]
        question = Question(
            title=f"{'Change' if known else 'Add'} the Vault {name}?",
            text=[*fields, *([users] if users else [])],
            button="Save",
            back=_BACK,
            command=command("vault", "add", name, *options),
            hidden=given,
            is_harmful=known is not None,
        )
        ask(self._pages, req, resp, question, section="admin")

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
        go_to(req, resp, _BACK)


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
            back=_BACK,
            command=command("vault", "remove", found.name),
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response, connection_id: str) -> None:
        """Remove the connection."""
        self._connections.delete(media.path_id(connection_id, noun="vault connection"))
        go_to(req, resp, _BACK)
