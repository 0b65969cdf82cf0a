"""Updates of the server, and its restart."""

from __future__ import annotations

import falcon

from cictl.wire.admin.updates import Restarting, UpdateAnswer, UpdateCheck, UpdateRequest, UpdateStatus, UpdateTags
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.services import Services

_UNFIT = "no such version, a release that is not whole, or an installation that can't update itself"
_BUSY = "another update is in progress"
_BROKEN = "the version could not be installed, or does not work here; the server goes on as it was"


class UpdateCheckResource:
    """`/api/v1/update/check`"""

    def __init__(self, services: Services) -> None:
        self._updates = services.updates.update

    @api(answers={200: UpdateCheck}, takes_key=False)
    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Look for a newer release.

        It works however the server was installed. If the releases can't be read, `message` in the answer says why.
        """
        media.write(resp, self._updates.check())


class UpdateApplyResource:
    """`/api/v1/update/apply`"""

    def __init__(self, services: Services) -> None:
        self._updates = services.updates.update

    @api(request=UpdateRequest, answers={200: UpdateAnswer, 202: UpdateAnswer, 400: _UNFIT, 409: _BUSY, 500: _BROKEN})
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Update the server, by default to the latest release.

        The version is installed beside the running one and tried on a copy of the data. Then the server switches to it,
        and back if it is not healthy; `update/status` tells the result. 202 means that it is still being installed. The
        update goes on if the client hangs up.
        """
        request = media.read(req, UpdateRequest, empty_is_null=True)
        answer = self._updates.apply(request)
        media.write(resp, answer or self._updates.still_running(request), status=200 if answer else 202)


class UpdateRollbackResource:
    """`/api/v1/update/rollback`"""

    def __init__(self, services: Services) -> None:
        self._updates = services.updates.update

    @api(request=UpdateRequest, answers={200: UpdateAnswer, 202: UpdateAnswer, 400: _UNFIT, 409: _BUSY, 500: _BROKEN})
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Go back to another version of the server.

        This works like an update, but a version that is still installed is used as it is and needs no network. The data
        stays as it is: a version that can't open it is refused.
        """
        request = media.read(req, UpdateRequest, empty_is_null=True)
        answer = self._updates.rollback(request)
        media.write(resp, answer or self._updates.still_running(request), status=200 if answer else 202)


class UpdateTagsResource:
    """`/api/v1/update/tags`"""

    def __init__(self, services: Services) -> None:
        self._updates = services.updates.update

    @api(
        answers={200: UpdateTags, 400: "the releases can't be had, and no other version is installed"},
        costs_work=True,
    )
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """List the versions that can be installed: those with a release, and those that are installed already."""
        media.write(resp, self._updates.list_tags())


class UpdateStatusResource:
    """`/api/v1/update/status`"""

    def __init__(self, services: Services) -> None:
        self._updates = services.updates.update

    @api(answers={200: UpdateStatus})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Return the running, the latest and the requested version, and how far an update is.

        An update is that of the server that is asked. What is known of others on the same data is in `servers`.
        """
        media.write(resp, self._updates.status())


class RestartResource:
    """`/api/v1/server/restart`"""

    def __init__(self, services: Services) -> None:
        self._restarting = services.updates.restart

    @api(answers={200: Restarting, 409: _BUSY})
    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Restart the server.

        Answers under way are finished first. Under a service manager the process ends, and the manager starts it again;
        elsewhere it starts itself again with the same options.
        """
        media.write(resp, self._restarting.restart())
