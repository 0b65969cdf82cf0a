"""Updating and restarting the server."""

from __future__ import annotations

import msgspec

from cictl.wire.codec import Message

UPDATE_STILL_RUNNING = "update still running; see /api/v1/update/status"
SERVER_IS_UPDATING = "server is updating"
"""The lease message from the moment that a switch to a staged version is requested until that version runs."""


class UpdateCheck(Message):
    """`POST update/check`. If the check failed, `message` says why.

    Attributes:
        update_available: The latest release is newer than the running version.
    """

    current_version: str
    update_available: bool
    latest_version: str = ""
    release_url: str = ""
    asset_name: str = ""
    message: str = ""


class UpdateRequest(Message):
    """`POST update/apply` and `update/rollback`. An update without a target goes to the latest release."""

    target_version: str = ""


class UpdateAnswer(Message):
    """How far an update or a rollback has come.

    Attributes:
        updated: A switch to another version was requested; that version will run soon.
        target, target_version: The tag, under both names that clients know. Empty while it is not known yet.
        staged: The version is installed; the updater switches to it.
    """

    updated: bool
    message: str
    target: str = ""
    target_version: str = ""
    current_version: str = ""
    staged: bool = False


class UpdateTags(Message):
    """`GET update/tags`: the released versions, newest first, and the running one among them."""

    tags: list[str]
    current_version: str


class ServerUpdates(Message):
    """The updates of another server on the same data (ours)."""

    instance_id: str
    name: str
    status: dict[str, str]


class UpdateStatus(Message):
    """`GET update/status`: a map of texts. Its keys are `update_…` and `agent_update_target`.

    Attributes:
        servers: The other servers on the same data, as far as is known (ours).
    """

    status: dict[str, str]
    servers: list[ServerUpdates] = msgspec.field(default_factory=list)


class Restarting(Message):
    """`POST server/restart`; the message tells how the server comes back."""

    restarting: bool
    message: str


class UpdateKey:
    """The keys of `GET update/status`, whose answer is a map of texts."""

    CURRENT = "update_current_version"
    LATEST = "update_latest_version"
    AVAILABLE = "update_available"
    RELEASE_URL = "update_release_url"
    ASSET_NAME = "update_asset_name"
    LAST_CHECKED = "update_last_checked_utc"
    MESSAGE = "update_message"
    APPLIED = "update_last_apply_utc"
    STATUS = "update_last_apply_status"
    REASON = "update_last_apply_message"
    """What `MESSAGE` said when `STATUS` was last written. A later check for releases, or a restart, overwrites `MESSAGE`."""
    TARGET = "update_target_version"
    RELOAD_PENDING = "update_reload_projects_pending"
    RELOAD_MESSAGE = "update_reload_message"
    MODE = "update_server_mode"
    SUPPORTED = "update_server_self_update_supported"
    UNSUPPORTED_REASON = "update_server_self_update_reason"
    AGENT_TARGET = "update_agent_target_version"
    UNABLE_AGENTS = "update_agent_non_service_agents"
    PHASE = "update_phase"
    PREVIOUS = "update_previous_version"
    ROLLBACK_VERSIONS = "update_rollback_versions"
