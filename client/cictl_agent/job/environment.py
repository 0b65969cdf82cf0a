"""The environment of a job's processes: what they inherit from the agent, and what the job adds."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cictl.base.urls import without_user_infos
from cictl.wire.jobs import JobExecution
from cictl_agent.config import AgentConfig
from cictl_agent.job.variables import all_names, variables_of
from cictl_agent.system.platforms import Platform
from cictl_agent.system.processes import JOB_VARIABLE

_OURS = re.compile(r"(CICTL|CIWI)_(?P<name>.+)", re.IGNORECASE)
_PRIVATE = re.compile(r"(VAULT_|UPDATE_|TOKEN)|.*(TOKEN|SECRET|PASSWORD|CREDENTIAL|PRIVATE_KEY)", re.IGNORECASE)
"""What may hold a credential of the agent, without its prefix: its token, those of release servers, and whatever has such a name.
Vault's secret ids belong to the server, but an agent that is started in the server's environment inherits them."""
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
_OF_A_REPOSITORY = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CEILING_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
"""Variables that name a repository. An agent that a git hook starts has them, and with them every git of its jobs would work
on the hook's repository. How git connects (`GIT_SSH_COMMAND`, `GIT_SSL_CAINFO`, …) is still the agent's to say."""


def inherited_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the agent's environment without its credentials, and without the repository and the job it was started in.

    URLs of servers and of package indexes lose their logins.
    """
    left_out = {*_OF_A_REPOSITORY, *all_names()}
    return {name: _public(name, value) for name, value in env.items() if name not in left_out and not _is_private(name)}


def _is_private(name: str) -> bool:
    ours = _OURS.fullmatch(name)
    return ours is not None and _PRIVATE.match(ours["name"]) is not None


def _public(name: str, value: str) -> str:
    """Return a variable's value, without logins if it has URLs of ours or of an index."""
    return without_user_infos(value) if name in _INDEXES or _OURS.fullmatch(name) else value


def job_environment(
    env: Mapping[str, str], job: JobExecution, config: AgentConfig, caches: Mapping[str, str], platform: Platform
) -> dict[str, str]:
    """Return the environment of all steps: the agent's, what is known of the job, the job's own, its caches; the later win.

    Each `CIWI_X` of the job is also set as `CICTL_X`. For a container *env* is empty: nothing of the agent's is seen there.
    """
    twins = {f"CICTL_{k.removeprefix('CIWI_')}": v for k, v in job.env.items() if k.startswith("CIWI_")}
    result = platform.merge(
        inherited_environment(env), variables_of(job), twins, job.env, caches, {JOB_VARIABLE: job.id}
    )
    if config.verbose_go and not result.get("GOFLAGS"):
        result["GOFLAGS"] = "-v"
    return result
