"""The agent itself: its slots run jobs, each one after the other, and it beats in a thread beside them."""

from __future__ import annotations

import logging
import os
import socket
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from cictl.base.clock import Clock, utc_now
from cictl.installation.versions import running_tag
from cictl.wire.agents import GREETING, AgentProcess, HeartbeatResponse
from cictl.wire.words import NOT_A_SERVICE, Feature
from cictl_agent.capabilities import base_capabilities
from cictl_agent.config import AgentConfig
from cictl_agent.heartbeat import INTERVAL_SECONDS, Heartbeat
from cictl_agent.job.containers.container import ContainerHost, ContainerUse
from cictl_agent.job.environment import inherited_environment
from cictl_agent.job.run import JobRun
from cictl_agent.job.workspace import Workspaces
from cictl_agent.known_tools import KnownTools
from cictl_agent.leasing import Asking, Leased
from cictl_agent.orders import Orders
from cictl_agent.slots import Slot
from cictl_agent.system.household import Household
from cictl_agent.system.interruption import StopReason
from cictl_agent.system.platforms import Platform, this_platform
from cictl_agent.system.timers import Timers
from cictl_agent.tools import Prober
from cictl_agent.updating import Updater
from cictl_agent.work_dir import claimed
from cictl_client import Client

logger = logging.getLogger(__name__)

_ID_TAKEN = "another process has the id of this agent"


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
        self._tools = KnownTools(Prober(self._platform, inherited_environment(os.environ)))
        self._household = Household()
        self._timers = Timers()
        self._workspaces = Workspaces(config.workspaces_dir)
        self._slots: list[Slot] = []
        self.exit_code = 0
        """The code to end the process with. It is not 0 when the service manager must notice a failure."""

    def run(self, stop: threading.Event) -> None:
        """Work until *stop* is set. The jobs that run then are stopped and reported as failed.

        The agent sets *stop* itself when it must be started anew: because the server orders it, or because a version on
        trial does not work. Call `Updater.begin` once before, in the process that runs this.

        Raises:
            ConfigError: The work directory can't be used, or another agent uses it.
        """
        with (
            claimed(self._config, self._platform) as work_dir_id,
            Client(
                self._config.server_url,
                token=self._config.token,
                tls=self._config.tls,
                user_agent="cictl-agent",
            ) as client,
        ):
            self._container_host.leftovers.remove_all()
            process = AgentProcess(
                started_utc=self._clock(), pid=os.getpid(), host=socket.gethostname(), work_dir_id=work_dir_id
            )
            heartbeat, orders = self._build(client, process, stop)
            asking = self._asking(client, process, heartbeat, orders, stop)
            self._slots = [self._slot(number + 1, client, asking, orders, stop) for number in range(self._config.slots)]
            self._tools.on_news = heartbeat.beat_now
            self._tools.scan()
            heartbeat.start()
            threading.Thread(target=self._interrupt_at, args=(stop,), name="stop", daemon=True).start()
            threading.Thread(target=self._prove, args=(heartbeat, stop), name="trial", daemon=True).start()
            try:
                self._work(heartbeat, stop)
            finally:
                self.exit_code = orders.exit_code
                self._tools.close()
                heartbeat.close(says_farewell=Feature.AGENT_PROCESS in asking.features)

    def kill(self) -> None:
        """End the processes of the running jobs at once."""
        if self._adopts_orphans:
            # Alone in its household, this one takes everything for its own that this process has started or adopted.
            self._platform.job_processes("", adopts_orphans=True).kill_all()
            return
        for run in self._runs():
            run.processes.kill_all()

    def _build(self, client: Client, process: AgentProcess, stop: threading.Event) -> tuple[Heartbeat, Orders]:
        heartbeat = Heartbeat(
            client=client,
            agent_id=self._config.agent_id,
            os_name=self._platform.os_name,
            version=self._updater.version,
            greeting=f"{GREETING} (pid={process.pid})",
            capabilities=self._capabilities,
            running_job_ids=self._running_job_ids,
            tools_looked_for=(lambda: self._tools.looked_for) if self._config.looks_for_tools else None,
            on_answer=lambda answer: self._obey(answer, orders),
            clock=self._clock,
            process=process,
            slots=self._config.slots,
            is_draining=lambda: self._config.slots > 1 and orders.are_waiting,
            on_refusal=lambda: self._interrupt(StopReason.OVER, _ID_TAKEN),
            interval_seconds=self._heartbeat_seconds,
        )
        orders = Orders(
            self._config,
            updater=self._updater,
            refresh_tools=self._tools.scan,
            speaker=heartbeat,
            is_busy=lambda: bool(self._runs()),
            stop=stop,
        )
        return heartbeat, orders

    def _asking(
        self, client: Client, process: AgentProcess, heartbeat: Heartbeat, orders: Orders, stop: threading.Event
    ) -> Asking:
        return Asking(
            client=client,
            agent_id=self._config.agent_id,
            process=process,
            slots=self._config.slots,
            capabilities=self._capabilities,
            is_held=lambda: not heartbeat.is_known.is_set() or orders.are_waiting,
            stop=stop,
        )

    def _slot(self, number: int, client: Client, asking: Asking, orders: Orders, stop: threading.Event) -> Slot:
        def new_run(leased: Leased, workspace: Path) -> JobRun:
            return JobRun(
                job=leased.job,
                lease_token=leased.token,
                job_token=leased.job_token,
                config=self._config,
                platform=self._platform,
                client=client,
                capabilities=self._capabilities(),
                features=asking.features,
                adopts_orphans=self._adopts_orphans,
                household=self._household,
                workspace=workspace,
                clock=self._clock,
                stop=stop,
                container_host=self._container_host,
                next_lease=asking.with_report(number),
                timers=self._timers,
            )

        return Slot(
            number=number,
            asking=asking,
            orders=orders,
            workspaces=self._workspaces,
            new_run=new_run,
            file_name=self._platform.file_name,
            stop=stop,
        )

    def _work(self, heartbeat: Heartbeat, stop: threading.Event) -> None:
        """Let the slots work until the agent must stop. A slot that breaks stops the others."""
        # The greeting makes a server give up what an agent with this id ran before. A job that began earlier would be
        # given up with that, so nothing may run until the greeting was answered.
        for ready in (self._tools.scanned, heartbeat.is_known):
            while not ready.wait(0.1):
                if stop.is_set():
                    return
        with ThreadPoolExecutor(len(self._slots), thread_name_prefix="slot") as pool:
            at_work = [pool.submit(slot.work) for slot in self._slots]
            wait(at_work, return_when=FIRST_EXCEPTION)
            stop.set()
        for slot in at_work:
            slot.result()

    def _runs(self) -> list[JobRun]:
        """Return the jobs that run now."""
        return [run for slot in self._slots if (run := slot.current)]

    def _interrupt(self, reason: StopReason, detail: str = "") -> None:
        for slot in self._slots:
            slot.interrupt(reason, detail)

    def _interrupt_at(self, stop: threading.Event) -> None:
        stop.wait()
        self._interrupt(StopReason.AGENT_STOPPED)

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
        for run in self._runs():
            if run.job.id in answer.cancel_job_ids:
                run.interrupt(StopReason.OVER, "job is over on server")
        if answer.wanted_tools_id and self._config.looks_for_tools:
            self._tools.want(answer.wanted_tools, answer.wanted_tools_id)
        orders.take(answer)

    def _capabilities(self) -> dict[str, str]:
        return {
            **base_capabilities(
                self._platform, is_service=self._config.service is not None, labels=self._config.labels
            ),
            **self._updater.capability,
            **self._tools.capabilities,
            **self._container_host.choice.capability,
        }

    def _running_job_ids(self) -> list[str]:
        return [run.job.id for run in self._runs()]
