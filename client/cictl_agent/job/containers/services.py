"""The services of a job: containers that run beside its steps, such as a database.

Steps in a container share its network with the services, so each service is at the port that it listens on, under its name. Steps on
this machine reach a service at a port of the loopback that the engine chooses.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from cictl.base.job_parts import ServiceSpec
from cictl.base.json_errors import NOT_OF_TYPE
from cictl_agent.job.containers.container import Container, ContainerHost, container_name
from cictl_agent.job.containers.engine import ANSWER_SECONDS, Engine, reason
from cictl_agent.job.containers.launching import Launch, Launcher
from cictl_agent.job.environment import inherited_environment
from cictl_agent.job.failures import JobFailed
from cictl_agent.log.spool import JobLog
from cictl_agent.retries import backoff
from cictl_agent.system.commands import CommandResult
from cictl_agent.system.interpreters import staged
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import JOB_VARIABLE, Processes

LOOPBACK = "127.0.0.1"

_READY_ANSWER_SECONDS = 10.0
"""How long one attempt at the command may take that tells whether a service is ready."""
_PORT = re.compile(r"(\d+)/tcp")
_PUBLISHED = re.compile(r"(\d+)/tcp -> .*:(\d+)")
_OWN_NETWORK = "host"


@dataclass(frozen=True, kw_only=True)
class _Service:
    spec: ServiceSpec
    launch: Launch
    ports: tuple[int, ...] = ()


@contextmanager
def running_services(
    specs: Sequence[ServiceSpec],
    *,
    host: ContainerHost,
    container: Container | None,
    job_id: str,
    directory: Path,
    scratch_dir: Path,
    log: JobLog,
    interruption: Interruption,
    processes: Processes,
) -> Iterator[dict[str, str]]:
    """Start the services of a job, wait until they are ready, and remove them when the context ends.

    Yields the variables that tell steps where they are: `CICTL_SERVICE_NAME_HOST` and `_PORT`.

    Args:
        container: The one that the steps run in; None for steps on this machine.
        directory: Where the engine's client runs.
        scratch_dir: A directory that only the agent uses.

    Raises:
        JobFailed: There is no engine, or a service does not start or is not ready in time.
        Interrupted: The job was stopped.
    """
    if not specs:
        yield {}
        return
    environment = {**inherited_environment(os.environ), JOB_VARIABLE: job_id}
    engine = container.engine if container else host.choice.choose(environment)
    launcher = Launcher(
        engine=engine,
        leftovers=host.leftovers,
        directory=directory,
        up_seconds=host.use.up_seconds,
        log=log,
        interruption=interruption,
        processes=processes,
    )
    starter = _Starter(
        launcher=launcher, container=container, scratch_dir=scratch_dir, ready_seconds=host.use.ready_seconds
    )
    with ExitStack() as removal:
        services = []
        for number, spec in enumerate(specs, start=1):
            name = f"{container_name(job_id)}-service-{number}"
            removal.callback(_remove, name, host=host, engine=engine, log=log)
            services.append(_started(starter, spec, name, host))
        for service in services:
            starter.wait_until_ready(service)
        yield {name: value for service in services for name, value in starter.variables(service).items()}


def _started(starter: _Starter, spec: ServiceSpec, name: str, host: ContainerHost) -> _Service:
    try:
        return starter.start(spec, name)
    except JobFailed:
        host.choice.forget()  # the engine may be the cause, so the next job asks which one answers
        raise


def _remove(name: str, *, host: ContainerHost, engine: Engine, log: JobLog) -> None:
    if problem := host.leftovers.remove(engine, name):
        log.line(f"[services] container {name} is not removed: {problem}")
    else:
        host.leftovers.remove_late()


@dataclass(frozen=True, kw_only=True)
class _Starter:
    launcher: Launcher
    container: Container | None
    scratch_dir: Path
    ready_seconds: float

    def start(self, spec: ServiceSpec, name: str) -> _Service:
        launch = Launch(
            name=name, title=f'service "{spec.name}"', marker=f"service {spec.name}", image=spec.image, options=()
        )
        self.launcher.provide_image(launch)
        service = _Service(spec=spec, launch=launch, ports=self._ports(spec.image))
        # Engines read variables from a file, whose lines have no quotes. On a command line everyone could read them.
        with staged(_lines(spec), self.scratch_dir) as variables:
            options = ["--stop-timeout", "0", "--env-file", "/dev/stdin", *self._network(service)]
            self.launcher.start(replace(launch, options=options, variables=variables))
        self.launcher.log.line(f"[{launch.marker}] runs {spec.image}")
        return service

    def wait_until_ready(self, service: _Service) -> None:
        """Ask a service again and again, after pauses that grow, until it is ready.

        Raises:
            JobFailed: It has ended, or it is not ready in time. Its last words are in the log.
            Interrupted: The job was stopped.
        """
        if not service.spec.ready:
            return
        launcher, launch = self.launcher, service.launch
        deadline, pauses = time.monotonic() + self.ready_seconds, backoff(0.1, 2)
        while (asked := self._ask(service)).code:
            launcher.interruption.check()
            launcher.check(launch)
            if time.monotonic() >= deadline:
                launcher.show_last_words(launch)
                raise JobFailed(f"{launch.title} is not ready after {self.ready_seconds:g} s: {reason(asked)}")
            launcher.interruption.wait(next(pauses))
        launcher.log.line(f"[{launch.marker}] is ready")

    def variables(self, service: _Service) -> dict[str, str]:
        """Return the variables that tell where a service is; `_PORT` is that of its image's lowest port, empty without any."""
        prefix = f"CICTL_SERVICE_{re.sub(r'[^A-Z0-9]', '_', service.spec.name.upper())}"
        at = self._places(service)
        first = str(at[service.ports[0]]) if service.ports else ""
        others = {f"{prefix}_PORT_{port}": str(reached) for port, reached in at.items()}
        return {f"{prefix}_HOST": service.spec.name if self.container else LOOPBACK, f"{prefix}_PORT": first, **others}

    def _ask(self, service: _Service) -> CommandResult:
        command = ("exec", service.launch.name, "sh", "-c", service.spec.ready)
        return self.launcher.engine.ask(*command, limit_seconds=_READY_ANSWER_SECONDS)

    def _network(self, service: _Service) -> list[str]:
        if self.container:
            return ["--network", f"container:{self.container.name}"]
        return [option for port in service.ports for option in ("-p", f"{LOOPBACK}::{port}")]

    def _ports(self, image: str) -> tuple[int, ...]:
        """Return the TCP ports that an image says it listens on."""
        told = self.launcher.engine.ask(
            "image", "inspect", "-f", "{{json .Config.ExposedPorts}}", image, limit_seconds=ANSWER_SECONDS
        )
        try:
            exposed = msgspec.json.decode(told.output, type=dict[str, object] | None) or {}
        except NOT_OF_TYPE:
            return ()
        return tuple(sorted(int(found[1]) for found in map(_PORT.fullmatch, exposed) if found))

    def _places(self, service: _Service) -> Mapping[int, int]:
        """Return where the steps reach each port.

        Raises:
            JobFailed: The engine has published none of them.
        """
        if self.container or not service.ports or self._has_our_network(service):
            return {port: port for port in service.ports}
        told = self.launcher.engine.ask("port", service.launch.name, limit_seconds=ANSWER_SECONDS)
        published = {int(inside): int(outside) for inside, outside in _PUBLISHED.findall(told.output)}
        if missing := [port for port in service.ports if port not in published]:
            raise JobFailed(
                f"{service.launch.title}: the engine has published no port for {missing[0]}, because its containers have "
                "no network; give it one, or run the job in a container too"
            )
        return published

    def _has_our_network(self, service: _Service) -> bool:
        told = self.launcher.engine.ask(
            "inspect", "-f", "{{.HostConfig.NetworkMode}}", service.launch.name, limit_seconds=ANSWER_SECONDS
        )
        return told.output.strip() == _OWN_NETWORK


def _lines(spec: ServiceSpec) -> str:
    for name, value in spec.env.items():
        if "\n" in value or "\r" in value:
            raise JobFailed(f'service "{spec.name}": the value of {name} has several lines, and no engine takes those')
    return "".join(f"{name}={value}\n" for name, value in spec.env.items())
