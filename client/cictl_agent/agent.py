"""The agent itself: it runs one job after the other, and beats in a thread beside them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from filelock import FileLock, Timeout

from cictl.base.clock import Clock, utc_now
from cictl.installation.versions import running_tag
from cictl.wire.agents import GREETING, HeartbeatResponse
from cictl.wire.jobs import JobExecution
from cictl.wire.words import NOT_A_SERVICE
from cictl_agent.capabilities import base_capabilities, scan_tools
from cictl_agent.config import AgentConfig, ConfigError
from cictl_agent.heartbeat import INTERVAL_SECONDS, Heartbeat
from cictl_agent.job.containers.container import ContainerHost, ContainerUse
from cictl_agent.job.run import JobRun
from cictl_agent.leasing import Asking
from cictl_agent.orders import Orders
from cictl_agent.system.interruption import StopReason
from cictl_agent.system.platforms import Platform, this_platform
from cictl_agent.system.trees import remove_tree
from cictl_agent.updating import Updater
from cictl_client import Client

logger = logging.getLogger(__name__)

_NO_DISK_SECONDS = 10.0


class Agent:
    """One agent. `run` works in the caller's thread; handling signals is left to the caller.

    ```python
    import threading
    from pathlib import Path

    from cictl_agent.config import AgentConfig
    from cictl_agent.agent import Agent

    stop = threading.Event()
    agent = Agent(AgentConfig(agent_id="here", work_dir=Path("work").absolute()))
    threading.Thread(target=agent.run, args=(stop,)).start()
    stop.set()
    ```
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        adopts_orphans: bool = False,
        platform: Platform | None = None,
        updater: Updater | None = None,
        clock: Clock = utc_now,
        heartbeat_seconds: float = INTERVAL_SECONDS,
        container_use: ContainerUse | None = None,
    ) -> None:
        """Prepare an agent; nothing happens yet.

        Args:
            adopts_orphans: Whether `adopt_orphans` succeeded and this process is nothing but an agent.
            platform: The operating system; by default the one this runs on.
            updater: Without one the agent does not update itself.
            container_use: Limits and probes for the containers of jobs, if not the usual ones.
        """
        self._heartbeat_seconds = heartbeat_seconds
        self._config = config
        self._adopts_orphans = adopts_orphans
        self._platform = platform or this_platform()
        self._container_host = ContainerHost(config, self._platform.groups, container_use)
        self._updater = updater or Updater(version=running_tag(), refusal=NOT_A_SERVICE)
        self._clock = clock
        self._tools: Mapping[str, str] = {}
        self._scanned = threading.Event()
        self._current: JobRun | None = None
        self.exit_code = 0
        """The code to end the process with. It is not 0 when the service manager must notice a failure."""

    def run(self, stop: threading.Event) -> None:
        """Work until *stop* is set. A job that runs then is stopped and reported as failed.

        The agent sets *stop* itself when it must be started anew: because the server orders it, or because a version on
        trial does not work. Call `Updater.begin` once before, in the process that runs this.

        Raises:
            ConfigError: The work directory can't be used, or another agent uses it.
        """
        with (
            _claimed(self._config, self._platform),
            Client(self._config.server_url, token=self._config.token) as client,
        ):
            self._container_host.leftovers.remove_all()
            heartbeat, orders = self._build(client, stop)
            self._scan(heartbeat)
            heartbeat.start()
            threading.Thread(target=self._interrupt_at, args=(stop,), name="stop", daemon=True).start()
            threading.Thread(target=self._prove, args=(heartbeat, stop), name="trial", daemon=True).start()
            try:
                self._work(client, heartbeat, orders, stop)
            finally:
                self.exit_code = orders.exit_code
                heartbeat.close()

    def kill(self) -> None:
        """End the processes of the running job at once."""
        if current := self._current:
            current.processes.kill_all()

    def _build(self, client: Client, stop: threading.Event) -> tuple[Heartbeat, Orders]:
        heartbeat = Heartbeat(
            client=client,
            agent_id=self._config.agent_id,
            os_name=self._platform.os_name,
            version=self._updater.version,
            greeting=f"{GREETING} (pid={os.getpid()})",
            capabilities=self._capabilities,
            running_job_ids=self._running_job_ids,
            on_answer=lambda answer: self._obey(answer, orders),
            clock=self._clock,
            interval_seconds=self._heartbeat_seconds,
        )
        orders = Orders(
            self._config,
            updater=self._updater,
            refresh_tools=lambda: self._scan(heartbeat),
            speaker=heartbeat,
            is_busy=lambda: self._current is not None,
            stop=stop,
        )
        return heartbeat, orders

    def _work(self, client: Client, heartbeat: Heartbeat, orders: Orders, stop: threading.Event) -> None:
        # The greeting makes a server give up what an agent with this id ran before. A job that began earlier would be
        # given up with that, so nothing may run until the greeting was answered.
        for ready in (self._scanned, heartbeat.is_known):
            while not ready.wait(0.1):
                if stop.is_set():
                    return
        asking = Asking(client=client, agent_id=self._config.agent_id, capabilities=self._capabilities, stop=stop)
        while (job := asking.next_job()) is not None:
            with orders.files:
                if not orders.is_restarting:  # a job that is not begun is handed out again
                    self._run_job(job, client, stop, features=asking.features)
            orders.carry_out_if_idle()

    def _run_job(self, job: JobExecution, client: Client, stop: threading.Event, *, features: frozenset[str]) -> None:
        logger.info("job begins job=%s", job.id)
        run = JobRun(
            job=job,
            config=self._config,
            platform=self._platform,
            client=client,
            capabilities=self._capabilities(),
            features=features,
            adopts_orphans=self._adopts_orphans,
            clock=self._clock,
            stop=stop,
            container_host=self._container_host,
        )
        self._current = run
        try:
            if stop.is_set():
                run.interrupt(StopReason.AGENT_STOPPED)
            run.run()
        except OSError as error:
            # No log can be kept, so nothing may run. The server takes the job back when its lease runs out.
            logger.error("job cannot be run here job=%s: %s", job.id, error)  # noqa: TRY400
            stop.wait(_NO_DISK_SECONDS)
        finally:
            self._current = None

    def _interrupt_at(self, stop: threading.Event) -> None:
        stop.wait()
        if current := self._current:
            current.interrupt(StopReason.AGENT_STOPPED)

    def _prove(self, heartbeat: Heartbeat, stop: threading.Event) -> None:
        """Keep the running version once a heartbeat was accepted; stop an agent on trial if none is in time."""
        on_trial = self._updater.is_on_trial
        if not heartbeat.is_known.wait(self._updater.health_seconds if on_trial else None):
            logger.error("no heartbeat was accepted version=%s", self._updater.version)
            stop.set()
            return
        self._updater.confirm()
        if failure := self._updater.failure():
            heartbeat.report_update_failure(failure)
            self._updater.forget_failure()

    def _obey(self, answer: HeartbeatResponse, orders: Orders) -> None:
        current = self._current
        if current is not None and current.job.id in answer.cancel_job_ids:
            current.interrupt(StopReason.OVER, "job is over on server")
        orders.take(answer)

    def _capabilities(self) -> dict[str, str]:
        return {
            **base_capabilities(self._platform, is_service=self._config.service is not None),
            **self._updater.capability,
            **self._tools,
            **self._container_host.choice.capability,
        }

    def _running_job_ids(self) -> list[str]:
        current = self._current
        return [current.job.id] if current else []

    def _scan(self, heartbeat: Heartbeat) -> None:
        """Scan the tools in a thread of its own, and tell the server what was found."""

        def scan() -> None:
            try:
                self._tools = scan_tools(self._platform)
                logger.info("tools found: %s", ", ".join(f"{k[5:]} {v}" for k, v in self._tools.items()))
            finally:
                self._scanned.set()
            heartbeat.beat_now()

        threading.Thread(target=scan, name="tools", daemon=True).start()


@contextmanager
def _claimed(config: AgentConfig, platform: Platform) -> Iterator[None]:
    """Hold the work directory for this agent alone, and clear away what a killed one left.

    Raises:
        ConfigError: The directory can't be used, or another agent uses it.
    """
    lock = FileLock(config.work_dir / "agent.lock")
    try:
        config.work_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        _clear_spool(config, platform)
    except Timeout as error:
        raise ConfigError(f"another agent works in {config.work_dir}; give this one a --work-dir of its own") from error
    except OSError as error:
        raise ConfigError(f"cannot work in {config.work_dir}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def _clear_spool(config: AgentConfig, platform: Platform) -> None:
    """Delete the logs of jobs that a killed agent left, and end what still runs of those jobs."""
    for log in config.spool_dir.glob("*.log"):
        platform.job_processes(log.stem).kill_all()
    remove_tree(config.spool_dir)
