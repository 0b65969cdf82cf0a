"""The container of a job, from its image to its removal. Running scripts in it is left to `shells`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cictl.wire.metadata import JobMetadata
from cictl.wire.waiting.requirements import PRESENT
from cictl_agent.config import AgentConfig
from cictl_agent.job.containers.choice import EngineChoice
from cictl_agent.job.containers.engine import Engine, reason
from cictl_agent.job.containers.launching import Launch, Launcher
from cictl_agent.job.containers.leftovers import Leftovers
from cictl_agent.job.containers.ownership import Ownership
from cictl_agent.job.environment import inherited_environment
from cictl_agent.job.failures import JobFailed
from cictl_agent.log.spool import JobLog
from cictl_agent.system.commands import CommandResult
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.platforms import Platform
from cictl_agent.system.process_groups import JobGroups
from cictl_agent.system.processes import JOB_VARIABLE, Processes
from cictl_agent.tools import LAST_RESORTS, MUTE, TOOLS, version_in

_DEFAULT_DIRECTORY = "/workspace"
_PROBE_SECONDS = 10.0
_KILL_SECONDS = 60.0
_PROBES_AT_ONCE = 4

_PROBED = ("git", "go", "gh", "cmake", "ccache", "ninja", "gcc", "clang", "docker", "xcodebuild", "iscc", "signtool")
_WHICH = 'for t in "$@"; do command -v "$t" > /dev/null 2>&1 && echo "$t"; done; :'

_KILL_MARKED = """\
for round in 1 2 3; do
  for process in /proc/[0-9]*; do
    case "$(cat "$process/environ" 2> /dev/null)" in *"$1"*) kill -KILL "${process#/proc/}" ;; esac
  done
done
"""
"""Several rounds: a process that is about to be killed may start another one."""

_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3  # the 64-bit parameters of FNV-1a


@dataclass(frozen=True, kw_only=True)
class ContainerUse:
    """How an agent deals with the containers of its jobs.

    Attributes:
        up_seconds: How long an engine may take to start a container whose image is there.
        ready_seconds: How long a service may take to become ready.
        probed: Tools that are looked for inside, beside those that the job requires.
    """

    up_seconds: float = 60.0
    ready_seconds: float = 120.0
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

    def kill_marked(self, name: str, value: str) -> None:
        """Kill the processes inside that have a variable of this name and value."""
        self.engine.ask(
            "exec", self.name, "sh", "-c", _KILL_MARKED, "sh", f"{name}={value}", limit_seconds=_KILL_SECONDS
        )

    def _version(self, tool: str) -> str:
        for arguments in (TOOLS[tool],) if tool in TOOLS else LAST_RESORTS:
            if version := version_in(self._ask("sh", "-lc", '"$0" "$@" 2>&1', tool, *arguments)):
                return version
        return "" if tool in TOOLS and tool not in MUTE else PRESENT

    def _ask(self, *command: str) -> CommandResult:
        return self.engine.ask("exec", self.name, *command, limit_seconds=_PROBE_SECONDS)


class ContainerHost:
    """Where one agent's jobs have their containers: the engine that was chosen, and what must still be removed from it."""

    def __init__(self, config: AgentConfig, groups: JobGroups, use: ContainerUse | None = None) -> None:
        """Prepare; no engine is asked yet.

        Args:
            use: Limits and probes, if not the usual ones.
        """
        self.choice = EngineChoice(config.container_engine, groups)
        self.leftovers = Leftovers(config.containers_dir, self.choice)
        self.use = use or ContainerUse()


@contextmanager
def running_container(
    spec: ContainerSpec | None,
    *,
    host: ContainerHost,
    job_id: str,
    workspace: Path,
    directory: Path,
    mounted: Sequence[Path],
    hosts: Sequence[str],
    platform: Platform,
    log: JobLog,
    interruption: Interruption,
    processes: Processes,
) -> Iterator[Container | None]:
    """Start a job's container, and remove it when the context ends; yield None for a job without one.

    The execution directory is mounted where the job wants it. Pulling the image has no time limit but the job's own.

    Args:
        mounted: Folders that are mounted at their own paths.
        hosts: Names that lead to the container itself, where the job's services are, which share its network.

    Raises:
        JobFailed: There is no engine, or the container does not start.
        Interrupted: The job was stopped.
    """
    if spec is None:
        yield None
        return
    launcher = Launcher(
        engine=host.choice.choose({**inherited_environment(os.environ), JOB_VARIABLE: job_id}),
        leftovers=host.leftovers,
        directory=workspace,
        up_seconds=host.use.up_seconds,
        log=log,
        interruption=interruption,
        processes=processes,
    )
    starter = _Starter(
        spec=spec,
        host=host,
        name=container_name(job_id),
        launcher=launcher,
        directory=directory,
        mounted=mounted,
        hosts=hosts,
        own_user=platform.container_user(),
    )
    try:
        container = _started(starter)
        ownership = starter.ownership
        try:
            if problem := ownership.hand_over(launcher.run):
                log.line(f"[runtime] the workspace is not handed over to user {spec.user}: {problem}")
            yield container
        finally:
            if problem := ownership.take_back():
                log.line(f"[runtime] files of user {spec.user} stay behind: {problem}")
    finally:
        if problem := host.leftovers.remove(starter.engine, starter.name):
            log.line(f"[runtime] container {starter.name} is not removed: {problem}")
        else:
            host.leftovers.remove_late()


def _started(starter: _Starter) -> Container:
    try:
        return starter.start()
    except JobFailed:
        starter.host.choice.forget()  # the engine may be the cause, so the next job asks which one answers
        raise


@dataclass(kw_only=True)
class _Starter:
    spec: ContainerSpec
    host: ContainerHost
    name: str
    launcher: Launcher
    directory: Path
    mounted: Sequence[Path]
    hosts: Sequence[str]
    own_user: str

    @property
    def engine(self) -> Engine:
        return self.launcher.engine

    def start(self) -> Container:
        """Start the container, and return it.

        Raises:
            JobFailed: It does not start.
            Interrupted: The job was stopped.
        """
        launch = Launch(
            name=self.name,
            title=f'runtime container "{self.name}"',
            marker="runtime",
            image=self.spec.image,
            options=self._options(),
            command=("sleep", "infinity"),
        )
        self.launcher.provide_image(launch)
        self.launcher.start(launch)
        self.launcher.log.line(f"[runtime] container {self.name} runs {self.spec.image}")
        return Container(name=self.name, engine=self.engine, spec=self.spec, probed=self.host.use.probed)

    @property
    def ownership(self) -> Ownership:
        # Root inside a rootless engine's container is the agent outside.
        agent = "0:0" if self.engine.is_rootless and self.own_user else self.own_user
        return Ownership(
            engine=self.engine,
            name=self.name,
            user=self.spec.user,
            agent=agent,
            paths=[self.spec.directory, *map(str, self.mounted)],
        )

    def _options(self) -> list[str]:
        spec = self.spec
        # `sleep` as a container's first process ignores SIGTERM, and podman would wait ten seconds for it.
        options = ["--stop-timeout", "0", "-w", spec.directory, *self._user_options()]
        for device in spec.devices:
            options += ["--device", device]
        for group in spec.groups:
            options += ["--group-add", group]
        for host in self.hosts:
            options += ["--add-host", f"{host}:127.0.0.1"]
        options += ["--mount", _mount(self.directory, spec.directory)]
        for folder in self.mounted:
            options += ["--mount", _mount(folder, str(folder))]
        return options

    def _user_options(self) -> list[str]:
        """Return the options that make the files of steps the agent's own, unless the job wants another user."""
        user = self.spec.user or self.own_user
        if not user:
            return []
        if self.spec.user or not self.engine.is_rootless:
            return ["--user", user]
        if self.engine.is_podman:
            return ["--user", user, "--userns", "keep-id"]  # else the agent's files are root's inside
        return ["--user", "0:0"]  # a rootless docker can't keep ids: its root inside is the agent outside


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _mount(source: Path, target: str) -> str:
    """Return a bind mount as the engine takes it: a line of CSV, where `,` and `"` need quotes."""
    fields = ("type=bind", f"source={source}", f"target={target}")
    return ",".join('"' + f.replace('"', '""') + '"' if {",", '"'} & set(f) else f for f in fields)
