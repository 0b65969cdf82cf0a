"""What an execution requires of its agent."""

from __future__ import annotations

from collections.abc import Iterator

from cictl.project_file import Job
from cictl.wire.jobs import JobSpec, Step
from cictl.wire.waiting.requirements import CONTAINER_TOOL, PRESENT, SHELL, TOOL
from cictl.wire.words import JobFeature
from cictl_server.errors import InvalidRequest


def requirements(job: Job, spec: JobSpec, *, agent_id: str) -> dict[str, str]:
    """Return what an agent must offer to execute *spec*, the plan of the rendered *job*.

    Args:
        agent_id: The only agent that may; empty for any.

    Raises:
        InvalidRequest: The job requires another agent.
    """
    required = {key: value for key, value in job.runs_on.items() if not key.startswith("container_")}
    required |= {TOOL + tool: constraint for tool, constraint in job.requires_tools.items()}
    required |= {CONTAINER_TOOL + tool: constraint for tool, constraint in job.requires_container_tools.items()}
    required |= _shells(job, spec) | dict.fromkeys(_features(spec), PRESENT)
    if agent_id:
        wanted = required.get("agent_id", "")
        if wanted and wanted != agent_id:
            raise InvalidRequest(
                f'selection requested agent_id "{agent_id}" but job "{job.id}" requires agent_id "{wanted}"'
            )
        required["agent_id"] = agent_id
    return required


def _shells(job: Job, spec: JobSpec) -> dict[str, str]:
    """Return what the steps require of the agent's shells. Those inside a container are the image's affair."""
    if spec.facts.container_image:
        return {}
    own = {"shell": job.shell} if job.shell else {}
    return own | {SHELL + step.shell: PRESENT for step in spec.step_plan if step.shell}


def _features(spec: JobSpec) -> Iterator[JobFeature]:
    """Yield what *spec* asks for beyond the contract."""
    if spec.working_directory or spec.shell or any(_has_options(step) for step in spec.step_plan):
        yield JobFeature.STEPS
    if spec.source and spec.source.path:
        yield JobFeature.SOURCE_PATH
    if spec.source and spec.source.worktree:
        yield JobFeature.WORKTREE
    if spec.services:
        yield JobFeature.SERVICES
    if any(cache.path for cache in spec.caches):
        yield JobFeature.CACHES
    if spec.artifacts:
        yield JobFeature.ARTIFACTS
    if spec.declared_outputs:
        yield JobFeature.OUTPUTS


def _has_options(step: Step) -> bool:
    return bool(
        step.timeout_seconds or step.working_directory or step.continue_on_error or step.condition or step.shell
    )
