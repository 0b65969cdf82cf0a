"""Health and identity of the server."""

from __future__ import annotations

import falcon

from cictl.wire.server import Health
from cictl_server.resources import media
from cictl_server.services import Services

_OK = Health(status="ok")


class HealthResource:
    """`/healthz`"""

    def __init__(self, _services: Services) -> None:
        """Take the services as every resource does, and look at none of them."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """GET: 200 `{"status":"ok"}`; looks at nothing else."""
        media.write(resp, _OK)


class ServerInfoResource:
    """`/api/v1/server-info`"""

    def __init__(self, services: Services) -> None:
        self._runtime = services.runtime

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """GET: 200 ServerInfo."""
        media.write(resp, self._runtime.info())


class RuntimeStateResource:
    """`/api/v1/runtime-state`"""

    def __init__(self, services: Services) -> None:
        self._runtime = services.runtime

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """GET: 200 RuntimeState."""
        media.write(resp, self._runtime.state())
