"""The agent's credentials: which variables hold some, and how they stay out of what other processes can read."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from cictl.base.system.environment import has_servers_data, without_data_access
from cictl.base.urls import without_user_infos

_OURS = re.compile(r"(CICTL|CIWI)_(?P<name>.+)", re.IGNORECASE)
_PRIVATE = re.compile(r"(VAULT_|UPDATE_|TOKEN|STORE$)|.*(TOKEN|SECRET|PASSWORD|CREDENTIAL|PRIVATE_KEY)", re.IGNORECASE)
"""What may hold a credential of the agent, without its prefix: its token, those of release servers, and whatever has such a name.
Vault's secret ids and the URL of the database belong to the server, but an agent that is started in the server's environment inherits them."""
_INDEXES = frozenset(
    {
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
        "UV_INDEX",
        "UV_INDEX_URL",
    }
)
"""Variables of package managers with one URL or several, which may hold a login."""

_HANDOVER = "CICTL_AGENT_CREDENTIALS_FD"
"""The descriptor from which an agent that was begun anew reads what the first one has put away."""


def without_credentials(env: Mapping[str, str]) -> dict[str, str]:
    """Return *env* without the variables that hold a credential of the agent. URLs of servers and indexes lose their logins.

    An agent that is started in the environment of a server also loses what leads to the data of that.
    """
    own = without_data_access(env) if has_servers_data(env) else env
    return {name: _public(name, value) for name, value in own.items() if not _is_private(name)}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the agent was started with.

    Attributes:
        variables: The environment, credentials included.
        server: The server's URL as the command line has it, with its login.
    """

    variables: dict[str, str]
    server: str


def put_away(environ: MutableMapping[str, str], *, server: str) -> Settings:
    """Return the agent's settings, and leave no credential in *environ*. Call it first, in `os.environ`.

    Linux shows the environment and the command line that a process began with to all processes of its account, so to the
    steps of jobs, whatever the process removes later. So a process that began with credentials there begins anew, without
    them, in its place: it has the same id, and reads them from a file without a name. Windows can't do that, and shows them
    to nobody but debuggers.
    """
    if descriptor := environ.pop(_HANDOVER, ""):
        with os.fdopen(int(descriptor)) as file:
            handed = Settings(**json.load(file))
        return Settings(variables={**environ, **handed.variables}, server=handed.server)
    public = without_credentials(environ)
    settings = Settings(variables=dict(environ), server=server)
    hidden = {name: value for name, value in environ.items() if value and public.get(name) != value}
    arguments = [without_user_infos(argument) for argument in sys.orig_argv]
    if os.name != "nt" and (hidden or arguments != sys.orig_argv):
        _begin_anew(arguments, public, Settings(variables=hidden, server=server))
    environ.clear()
    environ.update(public)
    return settings


def _begin_anew(arguments: list[str], public: Mapping[str, str], handed: Settings) -> None:
    descriptor = _nameless()
    with os.fdopen(os.dup(descriptor), "w") as file:
        json.dump(asdict(handed), file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.set_inheritable(descriptor, True)
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, *arguments[1:]]
    os.execve(sys.executable, command, {**public, _HANDOVER: str(descriptor)})  # noqa: S606 # nosec B606 # this program itself


def _nameless() -> int:
    """Return the descriptor of a file without a name. It is in memory where Python knows `memfd_create`."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("credentials")
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    return descriptor


@cache
def _is_private(name: str) -> bool:
    ours = _OURS.fullmatch(name)
    return ours is not None and _PRIVATE.match(ours["name"]) is not None


def _public(name: str, value: str) -> str:
    """Return a variable's value, without logins if it has URLs of ours or of an index."""
    return without_user_infos(value) if _may_be_url(name) else value


@cache
def _may_be_url(name: str) -> bool:
    return name in _INDEXES or _OURS.fullmatch(name) is not None
