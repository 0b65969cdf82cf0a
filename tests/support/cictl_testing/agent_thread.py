"""An agent in a thread of the test's own process."""

from __future__ import annotations

import threading
from pathlib import Path

from cictl_agent.config import AgentConfig
from cictl_agent.loop import Agent
from cictl_testing.processes import eventually
from cictl_testing.scripted_server import ScriptedServer


class AgentThread:
    """An agent for a scripted server, named `a`; it does not trace its shell, and is no service, unless told so."""

    def __init__(
        self,
        server: ScriptedServer,
        work_dir: Path,
        *,
        service: str = "",
        container_engine: str = "",
        traces: bool = False,
    ) -> None:
        self.config = AgentConfig(
            agent_id="a",
            work_dir=work_dir,
            server_url=server.url,
            trace_shell=traces,
            service=service,
            container_engine=container_engine,
        )
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=Agent(self.config, heartbeat_seconds=1).run, args=(self.stopped,))
        self._thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self._thread.join()


def gone(pid: int) -> bool:
    """Wait until a process has ended; one that nobody has buried yet counts as ended."""
    return bool(eventually(lambda: not is_alive(pid), what=f"the end of process {pid}", seconds=10))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
