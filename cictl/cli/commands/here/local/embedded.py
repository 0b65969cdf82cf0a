"""A server and an agent inside this process, for as long as a block lasts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cictl.base.log_output import LogFormatter
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.installation.versions import running_tag
from cictl.wire.admin.access import Role, TokenRequest
from cictl_agent.agent import Agent
from cictl_agent.config import AgentConfig
from cictl_agent.threaded import AgentThread
from cictl_client import Client
from cictl_server.errors import CictlError
from cictl_server.serve import Server, ServerConfig
from cictl_server.services.access.first_token import FILE as FIRST_TOKEN_FILE
from cictl_server.services.access.first_token import make_first_token
from cictl_server.threaded import serving

_BEAT_SECONDS = 0.5
"""An order or a question of a server beside it, such as for a tool that a job requires, reaches the agent so soon."""


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """What runs here, and how to reach it.

    Attributes:
        url: The server's, on the loopback.
        token_file: Holds the token of an admin. Nobody gets in without one, also not another user of this machine.
    """

    url: str
    token_file: Path

    @property
    def token(self) -> str:
        return self.token_file.read_text().strip()


@contextmanager
def embedded(
    data_dir: Path,
    work_dir: Path,
    *,
    agent_id: str = "here",
    variables: Mapping[str, str] | None = None,
    is_for_one_run: bool = False,
) -> Iterator[Embedded]:
    """Run a server on *data_dir* and one agent in *work_dir*. What they log is in `server.log` below *data_dir*.

    At the end of the block jobs that still run are stopped, with all that they started. A second Ctrl-C then kills them.

    Args:
        variables: What the agent gives to all jobs.
        is_for_one_run: Nobody else is there. No Vault is asked: the server's own secrets stand for those of steps with a `vault`
            block. And no job waits for an approval: whoever starts the run lets it begin.

    Raises:
        Failure: The server can't start.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with _logging_to(data_dir / "server.log"), _serving(data_dir, is_for_one_run=is_for_one_run) as here:
        with Client(here.url, token=here.token) as client:
            request = TokenRequest(name=f"agent {agent_id}", role=Role.AGENT, agent_id=agent_id)
            token = client.create_token(request).token
        config = AgentConfig(
            agent_id=agent_id, work_dir=work_dir, server_url=here.url, token=token, variables=variables or {}
        )
        agent = AgentThread(Agent(config, heartbeat_seconds=_BEAT_SECONDS))
        try:
            yield here
        finally:
            agent.stop()


@contextmanager
def _serving(data_dir: Path, *, is_for_one_run: bool) -> Iterator[Embedded]:
    config = ServerConfig(
        data_dir=data_dir,
        port=0,
        version=running_tag(),
        has_vaults=not is_for_one_run,
        asks_approvals=not is_for_one_run,
    )
    with ExitStack() as stack:
        try:
            server = stack.enter_context(serving(config, prepare=partial(_make_token, data_dir)))
        except (CictlError, OSError) as error:
            raise Failure(f"no server can start here: {error}", exit_code=ExitCode.ERROR, code="no_server") from error
        yield Embedded(url=server.url, token_file=data_dir / FIRST_TOKEN_FILE)


def _make_token(data_dir: Path, server: Server) -> None:
    """Make the token without which nobody gets in."""
    make_first_token(server.services.access.tokens, data_dir, host="this machine")


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    """Write what server and agent log to *file*, and nothing of it to the terminal."""
    handler = logging.FileHandler(file)
    handler.setFormatter(LogFormatter())
    root = logging.getLogger()
    former = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(former)
        handler.close()
