"""Calls that restart and update the server."""

from __future__ import annotations

from cictl.wire.admin.updates import Restarting, UpdateAnswer, UpdateCheck, UpdateRequest, UpdateStatus, UpdateTags
from cictl.wire.codec import encode
from cictl_client.calls.calls import Calls

_UPDATE_SECONDS = 90.0
"""The server repeats its search for releases after passing faults, and waits 25 s for a version to be installed."""


class UpdateCalls(Calls):
    """Restarting and updating the server."""

    def restart_server(self) -> Restarting:
        """Restart the server; `Conflict` while it updates. The restarted one has another `instance_id`."""
        return self._mutations.post(Restarting, "/api/v1/server/restart")

    def check_for_update(self) -> UpdateCheck:
        """Let the server look for a newer release. If it could not, `message` says why."""
        return self._transport.post(UpdateCheck, "/api/v1/update/check", timeout=_UPDATE_SECONDS)

    def apply_update(self, target_version: str = "") -> UpdateAnswer:
        """Begin to update the server, by default to the latest release; `get_update_status` tells how that goes on.

        Raises:
            UpdateUnavailable: The server's installation can't update itself.
            Conflict: An update is in progress.
            UpdateFailed: The version can't run there.
        """
        request = UpdateRequest(target_version=target_version)
        return self._mutations.post(UpdateAnswer, "/api/v1/update/apply", encode(request), timeout=_UPDATE_SECONDS)

    def rollback_update(self, target_version: str) -> UpdateAnswer:
        """Let the server go back to a version; raise as `apply_update` does."""
        request = UpdateRequest(target_version=target_version)
        return self._mutations.post(UpdateAnswer, "/api/v1/update/rollback", encode(request), timeout=_UPDATE_SECONDS)

    def list_update_tags(self) -> UpdateTags:
        """Return the versions that the server could run, newest first."""
        return self._transport.get(UpdateTags, "/api/v1/update/tags")

    def get_update_status(self) -> dict[str, str]:
        """Return the state of the server's updates, by the names that the API's reference lists."""
        return self.get_server_updates().status

    def get_server_updates(self) -> UpdateStatus:
        """Return the same with what is known of the updates of other servers on the same data."""
        return self._transport.get(UpdateStatus, "/api/v1/update/status")
