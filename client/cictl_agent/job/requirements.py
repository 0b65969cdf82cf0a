"""Checking that what a job requires is there when it begins: tools may have changed since the last scan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from cictl.wire.jobs import Cause, JobExecution
from cictl.wire.waiting.requirements import CONTAINER_TOOL, TOOL, satisfies
from cictl_agent.job.containers.container import Container
from cictl_agent.job.environment import inherited_environment
from cictl_agent.job.failures import JobFailed
from cictl_agent.system.platforms import Platform
from cictl_agent.tools import Prober


def choose_shell(job: JobExecution, there: Iterable[str]) -> str:
    """Return the shell that the job's steps run in unless they name another: the one it asks for, else the first of *there*.

    Raises:
        JobFailed: The shell that it asks for is not *there*.
    """
    names = list(there)
    shell = job.shell or (job.required_capabilities or {}).get("shell", "").strip().lower()
    if shell and shell not in names:
        raise JobFailed(f'resolve job shell: unsupported shell "{shell}"')
    return shell or names[0]


def check_host(
    required: Mapping[str, str], known: Mapping[str, str], platform: Platform, *, found: dict[str, str]
) -> None:
    """Check that the tools required of this machine are there.

    Args:
        known: The capabilities of the last scan.
        found: Receives `host.tool.<name>` for each tool that is there, also when another is missing.

    Raises:
        JobFailed: Something is missing.
    """
    names = required_tools(required)
    if not names:
        return
    prober = Prober(platform, inherited_environment(os.environ))
    versions = {name: prober.version(name, known=known.get(f"tool.{name}", "")) for name in names}
    found |= {f"host.tool.{name}": version for name, version in versions.items() if version}
    if unmet := unmet_tools(required, versions):
        raise JobFailed(f"host tool requirements unmet: {unmet}", cause=Cause.START_FAILED)


def check_container(required: Mapping[str, str], container: Container | None, *, found: dict[str, str]) -> None:
    """Check that the tools required of the container are there.

    Args:
        found: Receives what `Container.probe` returns, also when a tool is missing.

    Raises:
        JobFailed: A tool is missing, or tools are required of a container and the job has none.
    """
    wanted = required_tools(required, in_container=True)
    if container is None:
        if wanted:
            raise JobFailed("container tool requirements require runs_on.container_image")
        return
    found |= container.probe(wanted)
    versions = {name: found.get(f"container.tool.{name}", "") for name in wanted}
    if unmet := unmet_tools(required, versions, in_container=True):
        raise JobFailed(f"container tool requirements unmet: {unmet}")


def unmet_tools(required: Mapping[str, str], versions: Mapping[str, str], *, in_container: bool = False) -> str:
    """Return which required tools *versions* lacks, or has in an unfit version, as one text; empty when it has all."""
    place = "in runtime container" if in_container else "on agent runtime"
    problems = []
    for name, constraint in sorted(required_tools(required, in_container=in_container).items()):
        version = versions.get(name, "")
        if not version:
            suffix = f" (required {constraint})" if constraint else ""
            problems.append(f"{name} missing {place}{suffix}")
        elif not satisfies(constraint, version):
            problems.append(f"{name}={version} does not satisfy {constraint}")
    return "; ".join(problems)


def required_tools(required: Mapping[str, str], *, in_container: bool = False) -> dict[str, str]:
    """Return the tools required of this machine, or of the job's container, with the constraint of each."""
    prefix = CONTAINER_TOOL if in_container else TOOL
    return {key.removeprefix(prefix): constraint for key, constraint in required.items() if key.startswith(prefix)}


def runtime_capabilities(capabilities: Mapping[str, str]) -> dict[str, str]:
    """Return the agent's capabilities as `host.<name>`, which are recorded with the job."""
    return {f"host.{key}": value for key, value in capabilities.items()}
