"""The environment of a job's processes: what they inherit from the agent, and what the job adds."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.wire.jobs import JobExecution
from cictl_agent.config import AgentConfig
from cictl_agent.job.variables import JOB_TOKEN, SERVER_URL, all_names, variables_of
from cictl_agent.system.credentials import without_credentials
from cictl_agent.system.platforms import Platform
from cictl_agent.system.processes import JOB_VARIABLE

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
    """Return the agent's environment without its credentials, and without the repository and the job it was started in."""
    left_out = {*_OF_A_REPOSITORY, *all_names()}
    return {name: value for name, value in without_credentials(env).items() if name not in left_out}


def job_environment(
    env: Mapping[str, str],
    job: JobExecution,
    config: AgentConfig,
    places: Mapping[str, str],
    platform: Platform,
    *,
    job_token: str,
) -> dict[str, str]:
    """Return the environment of all steps: the agent's, what it gives to all jobs, what is known of the job, the job's own, then *places*; the later win.

    Each `CIWI_X` of the job is also set as `CICTL_X`. For a container *env* is empty: nothing of the agent's is seen there.

    Args:
        places: Where the job's caches and services are.
    """
    twins = {f"CICTL_{k.removeprefix('CIWI_')}": v for k, v in job.env.items() if k.startswith("CIWI_")}
    of_server = {SERVER_URL.name: config.shown_server, JOB_TOKEN.name: job_token}
    result = platform.merge(
        inherited_environment(env),
        config.variables,
        variables_of(job),
        of_server,
        twins,
        job.env,
        places,
        {JOB_VARIABLE: job.id},
    )
    if config.verbose_go and not result.get("GOFLAGS"):
        result["GOFLAGS"] = "-v"
    return result
