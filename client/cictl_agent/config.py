"""What an agent is told before it starts."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

DEFAULT_SERVER = "http://127.0.0.1:8112"
DEFAULT_WORK_DIR = Path(".cictl-agent/work")

_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


class ConfigError(Exception):
    """A setting can't be used; the text names it."""


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """The settings of one agent.

    Attributes:
        server_url: Base URL; its user info, if any, becomes Basic authentication.
        work_dir: Absolute. Workspaces, caches and logs on their way live below it; one agent at a time uses it.
        trace_shell: Whether steps run under `set -x`; jobs with secrets never do.
        verbose_go: Whether steps get `GOFLAGS=-v` when nothing sets GOFLAGS.
    """

    agent_id: str
    work_dir: Path
    server_url: str = DEFAULT_SERVER
    token: str | None = field(default=None, repr=False)
    trace_shell: bool = True
    verbose_go: bool = True

    @property
    def shown_server(self) -> str:
        """The server's URL without user info, fit for messages."""
        return without_user_info(self.server_url)

    @property
    def cache_dir(self) -> Path:
        return self.work_dir / "cache"

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
) -> AgentConfig:
    """Return the settings: flag, then `CICTL_*`, then `CIWI_*`, then default.

    Raises:
        ConfigError: The server's URL is unusable, or the token file can't be read.
    """
    url = (server or _variable(env, "SERVER_URL") or DEFAULT_SERVER).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"not an http or https URL: {without_user_info(url)!r}")
    chosen_dir = work_dir or Path(_variable(env, "AGENT_WORKDIR") or DEFAULT_WORK_DIR)
    return AgentConfig(
        server_url=url,
        agent_id=agent_id or _variable(env, "AGENT_ID") or default_agent_id(),
        work_dir=chosen_dir.expanduser().absolute(),
        token=_token(env, token_file),
        trace_shell=_flag(env, "AGENT_TRACE_SHELL", default=True),
        verbose_go=_flag(env, "AGENT_GO_BUILD_VERBOSE", default=True),
    )


def default_agent_id() -> str:
    return f"agent-{socket.gethostname().strip() or 'unknown'}"


def without_user_info(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _variable(env: Mapping[str, str], name: str) -> str:
    return env.get(f"CICTL_{name}", "").strip() or env.get(f"CIWI_{name}", "").strip()


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Read a truth value; a word that is none counts as not given."""
    word = _variable(env, name).lower()
    return True if word in _YES else False if word in _NO else default


def _token(env: Mapping[str, str], token_file: Path | None) -> str | None:
    """Return the token: a file that was named by flag wins over the environment."""
    if token_file is None and (token := env.get("CICTL_TOKEN", "").strip()):
        return token
    named = token_file or (Path(path) if (path := env.get("CICTL_TOKEN_FILE", "").strip()) else None)
    if named is None:
        return None
    try:
        return named.expanduser().read_text().strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token file {named}: {error}") from error
