from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.servers.scripted_server import ScriptedServer, ServedJob

from cictl.wire.jobs import Step

RunSteps = Callable[..., ServedJob]


@pytest.fixture
def run(server: ScriptedServer, agent: AgentThread) -> RunSteps:
    """Return a verb that has a job of these steps run to its end; a text is a step without options."""

    def run_steps(*steps: Step | str, **fields: Any) -> ServedJob:
        return server.finished(enqueue_steps(server, *steps, **fields))

    return run_steps


@pytest.fixture
def enqueue(server: ScriptedServer, agent: AgentThread) -> Callable[..., str]:
    """Return a verb that has a job of these steps begin, and tells its id."""
    return lambda *steps, **fields: enqueue_steps(server, *steps, **fields)


def enqueue_steps(server: ScriptedServer, *steps: Step | str, **fields: Any) -> str:
    plan = [step if isinstance(step, Step) else Step(script=step) for step in steps]
    numbered = [msgspec.structs.replace(step, index=i, total=len(plan)) for i, step in enumerate(plan, start=1)]
    return server.enqueue(step_plan=numbered, **fields)
