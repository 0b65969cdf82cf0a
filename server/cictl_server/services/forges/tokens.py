"""The token of a project's forge, which the server keeps sealed for its own use."""

from __future__ import annotations

from cictl_server.services.forges.posting import ForgeAway
from cictl_server.services.secrets.own.secrets import OwnSecretService
from cictl_server.store.contract import View

FORGE_TOKEN = "forge token"  # noqa: S105 # nosec B105 # its name


def kept_token(secrets: OwnSecretService, view: View, project_id: int) -> str:
    """Return the token for the forge of a project.

    Raises:
        ForgeAway: It can't be opened here.
    """
    token = secrets.kept(view, FORGE_TOKEN, project_id=project_id)
    if not token:
        raise ForgeAway("its token can't be opened with the keys of this server; set it again")
    return token
