"""The forges of projects: set, shown, tested, removed."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from cictl.base.urls import split_http
from cictl.wire.forges import Forge, ForgeKind, ForgeRequest, ForgeTest
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.core.deeds import note_details
from cictl_server.services.forges.apis import APIS
from cictl_server.services.forges.posting import ForgeAway, ForgeClient, ForgeRefuses, NotThere
from cictl_server.services.forges.tokens import FORGE_TOKEN, kept_token
from cictl_server.services.notifications.addresses import check_scheme
from cictl_server.services.notifications.parcels import NotDelivered
from cictl_server.services.projects.lookup import get_project
from cictl_server.services.secrets.own.secrets import OwnSecretService, find
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.projects import ForgeRecord, ProjectRecord

_LONGEST_TOKEN = 1000


class ForgeService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    secrets: OwnSecretService
    client: ForgeClient

    def show(self, project_id: int) -> Forge:
        """Return the forge of a project, and whether it takes what it is told.

        Raises:
            NotFound: No such project, or it has no forge.
        """
        with self.store.read() as view:
            return _shown(view, _forge_of(view, project_id), project_id)

    def set(self, project_id: int, request: ForgeRequest) -> Forge:
        """Tell a forge of the project's further runs, instead of the one before.

        Raises:
            InvalidRequest: A field is missing, or can't be what it says.
            NotFound: No such project.
            Conflict, BadSealingKey: As `OwnSecretService.keep`.
        """
        with self.store.read() as view:
            project = get_project(view, project_id)
        forge, token = self._checked(request, project), _token(request.token)

        def store(tx: Transaction) -> Forge:
            tx.projects.put(replace(get_project(tx, project_id), forge=forge))
            note_details(forge=forge.kind, api=forge.api, repository=forge.repository)
            return _shown(tx, forge, project_id)

        self.secrets.keep(FORGE_TOKEN, token, project_id=project_id)
        return self.store.write(store)

    def remove(self, project_id: int) -> None:
        """Tell nobody of the project's runs any more, and forget the token.

        Raises:
            NotFound: No such project, or it has no forge.
        """

        def remove(tx: Transaction) -> None:
            _forge_of(tx, project_id)
            tx.projects.put(replace(get_project(tx, project_id), forge=None))
            token = find(tx, FORGE_TOKEN, project_id)
            if token is not None:
                tx.secrets.delete(token.id)

        self.store.write(remove)

    def test(self, project_id: int) -> ForgeTest:
        """Ask the forge for the repository, with the token.

        Raises:
            NotFound: No such project, or it has no forge.
        """
        try:
            with self.store.read() as view:
                forge = _forge_of(view, project_id)
                token = kept_token(self.secrets, view, project_id)
            self.client.send(APIS[forge.kind].show_repository(forge.api, forge.repository, token))
        except (ForgeAway, NotThere, ForgeRefuses) as error:
            return ForgeTest(ok=False, detail=str(error))
        return ForgeTest(ok=True, detail=f"it shows {forge.repository} to this token")

    def _checked(self, request: ForgeRequest, project: ProjectRecord) -> ForgeRecord:
        return ForgeRecord(
            kind=_kind(request.kind),
            api=_api(request.api, allows_http=self.client.allows_http),
            repository=_repository(request.repository, project.repo_url),
        )


def _kind(text: str) -> ForgeKind:
    try:
        return ForgeKind(text.strip())
    except ValueError:
        raise InvalidRequest(f'kind "{text}" is unknown', hint="one of: " + ", ".join(ForgeKind)) from None


def _api(text: str, *, allows_http: bool) -> str:
    url = text.strip().rstrip("/")
    try:
        parts = split_http(url)
        check_scheme(url, allows_http=allows_http)
    except (ValueError, NotDelivered) as error:
        raise InvalidRequest(f"api can't be used: {error}", hint="such as https://git.example.com/api/v1") from error
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidRequest("api must have no user, query or fragment", hint="the token goes with every request")
    return url


def _repository(text: str, repo_url: str) -> str:
    """Return `OWNER/NAME`: *text*, or else what the URL of the repository says."""
    found = text.strip().strip("/") or _path_of(repo_url)
    if "/" not in found or not found.isprintable() or " " in found or ".." in found.split("/"):
        raise InvalidRequest(
            f'repository "{found}" is not OWNER/NAME',
            hint="name it by `repository`; the project's URL does not tell it",
        )
    return found


def _path_of(repo_url: str) -> str:
    """Return the path of a repository's URL without `.git`, also of `git@host:owner/name.git`."""
    path = urlsplit(repo_url).path if "://" in repo_url else repo_url.partition(":")[2] or repo_url
    return path.strip("/").removesuffix(".git")


def _token(text: str) -> str:
    token = text.strip()
    if not token or len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidRequest(
            f"token must have 1 to {_LONGEST_TOKEN} characters without blanks", hint="write it alone into the file"
        )
    return token


def _forge_of(view: View, project_id: int) -> ForgeRecord:
    forge = get_project(view, project_id).forge
    if forge is None:
        raise NotFound("forge", hint="`cictl projects forge set` sets it")
    return forge


def _shown(view: View, forge: ForgeRecord, project_id: int) -> Forge:
    waiting = [status for status in view.statuses.iter_all() if status.project_id == project_id]
    failing = [status for status in waiting if status.problem]
    newest = max(failing, key=lambda status: status.run, default=None)
    return Forge(
        kind=forge.kind,
        api=forge.api,
        repository=forge.repository,
        waiting=sum(not status.is_refused for status in waiting),
        problem=newest.problem if newest else "",
        problem_utc=newest.failing_since if newest else None,
    )
