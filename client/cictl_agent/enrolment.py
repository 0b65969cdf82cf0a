"""The agent's own token: kept in its work directory, and got once for an enrolment token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cictl.base.system.files import write_private
from cictl_agent.config import AgentConfig, ConfigError
from cictl_client import Client, ClientError, RateLimited, Unauthenticated

FILE = "agent.token"
"""In the work directory; only the agent's user can read it."""


def with_own_token(config: AgentConfig) -> AgentConfig:
    """Return *config* with the token that the agent works with.

    Without an `enrolment_file` a token that is configured wins over the agent's own one. With one, the agent's own token
    counts, or is got now if there is none, or none that the server still takes.

    Raises:
        ConfigError: A file can't be read or written, or the server does not enrol this agent.
    """
    own = config.work_dir / FILE
    if config.enrolment_file is None:
        return replace(config, token=_read(own)) if not config.token and own.exists() else config
    if own.exists() and _is_taken(config, token := _read(own)):
        return replace(config, token=token)
    token = _enroll(config, _read(config.enrolment_file))
    try:
        config.work_dir.mkdir(parents=True, exist_ok=True)
        write_private(own, f"{token}\n".encode())
    except OSError as error:
        raise ConfigError(f"cannot keep the agent's token in {own}: {error.strerror or error}") from error
    return replace(config, token=token)


def _is_taken(config: AgentConfig, token: str) -> bool:
    """Tell whether the server takes *token*; one that can't be asked may."""
    try:
        with Client(config.server_url, token=token, retries=0, tls=config.tls, user_agent="cictl-agent") as client:
            client.whoami()
    except (Unauthenticated, RateLimited):
        return False
    except ClientError:
        return True
    return True


def _enroll(config: AgentConfig, secret: str) -> str:
    try:
        with Client(config.server_url, tls=config.tls, user_agent="cictl-agent") as client:
            return client.enroll(secret, config.agent_id).token
    except ClientError as error:
        hint = getattr(error, "hint", "")
        raise ConfigError(f"cannot enrol {config.agent_id}: {error}{f'; {hint}' if hint else ''}") from error


def _read(path: Path) -> str:
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token file {path}: {error}") from error
    if not token:
        raise ConfigError(f"the token file {path} is empty")
    return token
