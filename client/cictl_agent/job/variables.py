"""The variables that every step of a job gets, inside containers too. The table in docs/project-file.md is made of these.

An agent takes those of `OF_JOB` from what the server says of the job, those of `OF_SERVER` from its own settings and the
lease, and those of `OF_STEP` from where it keeps the files. They are always set, and empty where nothing is known, so that
scripts under `set -u` can ask. The server sets those of `OF_RUN`, by the contract only where they are known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from cictl.base.names.git_names import branch_of, pull_request_of, short_ref, tag_of
from cictl.wire import words
from cictl.wire.jobs import JobExecution


class JobVariable(NamedTuple):
    """A variable that the agent sets, its meaning for the page, and its value for a job."""

    name: str
    meaning: str
    value: Callable[[JobExecution], str]


class AgentVariable(NamedTuple):
    """A variable whose value is the agent's own matter, and its meaning for the page."""

    name: str
    meaning: str


class RunVariable(NamedTuple):
    """A variable that the server sets, and its meaning for the page. It is `CIWI_` and `CICTL_` with this name."""

    name: str
    meaning: str


def _ref(job: JobExecution) -> str:
    return job.facts.pipeline_source_ref_raw


OF_JOB = (
    JobVariable("CI", "`true`", lambda job: "true"),
    JobVariable("CICTL_PROJECT", "the project's name", lambda job: job.facts.project),
    JobVariable("CICTL_PIPELINE", "the pipeline's id", lambda job: job.facts.pipeline_id),
    JobVariable("CICTL_JOB", "the job's id", lambda job: job.facts.pipeline_job_id),
    JobVariable("CICTL_MATRIX_NAME", "`name` of the matrix row; empty without one", lambda job: job.facts.matrix_name),
    JobVariable("CICTL_RUN_ID", "the run's id", lambda job: job.facts.pipeline_run_id),
    JobVariable("CICTL_CHAIN_RUN_ID", "the chain's run; empty outside chains", lambda job: job.facts.chain_run_id),
    JobVariable("CICTL_JOB_EXECUTION_ID", "this execution of the job", lambda job: job.id),
    JobVariable("CICTL_ATTEMPT", "`1`, and one more with each rerun", lambda job: job.facts.attempt or "1"),
    JobVariable("CICTL_REF", "the ref as it was configured or asked for, such as `refs/heads/main`", _ref),
    JobVariable("CICTL_REF_NAME", "the same in short: `main`", lambda job: short_ref(_ref(job))),
    JobVariable("CICTL_BRANCH", "the branch; empty if the ref is none", lambda job: branch_of(_ref(job))),
    JobVariable("CICTL_TAG", "the tag, if the ref is `refs/tags/…`; else empty", lambda job: tag_of(_ref(job))),
    JobVariable(
        "CICTL_PULL_REQUEST",
        "the number of the pull request that the run builds; else empty",
        lambda job: pull_request_of(_ref(job)),
    ),
    JobVariable("CICTL_BASE_BRANCH", "the branch that it is to be merged into", lambda job: job.facts.base_branch),
    JobVariable(
        "CICTL_COMMIT",
        "the commit that all jobs of the run build; empty if the server could not ask the repository",
        lambda job: job.facts.pipeline_source_ref_resolved,
    ),
)

SERVER_URL = AgentVariable("CICTL_SERVER_URL", "the server, as the agent reaches it")
JOB_TOKEN = AgentVariable(
    words.JOB_TOKEN, "[the job's own token](security.md#tokens-of-jobs); empty where the server wants no tokens"
)
OF_SERVER = (SERVER_URL, JOB_TOKEN)
"""By these `cictl` finds the server in a step."""

ENV_FILE = AgentVariable("CICTL_ENV", "[a file](#what-steps-leave) for variables of later steps")
PATH_FILE = AgentVariable("CICTL_PATH", "a file for folders that later steps have before those of `PATH`")
OUTPUT_FILE = AgentVariable("CICTL_OUTPUT", "a file for the job's `outputs`")
OF_STEP = (ENV_FILE, PATH_FILE, OUTPUT_FILE)
"""The files in which a step leaves something; each step has its own."""

OF_RUN = (
    RunVariable("PIPELINE_VERSION_RAW", "the version, `1.2.3`"),
    RunVariable("PIPELINE_VERSION", "the version with its prefix, `v1.2.3`"),
    RunVariable("PIPELINE_TAG", "the same"),
    RunVariable("PIPELINE_TAG_PREFIX", "`v`"),
    RunVariable("PIPELINE_VERSION_FILE", "the file that holds the version"),
    RunVariable("PIPELINE_SOURCE_REPO", "the repository; empty without one"),
    RunVariable("PIPELINE_SOURCE_REF_RAW", "as `CICTL_REF`"),
    RunVariable("PIPELINE_SOURCE_REF", "as `CICTL_COMMIT`"),
    RunVariable("DRY_RUN", "`1` in a dry run"),
    RunVariable("DEP_ARTIFACT_JOB_IDS", "the executions whose artifacts were restored, separated by commas"),
    RunVariable("DEP_ARTIFACT_JOB_ID", "the same if it is one"),
)


def variables_of(job: JobExecution) -> dict[str, str]:
    """Return the variables of `OF_JOB` for a job."""
    return {variable.name: variable.value(job) for variable in OF_JOB}


@cache
def all_names() -> frozenset[str]:
    """Return the name of every variable here. What an agent has of these in its own environment is of another job."""
    of_run = (prefix + variable.name for variable in OF_RUN for prefix in ("CIWI_", "CICTL_"))
    return frozenset({*(variable.name for variable in (*OF_JOB, *OF_SERVER, *OF_STEP)), *of_run})
