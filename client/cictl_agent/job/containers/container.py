"""The container of a job, from its image to its removal. Running scripts in it is left to `shells`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cictl.wire.metadata import JobMetadata
from cictl_agent.capabilities import LAST_RESORTS, MUTE, PRESENT, TOOLS, version_in
from cictl_agent.config import AgentConfig
from cictl_agent.job.containers.engine import Engine, find_engine, reason
from cictl_agent.job.environment import inherited_environment
from cictl_agent.job.failures import JobFailed
from cictl_agent.log.spool import JobLog
from cictl_agent.system.commands import CommandResult
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.platforms import Platform
from cictl_agent.system.process_groups import JobGroups
from cictl_agent.system.processes import JOB_VARIABLE, Processes

_DEFAULT_DIRECTORY = "/workspace"
_INSPECT_SECONDS = 5.0
_PROBE_SECONDS = 3.0
_REMOVE_SECONDS = 30.0
_KILL_SECONDS = 10.0
_PROBES_AT_ONCE = 4

_PROBED = ("git", "go", "gh", "cmake", "ccache", "ninja", "gcc", "clang", "docker", "xcodebuild", "iscc", "signtool")
_WHICH = 'for t in "$@"; do command -v "$t" > /dev/null 2>&1 && echo "$t"; done; :'

_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3  # the 64-bit parameters of FNV-1a


@dataclass(frozen=True, kw_only=True)
class ContainerUse:
    """How an agent deals with the containers of its jobs.

    Attributes:
        up_seconds: How long an engine may take to start a container whose image is there.
        probed: Tools that are looked for inside, beside those that the job requires.
    """

    up_seconds: float = 15.0
    probed: tuple[str, ...] = _PROBED


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """What a job wants of its container.

    Attributes:
        directory: Where the execution directory is mounted inside.
        user: In the engine's form, such as `1000:1000`; empty for the agent's own.
    """

    image: str
    directory: str = _DEFAULT_DIRECTORY
    user: str = ""
    devices: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def read_spec(facts: JobMetadata) -> ContainerSpec | None:
    """Return the container that a job's metadata ask for; None if they ask for none."""
    image = facts.container_image.strip()
    if not image:
        return None
    return ContainerSpec(
        image=image,
        directory=facts.container_workdir.strip() or _DEFAULT_DIRECTORY,
        user=facts.container_user.strip(),
        devices=_listed(facts.container_devices),
        groups=_listed(facts.container_groups),
    )


def container_name(job_id: str) -> str:
    """Return the name of a job's container; the contract makes it of the id's 64-bit FNV-1a, in hex without padding."""
    digest = _FNV_OFFSET
    for byte in job_id.encode():
        digest = (digest ^ byte) * _FNV_PRIME % (1 << 64)
    return f"ciwi-probe-{digest:x}"


@dataclass(frozen=True, kw_only=True)
class Container:
    """One running container, and how to reach into it."""

    name: str
    engine: Engine
    spec: ContainerSpec
    probed: Sequence[str]

    def probe(self, required: Iterable[str]) -> dict[str, str]:
        """Return `container.name`, and `container.tool.<name>` for each of the usual and *required* tools that is inside.

        Where the container can't be asked, `container.probe_error` says why instead.
        """
        names = list(dict.fromkeys((*self.probed, *required)))
        present = self._ask("sh", "-lc", _WHICH, "sh", *names)
        if present.code:
            return {"container.name": self.name, "container.probe_error": reason(present)}
        found = [name for name in present.output.splitlines() if name in names]
        with ThreadPoolExecutor(_PROBES_AT_ONCE, thread_name_prefix="container-probe") as pool:
            versions = dict(zip(found, pool.map(self._version, found), strict=True))
        tools = {f"container.tool.{name}": version for name, version in versions.items() if version}
        return {"container.name": self.name, **tools}

    def kill(self) -> None:
        """Kill everything that runs inside: stopping the engine's client would leave it running."""
        self.engine.ask("kill", self.name, limit_seconds=_KILL_SECONDS)

    def _version(self, tool: str) -> str:
        for arguments in (TOOLS[tool],) if tool in TOOLS else LAST_RESORTS:
            if version := version_in(self._ask("sh", "-lc", '"$0" "$@" 2>&1', tool, *arguments)):
                return version
        return "" if tool in TOOLS and tool not in MUTE else PRESENT

    def _ask(self, *command: str) -> CommandResult:
        return self.engine.ask("exec", self.name, *command, limit_seconds=_PROBE_SECONDS)


@contextmanager
def running_container(
    spec: ContainerSpec | None,
    *,
    job_id: str,
    workspace: Path,
    directory: Path,
    cache_dirs: Sequence[Path],
    config: AgentConfig,
    platform: Platform,
    log: JobLog,
    interruption: Interruption,
    processes: Processes,
    use: ContainerUse,
) -> Iterator[Container | None]:
    """Start a job's container, and remove it when the context ends; yield None for a job without one.

    The execution directory and the caches are mounted. Pulling the image has no time limit but the job's own.

    Raises:
        JobFailed: There is no engine, or the container does not start.
        Interrupted: The job was stopped.
    """
    if spec is None:
        yield None
        return
    environment = {**inherited_environment(os.environ), JOB_VARIABLE: job_id}
    starter = _Starter(
        spec=spec,
        name=container_name(job_id),
        engine=find_engine(config.container_engine, environment, platform.groups),
        workspace=workspace,
        directory=directory,
        cache_dirs=cache_dirs,
        marker_dir=config.containers_dir,
        own_user=platform.container_user(),
        log=log,
        interruption=interruption,
        processes=processes,
        use=use,
    )
    try:
        yield starter.start()
    finally:
        if problem := _remove(starter.engine, starter.name, config):
            log.line(f"[runtime] container {starter.name} is not removed: {problem}")


def remove_leftovers(config: AgentConfig, groups: JobGroups) -> None:
    """Remove the containers that a killed agent left behind, as its markers in this work directory tell."""
    if not config.containers_dir.is_dir():
        return
    names = [marker.name for marker in config.containers_dir.iterdir()]
    try:
        environment = inherited_environment(os.environ)
        engine = find_engine(config.container_engine, environment, groups) if names else None
    except JobFailed:
        return
    for name in names:
        if engine:
            _remove(engine, name, config)


@dataclass(kw_only=True)
class _Starter:
    spec: ContainerSpec
    name: str
    engine: Engine
    workspace: Path
    directory: Path
    cache_dirs: Sequence[Path]
    marker_dir: Path
    own_user: str
    log: JobLog
    interruption: Interruption
    processes: Processes
    use: ContainerUse

    def start(self) -> Container:
        """Start the container, and return it.

        Raises:
            JobFailed: It does not start.
            Interrupted: The job was stopped.
        """
        if self.spec.image.startswith("-"):
            raise self._failed("the image looks like an option")
        self._provide_image()
        self._remember()
        self.engine.ask("rm", "-f", self.name, limit_seconds=_REMOVE_SECONDS)
        started = self._run(self._run_arguments(), limit_seconds=self.use.up_seconds)
        if started.code:
            raise self._failed(reason(started))
        self._check()
        self.log.line(f"[runtime] container {self.name} runs {self.spec.image}")
        return Container(name=self.name, engine=self.engine, spec=self.spec, probed=self.use.probed)

    def _provide_image(self) -> None:
        if self.engine.ask("image", "inspect", self.spec.image, limit_seconds=_INSPECT_SECONDS).code == 0:
            return
        self.log.line(f"[runtime] pulling {self.spec.image}")
        pulled = self._run(["pull", self.spec.image], log=self.log)
        if pulled.code:
            raise self._failed(reason(pulled))

    def _run(
        self, arguments: Sequence[str], *, log: JobLog | None = None, limit_seconds: float | None = None
    ) -> CommandResult:
        return self.engine.run(
            arguments,
            directory=self.workspace,
            interruption=self.interruption,
            processes=self.processes,
            log=log,
            limit_seconds=limit_seconds,
        )

    def _remember(self) -> None:
        """Leave a marker, by which the next agent here finds the container if this one is killed.

        It is written before the container is started, so that no container is ever without one.
        """
        marker = self.marker_dir / self.name
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()

    def _run_arguments(self) -> list[str]:
        spec = self.spec
        user = spec.user or self.own_user
        options = ["--name", self.name, "-w", spec.directory, *(["--user", user] if user else [])]
        if self.engine.is_podman and not spec.user and self.own_user and not self.own_user.startswith("0:"):
            options += ["--userns", "keep-id"]  # else a rootless podman shows the agent's files as root's inside
        for device in spec.devices:
            options += ["--device", device]
        for group in spec.groups:
            options += ["--group-add", group]
        options += ["--mount", _mount(self.directory, spec.directory)]
        for cache_dir in self.cache_dirs:
            options += ["--mount", _mount(cache_dir, str(cache_dir))]
        return ["run", "-d", *options, spec.image, "sleep", "infinity"]

    def _check(self) -> None:
        seen = self.engine.ask("inspect", "-f", "{{.State.Running}}", self.name, limit_seconds=_INSPECT_SECONDS)
        if seen.code:
            raise JobFailed(f'runtime container "{self.name}" is not inspectable: {reason(seen)}')
        if seen.output.strip() != "true":
            said = self.engine.ask("logs", "--tail", "20", self.name, limit_seconds=_INSPECT_SECONDS)
            for line in said.output.splitlines():
                self.log.line(f"[runtime] {line}")
            raise JobFailed(f'runtime container "{self.name}" is not running')

    def _failed(self, why: str) -> JobFailed:
        return JobFailed(f'start runtime container "{self.name}" from "{self.spec.image}": {why}')


def _remove(engine: Engine, name: str, config: AgentConfig) -> str:
    """Remove a container and all that runs inside; return what went wrong, empty if it is gone."""
    marker = config.containers_dir / name
    if not marker.exists():
        return ""
    removed = engine.ask("rm", "-f", "-v", name, limit_seconds=_REMOVE_SECONDS)
    if removed.code and not re.search("no such container", removed.output, re.IGNORECASE):
        return reason(removed)
    marker.unlink(missing_ok=True)
    return ""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _mount(source: Path, target: str) -> str:
    """Return a bind mount as the engine takes it: a line of CSV, where `,` and `"` need quotes."""
    fields = ("type=bind", f"source={source}", f"target={target}")
    return ",".join('"' + f.replace('"', '""') + '"' if {",", '"'} & set(f) else f for f in fields)
