"""An agent in a thread of this process: for local runs, for the demo, and for tests."""

from __future__ import annotations

import threading

from cictl_agent.agent import Agent


class AgentThread:
    """An agent at work, from now until `stop`.

    Attributes:
        stopped: Set once it was told to end.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=agent.run, args=(self.stopped,), name="agent")
        self._thread.start()

    def stop(self) -> None:
        """End the jobs that run, with all that they started, and wait for that. A Ctrl-C meanwhile kills them."""
        self.stopped.set()
        self.join()

    def join(self) -> None:
        """Wait until the agent has ended, on its own or because it was stopped."""
        try:
            self._thread.join()
        except KeyboardInterrupt:
            self.agent.kill()
            raise
