"""What a path names must exist before its method or body matters."""

from __future__ import annotations

import falcon

from cictl_server.errors import NotFound
from cictl_server.resources import media
from cictl_server.resources.jobs import ClearQueueResource, FlushHistoryResource
from cictl_server.resources.vault import VaultTestResource
from cictl_server.services import Services


class Targets:
    """Answers for pipelines and chains that are not there, or can't be run, before anything else is looked at.

    So a wrong method on an id that does not exist is 404, not 405. And where only POST has a meaning of its own, GET and
    DELETE take the word for the id of an execution, and there is none.
    """

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, resource: object, params: dict[str, str]
    ) -> None:
        if "pipeline_id" in params:
            self._projects.check_pipeline(media.path_id(params["pipeline_id"], noun="pipeline"))
        elif "chain_id" in params:
            self._projects.check_chain(media.path_id(params["chain_id"], noun="pipeline chain"))
        elif "connection_id" in params:
            if not params["connection_id"]:
                raise falcon.HTTPNotFound
            media.path_id(params["connection_id"], noun="vault connection")
            if isinstance(resource, VaultTestResource) and req.method != "POST":
                raise falcon.HTTPNotFound
        elif req.method in ("GET", "DELETE") and isinstance(resource, ClearQueueResource | FlushHistoryResource):
            raise NotFound("job")
