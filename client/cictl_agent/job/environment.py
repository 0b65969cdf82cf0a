"""The environment of a job's processes."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.base.urls import without_user_info
from cictl.wire.jobs import JobExecution
from cictl.wire.vault import SECRET_ID_PREFIXES
from cictl_agent.config import AgentConfig
from cictl_agent.system.platforms import Platform
from cictl_agent.system.processes import JOB_VARIABLE

_PRIVATE = ("CIWI_GITHUB_TOKEN", "CICTL_GITHUB_TOKEN")
_PRIVATE_PREFIXES = ("CICTL_TOKEN", *SECRET_ID_PREFIXES)
"""Secret ids of Vault are the server's; an agent that somebody starts beside it inherits them."""
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
"""Variables that name a repository: that of the directory in which somebody started the agent, from a hook perhaps. With them
every git of a job would work on that one. How git connects (`GIT_SSH_COMMAND`, `GIT_SSL_CAINFO`, …) stays the agent's to say."""

_SERVER_URLS = ("CICTL_SERVER_URL", "CIWI_SERVER_URL")


def inherited_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the agent's own environment without its credentials, and without the repository that it was started in."""
    left_out = {*_PRIVATE, *_OF_A_REPOSITORY}
    kept = {k: v for k, v in env.items() if k not in left_out and not k.startswith(_PRIVATE_PREFIXES)}
    for name in _SERVER_URLS:
        if name in kept:
            kept[name] = without_user_info(kept[name])
    return kept


def job_environment(
    env: Mapping[str, str], job: JobExecution, config: AgentConfig, caches: Mapping[str, str], platform: Platform
) -> dict[str, str]:
    """Return what all steps of a job see: the agent's environment, the job's, its caches, in that order.

    Each `CIWI_X` of the job has a twin `CICTL_X`. In a container nothing of the agent's is seen: there *env* is empty.
    """
    twins = {f"CICTL_{k.removeprefix('CIWI_')}": v for k, v in job.env.items() if k.startswith("CIWI_")}
    result = platform.merge(inherited_environment(env), twins, job.env, caches, {JOB_VARIABLE: job.id})
    if config.verbose_go and not result.get("GOFLAGS"):
        result["GOFLAGS"] = "-v"
    return result
