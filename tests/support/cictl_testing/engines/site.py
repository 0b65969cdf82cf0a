"""A scripted server and an agent process whose jobs run in a real engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cictl_testing.engines.image import IMAGE
from cictl_testing.engines.real import RealEngine
from cictl_testing.processes import Process
from cictl_testing.servers.scripted_server import ScriptedServer, ServedJob


@dataclass(kw_only=True)
class Site:
    """A scripted server, and an agent that works for it with a real engine."""

    engine: RealEngine
    server: ScriptedServer
    work_dir: Path
    agent: Process

    def enqueue(self, script: str = "true", *, image: str = IMAGE, **fields: Any) -> str:
        """Add a job in a container; names that begin with `container_` are what it wants of that."""
        wanted = {f"runtime_exec.{key}": fields.pop(key) for key in list(fields) if key.startswith("container_")}
        metadata = {
            "runtime_probe.container_image": image,
            "pipeline_job_id": "job",
            **wanted,
            **fields.pop("metadata", {}),
        }
        return self.server.enqueue(script=script, metadata=metadata, **fields)

    def run(self, script: str = "true", **fields: Any) -> ServedJob:
        """Have a job run to its end."""
        return self.server.finished(self.enqueue(script, **fields))

    @property
    def workspace(self) -> Path:
        """The directory of the jobs, which all have the same name."""
        [found] = (self.work_dir / "workspaces").iterdir()
        return found

    def restart_agent(self) -> None:
        """Kill the agent, without a chance to tidy up, and start another in its place."""
        self.agent.kill()
        self.agent.stop()
        self.agent = start_agent(self.engine, self.server, self.work_dir)


def start_agent(engine: RealEngine, server: ScriptedServer, work_dir: Path) -> Process:
    arguments = ("run-agent", "--server", server.url, "--id", "a", "--work-dir", str(work_dir))
    settings = {
        **engine.environment,
        "CICTL_CONTAINER_ENGINE": engine.path,
        "CICTL_AGENT_TRACE_SHELL": "0",
        "FROM_AGENT": "agent",
    }
    return Process(*arguments, environment=settings, directory=work_dir)
