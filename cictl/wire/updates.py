"""Updating and restarting the server."""

from __future__ import annotations

from cictl.wire.codec import Message

UPDATE_STILL_RUNNING = "update still running; see /api/v1/update/status"
SERVER_IS_UPDATING = "server is updating"
"""Why no lease is given between the moment a staged version is asked for and the start of that version."""


class UpdateCheck(Message):
    """`POST update/check`; what could not be found out is in `message`.

    Attributes:
        update_available: The latest release is newer than what runs.
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
    """What came of an update until now.

    Attributes:
        updated: Another version was asked for, and will run soon.
        target, target_version: The same, under both names that clients know; empty while it is not known yet.
        staged: Whoever watches the server switches versions.
    """

    updated: bool
    message: str
    target: str = ""
    target_version: str = ""
    current_version: str = ""
    staged: bool = False


class UpdateTags(Message):
    """`GET update/tags`: versions that can be had, the newest first; the running one is among them."""

    tags: list[str]
    current_version: str


class UpdateStatus(Message):
    """`GET update/status`: a map of texts, `update_…` and `agent_update_target`."""

    status: dict[str, str]


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
    """What `MESSAGE` said when `STATUS` last changed. A later check for releases, or a restart, overwrites `MESSAGE`."""
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
