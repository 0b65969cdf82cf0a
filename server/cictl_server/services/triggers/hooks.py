"""Webhooks: each project has a secret, by which a forge tells that something was pushed. They only wake the watcher."""

from __future__ import annotations

import secrets

import msgspec

from cictl.base.clock import Clock
from cictl.wire.audit.records import TargetKind
from cictl.wire.triggers import HookSecret, ProjectHook
from cictl_server.errors import NotFound
from cictl_server.services.core.deeds import note_made
from cictl_server.services.core.hub import Hub
from cictl_server.services.projects.hook_book import last_hook, note_delivery
from cictl_server.services.projects.looks import LookBook
from cictl_server.services.projects.lookup import get_project
from cictl_server.services.secrets.own.secrets import OwnSecretService
from cictl_server.services.triggers.signatures import Body, Header, delivery_of, is_signed, standard_key
from cictl_server.signals.topics import PROJECTS
from cictl_server.store.contract import Store, Transaction

HOOKS = "/api/v1/hooks"
_NAME = "(webhook)"
"""Of the sealed secret. No job can ask for it by such a name."""
_SECRET_BYTES = 32


class HookService(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    public_url: Where forges reach the server; empty where that is only known from who asks.
    """

    store: Store
    secrets: OwnSecretService
    looks: LookBook
    hub: Hub
    clock: Clock
    public_url: str

    def show(self, project_id: int, *, asked_at: str) -> ProjectHook:
        """Return where the webhooks of a project go, and whether its secret was made.

        Args:
            asked_at: The address by which whoever asks reaches the server.

        Raises:
            NotFound: No such project.
        """
        with self.store.read() as view:
            get_project(view, project_id)
            return ProjectHook(
                url=self._url(project_id, asked_at),
                has_secret=self.secrets.keeps(view, _NAME, project_id=project_id),
                last_hook_utc=last_hook(view, project_id),
            )

    def rotate(self, project_id: int, *, asked_at: str) -> HookSecret:
        """Make another secret for the webhooks of a project, and return it; the old one counts no more.

        Raises:
            NotFound: No such project.
            Conflict, BadSealingKey: It can't be sealed, as any secret.
        """
        with self.store.read() as view:
            project = get_project(view, project_id)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        note_made(TargetKind.PROJECT, project.id, project.name)
        self.secrets.keep(_NAME, secret, project_id=project_id)
        return HookSecret(
            url=self._url(project_id, asked_at), secret=secret, standard_webhooks_key=standard_key(secret)
        )

    def receive(self, project_id: int, header: Header, body: Body) -> None:
        """Note a webhook, and wake the watcher. One that came before is accepted, and does nothing.

        Raises:
            NotFound: No such project, or it has no secret, or the signature is not by it.
        """
        with self.store.read() as view:
            secret = self.secrets.kept(view, _NAME, project_id=project_id)
        # Where there is no secret, the time for a signature passes all the same.
        is_ours = is_signed(header, body, secret=secret or secrets.token_urlsafe(_SECRET_BYTES), now=self.clock())
        if not is_ours or not secret:
            raise NotFound(
                "webhook", hint="`cictl projects hook show PROJECT` tells the URL, and `rotate` makes a secret"
            )
        delivery, now = delivery_of(header, body), self.clock()

        def note(tx: Transaction) -> None:
            get_project(tx, project_id)
            if note_delivery(tx, project_id, delivery, now=now):
                tx.after_commit(lambda: self.looks.forget(project_id))
                tx.after_commit(lambda: self.hub.publish(PROJECTS))

        self.store.write(note)

    def _url(self, project_id: int, asked_at: str) -> str:
        return f"{(self.public_url or asked_at).rstrip('/')}{HOOKS}/{project_id}"
