"""Health and identity of the server."""

from __future__ import annotations

import falcon

from cictl.wire.admin.server import Health, Readiness, RuntimeState, ServerInfo, ServerList
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.access.authentication import find_principal
from cictl_server.services import Services

_OK = Health(status="ok")


class HealthResource:
    """`/healthz`"""

    def __init__(self, _services: Services) -> None:
        """Take the services like every resource, but use none."""

    @api(answers={200: Health})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer, and check nothing else."""
        media.write(resp, _OK)


class ReadinessResource:
    """`/readyz`"""

    def __init__(self, services: Services) -> None:
        self._readiness = services.about.readiness

    @api(answers={200: Readiness, 503: Readiness})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Tell whether the server can do its work: 200 if every check passes, else 503 with the failures.

        The checks are `serving` (it is not stopping), `store` (changes are accepted), `disk` (it is not full),
        `maintenance` (leases expire, and lost agents are noticed) and `secrets` (it has the keys that other servers on the same
        data seal with).
        """
        found = self._readiness.examine()
        media.write(resp, found, status=200 if found.ready else 503)


class ServerInfoResource:
    """`/api/v1/server-info`"""

    def __init__(self, services: Services) -> None:
        self._runtime = services.about.runtime
        self._authentication = services.access.authentication

    @api(answers={200: ServerInfo})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the identity and the features of the server; only what strangers may know if a token is wanted and missing."""
        is_known = not self._authentication.is_on or find_principal(req, self._authentication) is not None
        media.write(resp, self._runtime.info() if is_known else self._runtime.public_info())


class ServersResource:
    """`/api/v1/servers`"""

    def __init__(self, services: Services) -> None:
        self._runtime = services.about.runtime

    @api(answers={200: ServerList})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """List the servers that work on the same data, the oldest first, and which of them does the background work."""
        media.write(resp, self._runtime.servers())


class RuntimeStateResource:
    """`/api/v1/runtime-state`"""

    def __init__(self, services: Services) -> None:
        self._runtime = services.about.runtime

    @api(answers={200: RuntimeState})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Return the condition of the server and the numbers of its agents."""
        media.write(resp, self._runtime.state())
