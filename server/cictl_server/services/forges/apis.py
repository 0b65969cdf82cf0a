"""How each forge is told of a commit: the request, and what its answers mean.

| forge | documentation |
| --- | --- |
| GitHub | https://docs.github.com/en/rest/commits/statuses |
| Gitea, Forgejo | https://docs.gitea.com/api, `repoCreateStatus` |
| GitLab | https://docs.gitlab.com/api/commits/#set-commit-pipeline-status |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

import msgspec

from cictl.wire.forges import ForgeKind
from cictl.wire.runs import RunStatus


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a forge is told: how the newest run of a pipeline stands for a commit.

    Attributes:
        context: The same for each run of a pipeline: what the forge shows one status for.
        ref: The branch or tag that was built, always the same for a run: another one begins a new pipeline in GitLab.
        url: Where people read more.
        description: A few words.
    """

    sha: str
    context: str
    ref: str
    status: RunStatus
    url: str
    description: str


class ForgeCall(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a forge. `body` is JSON; without one it is a GET."""

    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class ForgeApi(msgspec.Struct, frozen=True, kw_only=True):
    """The API of one kind of forge.

    Attributes:
        states: What it calls each status.
        token_headers: Returns the headers that show a token.
        repository_url: Returns the URL of a repository, from that of the API and `OWNER/NAME`.
        fields: Returns the fields of a status.
        known_answer: Part of the refusal of a status that the forge has already; empty if it takes the same again.
    """

    states: Mapping[RunStatus, str]
    token_headers: Callable[[str], dict[str, str]]
    repository_url: Callable[[str, str], str]
    fields: Callable[[Told, str], dict[str, str]]
    known_answer: str = ""

    def set_status(self, api: str, repository: str, token: str, told: Told) -> ForgeCall:
        """Return the request that tells the forge."""
        url = f"{self.repository_url(api, repository)}/statuses/{told.sha}"
        body = msgspec.json.encode(self.fields(told, self.states[told.status]))
        return ForgeCall(url=url, headers={**self.token_headers(token), "Content-Type": "application/json"}, body=body)

    def show_repository(self, api: str, repository: str, token: str) -> ForgeCall:
        """Return the request that shows whether the forge knows the repository and the token."""
        return ForgeCall(url=self.repository_url(api, repository), headers=self.token_headers(token))


def _states(*, pending: str, running: str, success: str, failure: str, cancelled: str) -> dict[RunStatus, str]:
    return {
        RunStatus.QUEUED: pending,
        RunStatus.WAITING_APPROVAL: pending,
        RunStatus.RUNNING: running,
        RunStatus.SUCCEEDED: success,
        RunStatus.FAILED: failure,
        RunStatus.CANCELLED: cancelled,
    }


_WITHOUT_RUNNING = _states(
    pending="pending", running="pending", success="success", failure="failure", cancelled="error"
)


def _of_owner(api: str, repository: str) -> str:
    return f"{api}/repos/{quote(repository)}"


def _of_number_or_path(api: str, repository: str) -> str:
    return f"{api}/projects/{quote(repository, safe='')}"


def _context_fields(told: Told, state: str) -> dict[str, str]:
    return {"state": state, "context": told.context, "target_url": told.url, "description": told.description}


def _name_fields(told: Told, state: str) -> dict[str, str]:
    return {
        "state": state,
        "name": told.context,
        "ref": told.ref,
        "target_url": told.url,
        "description": told.description,
    }


APIS: Mapping[ForgeKind, ForgeApi] = {
    ForgeKind.GITHUB: ForgeApi(
        states=_WITHOUT_RUNNING,
        token_headers=lambda token: {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        repository_url=_of_owner,
        fields=_context_fields,
    ),
    ForgeKind.GITEA: ForgeApi(
        states=_WITHOUT_RUNNING,
        token_headers=lambda token: {"Authorization": f"token {token}"},
        repository_url=_of_owner,
        fields=_context_fields,
    ),
    ForgeKind.GITLAB: ForgeApi(
        states=_states(pending="pending", running="running", success="success", failure="failed", cancelled="canceled"),
        token_headers=lambda token: {"PRIVATE-TOKEN": token},
        repository_url=_of_number_or_path,
        fields=_name_fields,
        known_answer="Cannot transition status via",
    ),
}
