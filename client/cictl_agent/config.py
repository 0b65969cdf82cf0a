"""The settings of an agent, and where they come from. Files of settings are in `envfile`."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cictl.base.names.agent_ids import RULE, is_agent_id
from cictl.base.names.labels import LabelError, parse_labels
from cictl.base.system.environment import find_setting, setting
from cictl.base.urls import split_http, without_user_info
from cictl.base.web.trust import NO_FILES, TlsFiles, tls_files
from cictl.wire.agents import MOST_SLOTS
from cictl.wire.words import DEFAULT_SERVER
from cictl_agent.log.file_listing import Level, Listing
from cictl_agent.system.platforms import Platform
from cictl_agent.system.service_managers import Service, Supervisor

DEFAULT_WORK_DIR = Path(".cictl-agent/work")
_BY_EXIT = "exit"
_DIGEST_LENGTH = 8

_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


class ConfigError(Exception):
    """A setting can't be used; the text names the setting."""


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """The settings of one agent.

    Attributes:
        server_url: Base URL; its user info, if any, becomes Basic authentication.
        work_dir: Absolute. Holds workspaces, caches and logs that are not delivered yet; one agent at a time uses it.
        tls: The certificates to trust, and to show to the server.
        enrolment_file: Holds an enrolment token, which the agent trades once for a token of its own.
        labels: What the operator says that it offers, by key; jobs ask for them in `runs_on`.
        variables: What all jobs get, also those in containers; a variable of the job's own wins.
        looks_for_tools: Whether it looks for tools that the server asks about.
        trace_shell: Whether steps run under `set -x`; jobs with secrets never do.
        verbose_go: Whether steps get `GOFLAGS=-v` when nothing sets GOFLAGS.
        container_engine: Name or path of the engine's command; empty for docker, or podman where there is no docker.
        slots: How many jobs it runs at once.
        service: The service that starts this agent anew when it ends; None without one.
        artifact_listing: How much the log tells of the artifacts that are kept.
        dependency_listing: How much it tells of the artifacts that are restored.
    """

    agent_id: str
    work_dir: Path
    server_url: str = DEFAULT_SERVER
    token: str | None = field(default=None, repr=False)
    tls: TlsFiles = NO_FILES
    enrolment_file: Path | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    looks_for_tools: bool = True
    trace_shell: bool = False
    verbose_go: bool = True
    container_engine: str = ""
    slots: int = 1
    service: Service | None = None
    artifact_listing: Listing = field(default_factory=Listing)
    dependency_listing: Listing = field(default_factory=Listing)

    @property
    def shown_server(self) -> str:
        """The server's URL without user info, fit for messages."""
        return without_user_info(self.server_url)

    @property
    def cache_dir(self) -> Path:
        return self.work_dir / "cache"

    @property
    def containers_dir(self) -> Path:
        """Holds an empty file for each container that must be removed; the file has the container's name."""
        return self.work_dir / "containers"

    @property
    def workspaces_dir(self) -> Path:
        return self.work_dir / "workspaces"

    @property
    def spool_dir(self) -> Path:
        return self.work_dir / "spool"


def load_config(
    env: Mapping[str, str],
    *,
    server: str = "",
    agent_id: str = "",
    work_dir: Path | None = None,
    token_file: Path | None = None,
    ca_file: Path | None = None,
    enrolment_file: Path | None = None,
    slots: int | None = None,
    labels: Sequence[str] = (),
    service: Service | None = None,
) -> AgentConfig:
    """Return the settings. A flag wins over `CICTL_*`, that over `CIWI_*`, that over the default.

    Raises:
        ConfigError: The server's URL, the agent's id, the number of slots or a label is unusable, or the token file can't be read.
    """
    url = (server or setting(env, "SERVER_URL") or DEFAULT_SERVER).rstrip("/")
    try:
        split_http(url)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    directory = find_work_dir(env, work_dir)
    return AgentConfig(
        server_url=url,
        agent_id=_agent_id(agent_id or setting(env, "AGENT_ID") or default_agent_id(directory)),
        work_dir=directory,
        token=_token(env, token_file),
        tls=_tls(env, ca_file),
        enrolment_file=enrolment_file or _path(env, "ENROLL_TOKEN_FILE"),
        labels=_labels(env, labels),
        looks_for_tools=_flag(env, "AGENT_LOOK_FOR_TOOLS", default=True),
        trace_shell=_flag(env, "AGENT_TRACE_SHELL", default=False),
        verbose_go=_flag(env, "AGENT_GO_BUILD_VERBOSE", default=True),
        container_engine=setting(env, "CONTAINER_ENGINE"),
        slots=_slots(env, slots),
        service=service,
        artifact_listing=_listing(env, "ARTIFACT_LOG_LEVEL", "ARTIFACT_LOG_MAX_INCLUDE_LINES"),
        dependency_listing=_listing(env, "DEP_ARTIFACT_LOG_LEVEL", "DEP_ARTIFACT_LOG_MAX_RESTORED_LINES"),
    )


def find_service(env: Mapping[str, str], platform: Platform) -> Service | None:
    """Return what starts this agent anew when it ends: what a setting says, else what the platform sees.

    Raises:
        ConfigError: The setting has an unknown value.
    """
    word, variable = find_setting(env, "AGENT_RESTART")
    if not word:
        return platform.find_service(env, partial(setting, env))
    if word.lower() != _BY_EXIT:
        raise ConfigError(
            f"{variable} must be {_BY_EXIT!r}, for an agent that is started again whenever it ends, not {word!r}"
        )
    return Supervisor(f"{variable}={_BY_EXIT}")


def find_work_dir(env: Mapping[str, str], stated: Path | None) -> Path:
    """Return the absolute work directory, without `..` in it: *stated*, else the setting, else the default."""
    directory = (stated or Path(setting(env, "AGENT_WORKDIR") or DEFAULT_WORK_DIR)).expanduser()
    return Path(os.path.abspath(directory))  # noqa: PTH100 - not `resolve`: a link is the name that the user gave it


def default_agent_id(work_dir: Path) -> str:
    """Return `agent-HOSTNAME`; with a digest of the work directory for one that is not the default.

    So agents of one host that have directories of their own also have ids of their own.
    """
    name = f"agent-{socket.gethostname().strip() or 'unknown'}"
    if work_dir == DEFAULT_WORK_DIR.absolute():
        return name
    return f"{name}-{hashlib.sha256(str(work_dir).encode()).hexdigest()[:_DIGEST_LENGTH]}"


def _tls(env: Mapping[str, str], ca_file: Path | None) -> TlsFiles:
    """Return the files for TLS.

    Raises:
        ConfigError: A file is not there.
    """
    try:
        return tls_files(env, ca_file=str(ca_file or ""))
    except ValueError as error:
        raise ConfigError(f"{error} (--ca-file, CICTL_CA_FILE, CICTL_CLIENT_CERT, CICTL_CLIENT_KEY)") from error


def _agent_id(text: str) -> str:
    if not is_agent_id(text):
        raise ConfigError(f"the agent's id (--id, CICTL_AGENT_ID) {RULE}")
    return text


def _path(env: Mapping[str, str], name: str) -> Path | None:
    text = setting(env, name)
    return Path(text).expanduser() if text else None


def _slots(env: Mapping[str, str], stated: int | None) -> int:
    """Return how many jobs to run at once.

    Raises:
        ConfigError: It is no number from 1 to `MOST_SLOTS`.
    """
    text = setting(env, "AGENT_SLOTS") if stated is None else str(stated)
    if not text:
        return 1
    if not text.isdecimal() or not 1 <= int(text) <= MOST_SLOTS:
        raise ConfigError(f"the number of slots (--slots, CICTL_AGENT_SLOTS) must be 1 to {MOST_SLOTS}, not {text!r}")
    return int(text)


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Read a truth value; a word that is neither yes nor no counts as unset."""
    word = setting(env, name).lower()
    return True if word in _YES else False if word in _NO else default


def _listing(env: Mapping[str, str], level_name: str, lines_name: str) -> Listing:
    """Read how much to list; a value that can't be understood counts as unset."""
    default = Listing()
    level, lines = setting(env, level_name).lower(), setting(env, lines_name)
    return Listing(
        level=Level(level) if level in list(Level) else default.level,
        most_lines=int(lines) if lines.isdecimal() else default.most_lines,
    )


def _labels(env: Mapping[str, str], stated: Sequence[str]) -> dict[str, str]:
    """Return the labels: those *stated* by flags, else those of the setting."""
    text, variable = find_setting(env, "AGENT_LABELS")
    try:
        return parse_labels(stated or [text] * bool(text))
    except LabelError as error:
        raise ConfigError(f"{'--label' if stated else variable}: {error}") from error


def _token(env: Mapping[str, str], token_file: Path | None) -> str | None:
    """Return the token. A file that a flag names wins over the environment."""
    if token_file is None and (token := env.get("CICTL_TOKEN", "").strip()):
        return token
    named = token_file or (Path(path) if (path := env.get("CICTL_TOKEN_FILE", "").strip()) else None)
    if named is None:
        return None
    try:
        return named.expanduser().read_text().strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token file {named}: {error}") from error
